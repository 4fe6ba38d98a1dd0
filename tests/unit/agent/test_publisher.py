"""Without a broker; what it does with one is in tests/integration/agent."""

import asyncio

import pytest

from agent.publisher import RETRY_LAST_S, Publisher, Topics
from agent.settings import BrokerSettings
from edge_runtime.errors import ConfigurationError


class NoAlerts:
    async def unpublished(self):
        return []

    async def mark_published(self, row):
        raise AssertionError(row)


async def attempts(count, **settings):
    """What is reported, and the delays, while connecting fails so often."""
    reports, delays = [], []

    async def sleep(delay):
        delays.append(delay)
        if len(delays) == count:
            raise asyncio.CancelledError

    broker = BrokerSettings(host="127.0.0.1", port=1, **settings)
    publisher = Publisher(broker, "press", NoAlerts(), lambda *report: reports.append(report))
    with pytest.raises(asyncio.CancelledError):
        await publisher.run(sleep)
    return reports, delays


def test_topics():
    topics = Topics("press-7")
    assert topics.status == "hydrosight/press-7/status"
    assert topics.diagnosis == "hydrosight/press-7/diagnosis"
    assert topics.alert("pump", "leakage") == "hydrosight/press-7/alerts/pump/leakage"


async def test_a_broker_that_is_away_is_reported_once_with_what_to_do():
    ((healthy, message, hint),), _ = await attempts(5)
    assert not healthy
    assert "127.0.0.1:1" in message
    assert "`broker` in the agent's settings" in hint


async def test_it_is_tried_again_ever_later_up_to_a_limit():
    _, delays = await attempts(9)
    assert delays == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, RETRY_LAST_S, RETRY_LAST_S, RETRY_LAST_S]


async def test_a_password_file_that_is_not_there_is_a_wrong_setting(tmp_path):
    with pytest.raises(ConfigurationError, match=r"broker\.password_file .*nowhere"):
        await attempts(1, username="agent", password_file=tmp_path / "nowhere")
