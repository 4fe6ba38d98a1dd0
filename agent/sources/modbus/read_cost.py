"""How many registers that nobody asked for are cheaper to read along than another request.

On a serial line time goes by characters of 11 bits (Modbus over Serial Line 1.02, 2.5.1). A register costs two of them;
a request costs 8 of its own and 5 around the answer, two silences of 3.5 characters (never less than 1.75 ms), and the
time that the device takes to answer. Over Ethernet a round trip takes longer than the 250 bytes of the longest answer,
so that any gap within one read is cheaper.
"""

from agent.sources.modbus.transport import RtuOverTcpTransport, RtuTransport, TcpTransport, TlsTransport

BITS_A_CHARACTER = 11
FRAME_CHARACTERS = 8 + 5
SILENCE_CHARACTERS = 3.5
SHORTEST_SILENCE_S = 0.00175
DEVICE_S = 0.005
"""What a device takes to begin its answer, at its quickest: assumed low, so that gaps are rather left out."""

UNKNOWN_BAUD_RATE = 19200
"""Assumed of the line behind a gateway: the standard's default."""


def widest_gap(transport: TcpTransport | TlsTransport | RtuTransport | RtuOverTcpTransport, longest_read: int) -> int:
    """Registers between two wanted ones that are read along, given how many one read may have."""
    match transport:
        case TcpTransport() | TlsTransport():
            return longest_read
        case RtuTransport(baud_rate=baud_rate):
            return min(longest_read, _serial_gap(baud_rate))
        case RtuOverTcpTransport():
            return min(longest_read, _serial_gap(UNKNOWN_BAUD_RATE))


def _serial_gap(baud_rate: int) -> int:
    character_s = BITS_A_CHARACTER / baud_rate
    silence_s = max(SILENCE_CHARACTERS * character_s, SHORTEST_SILENCE_S)
    request_s = FRAME_CHARACTERS * character_s + 2 * silence_s + DEVICE_S
    return int(request_s / (2 * character_s))
