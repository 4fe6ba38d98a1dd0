import random
from itertools import islice

from agent.sources.backoff import backoff_delays


def test_delays_double_up_to_the_longest():
    class NoJitter(random.Random):
        def uniform(self, a, b):
            return b

    assert list(islice(backoff_delays(0.5, 5.0, NoJitter()), 6)) == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]


def test_jitter_shortens_by_up_to_half_and_depends_on_the_seed():
    nominal = list(islice(backoff_delays(1.0, 8.0, random.Random(1)), 50))
    other = list(islice(backoff_delays(1.0, 8.0, random.Random(2)), 50))
    assert nominal != other
    assert all(4.0 <= delay <= 8.0 for delay in nominal[3:])
