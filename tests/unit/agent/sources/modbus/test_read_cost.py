import pytest

from agent.sources.modbus.read_cost import widest_gap
from agent.sources.modbus.transport import RtuOverTcpTransport, RtuTransport, TcpTransport, TlsTransport


def serial(baud_rate):
    return RtuTransport(type="rtu", device="/dev/ttyS0", baud_rate=baud_rate)


@pytest.mark.parametrize(
    # 9600 baud: (13 + 7) characters of 1.146 ms and 5 ms, against 2.292 ms a register. 115200: 13 of 95 µs and 8.5 ms.
    ("baud_rate", "gap"),
    [(9600, 12), (19200, 14), (115200, 51)],
)
def test_on_a_serial_line_a_gap_is_read_along_while_it_takes_less_time_than_a_request(baud_rate, gap):
    assert widest_gap(serial(baud_rate), 125) == gap


def test_the_slower_the_line_the_narrower_the_gap():
    gaps = [widest_gap(serial(baud), 125) for baud in (300, 1200, 4800, 19200, 115200, 1_000_000)]
    assert gaps == sorted(gaps)
    assert gaps[0] >= 10


def test_over_ethernet_any_gap_within_a_read_is_cheaper():
    assert widest_gap(TcpTransport(type="tcp", host="h"), 125) == 125
    assert widest_gap(TlsTransport(type="tls", host="h"), 60) == 60


def test_behind_a_gateway_the_line_is_assumed_to_have_the_default_rate():
    assert widest_gap(RtuOverTcpTransport(type="rtu_over_tcp", host="h"), 125) == widest_gap(serial(19200), 125)
    assert widest_gap(RtuOverTcpTransport(type="rtu_over_tcp", host="h"), 5) == 5
