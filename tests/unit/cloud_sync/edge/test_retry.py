"""Waits after failures, of one box and of a fleet."""

import random

from cloud_sync.edge.retry import RetryPolicy


def test_waits_grow_and_are_capped_and_differ_between_boxes() -> None:
    policy = RetryPolicy(base_s=1, cap_s=60)

    bounds = [max(policy.wait_s(n, None, random.Random(seed)) for seed in range(200)) for n in range(1, 10)]

    assert all(bound <= min(60, 2 ** (n - 1)) for n, bound in enumerate(bounds, start=1))
    assert bounds[3] > 7
    assert policy.wait_s(5000, None, random.Random(0)) <= 60
    assert policy.wait_s(5, None, random.Random("rig-1")) != policy.wait_s(5, None, random.Random("rig-2"))
