import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cloud_sync.cloud.inference.message import LENGTHS_BYTES, MessageMemory, lengths, packed, unpacked

ARRAYS = hnp.arrays(np.float32, st.integers(0, 40), elements=st.floats(width=32))


def received(sent: memoryview) -> object:
    """As the other end takes it apart, from memory of its own."""
    head, samples = lengths(sent[:LENGTHS_BYTES])
    body = memoryview(bytearray(sent[LENGTHS_BYTES:]))
    assert len(body) == head + samples
    return unpacked(body[:head], body[head:])


@settings(max_examples=30)
@given(st.lists(st.dictionaries(st.text(max_size=3), ARRAYS, max_size=4), max_size=4))
def test_what_arrives_is_what_was_sent_whatever_was_sent_before(windows):
    memory = MessageMemory()
    packed(np.full(500, np.nan, np.float32), memory)
    found = received(packed(("call", windows), memory))
    np.testing.assert_equal(found, ("call", windows))


def test_arrays_begin_where_numpy_is_fastest():
    name, found = received(packed(("x" * 5, np.arange(7, dtype=np.float32)), MessageMemory()))
    assert (name, found.tolist()) == ("xxxxx", list(range(7)))
    sent = packed(("x" * 5, np.arange(7, dtype=np.float32)), MessageMemory())
    head, samples = lengths(sent[:LENGTHS_BYTES])
    assert (LENGTHS_BYTES + head) % 64 == 0
    assert samples == 28
