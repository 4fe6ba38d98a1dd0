"""An edge node of Sparkplug B, encoded by hand from the specification's field numbers, without a protobuf library."""

import struct

VALUES = {int: (10, "varint"), "long": (11, "varint"), "float": (12, "f"), float: (13, "d"), bool: (14, "varint")}
TYPES = {int: 3, "long": 4, "float": 9, float: 10, bool: 11}


def varint(value):
    content = bytearray()
    value &= 2**64 - 1
    while value > 127:
        content.append(value & 127 | 128)
        value >>= 7
    return bytes([*content, value])


def sent(number, kind, value):
    """One field."""
    if kind == "varint":
        return varint(number << 3) + varint(int(value))
    if kind in {"f", "d"}:
        return varint(number << 3 | (5 if kind == "f" else 1)) + struct.pack(f"<{kind}", value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def quality(code):
    """The property Quality."""
    value = sent(1, "varint", 3) + sent(3, "varint", code)
    return sent(1, "bytes", b"Quality") + sent(2, "bytes", value)


def metric(value=None, *, name="", alias=None, time_ms=None, kind=None, datatype=None, code=None, announced=True):
    """A metric; `kind` is "long" or "float" where the Python type doesn't say."""
    kind = kind or type(value)
    content = sent(1, "bytes", name.encode()) if name else b""
    content += b"" if alias is None else sent(2, "varint", alias)
    content += b"" if time_ms is None else sent(3, "varint", time_ms)
    if announced:
        content += sent(4, "varint", datatype if datatype is not None else TYPES.get(kind, 10))
    content += sent(7, "varint", 1) if value is None else b""
    content += b"" if code is None else sent(9, "bytes", quality(code))
    if value is not None:
        number, form = VALUES[kind]
        unsigned = value & (2**32 - 1 if kind is int else 2**64 - 1) if form == "varint" and kind is not bool else value
        content += sent(number, form, unsigned)
    return content


def payload(*metrics, seq=None, time_ms=None):
    """A message."""
    content = b"" if time_ms is None else sent(1, "varint", time_ms)
    content += b"".join(sent(2, "bytes", one) for one in metrics)
    return content + (b"" if seq is None else sent(3, "varint", seq))


def birth_number(number):
    """The metric bdSeq."""
    return metric(number, name="bdSeq", kind="long")
