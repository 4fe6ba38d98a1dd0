"""Quality and reason survive being one byte."""

import numpy as np
import pytest

from edge_runtime.quality import Quality, Reason, quality_of, reason_of, status, statuses_of


@pytest.mark.parametrize("quality", Quality)
@pytest.mark.parametrize("reason", Reason)
def test_status_gives_back_class_and_reason(quality: Quality, reason: Reason) -> None:
    statuses = np.array([status(quality, reason)], np.uint8)
    assert statuses_of(np.array([quality], np.uint8), np.array([reason], np.uint8)).tolist() == statuses.tolist()
    assert quality_of(statuses).tolist() == [quality]
    assert reason_of(statuses).tolist() == [reason]


def test_a_plain_class_is_its_own_status() -> None:
    """Blocks written before there were reasons hold classes only."""
    assert [status(quality) for quality in Quality] == list(Quality)
