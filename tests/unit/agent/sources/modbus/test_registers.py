import pytest
from pydantic import ValidationError

from agent.sources.modbus.registers import ByteOrder, ClockSettings, RegisterSettings


def register(**changes):
    return RegisterSettings.model_validate({"sensor": "S", "address": 0, **changes})


@pytest.mark.parametrize(
    ("order", "places"),
    [("ABCD", [0, 1, 2, 3]), ("CDAB", [2, 3, 0, 1]), ("BADC", [1, 0, 3, 2]), ("DCBA", [3, 2, 1, 0])],
)
def test_an_order_says_where_the_bytes_are(order, places):
    assert ByteOrder(order).significance(2) == places


@pytest.mark.parametrize(("given", "bits"), [(3, (3, 3)), ("3", (3, 3)), ("4-7", (4, 7)), ([4, 7], (4, 7))])
def test_bits_are_one_or_a_range(given, bits):
    assert register(type="uint16", bits=given).bits == bits


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"address": 65535}, "leaves no room for 2 registers"),
        ({"bits": 3}, "bits of a float32"),
        ({"type": "uint16", "bits": "12-16"}, "0 to 15"),
        ({"type": "uint16", "bits": "7-4"}, "low-high"),
        ({"kind": "coil", "type": "uint16"}, "a coil is one bit: leave out type"),
        ({"kind": "discrete", "bits": 1}, "leave out bits"),
        ({"raw_min": 2, "raw_max": 1}, "above raw_max"),
        ({"type": "int16", "no_value": [0x10000]}, "never in a int16"),
        ({"type": "uint16", "no_value": [-1]}, "never in a uint16"),
        ({"type": "int16", "no_value": [0.5]}, "never in a int16"),
        ({"unit": "furlong"}, "there is no such unit, there are bar"),
        ({"dead_band": -1}, "dead_band"),
        ({"scale": "inf"}, "scale"),
    ],
)
def test_what_can_not_be_is_refused(changes, said):
    with pytest.raises(ValidationError, match=said):
        register(**changes)


def test_a_clock_is_not_made_of_bits():
    with pytest.raises(ValidationError, match="not in coils"):
        ClockSettings(kind="coil", address=0)


def test_a_marker_may_be_given_as_bits_or_as_the_number():
    assert register(type="int16", no_value=[0x7FFF, 0x8000]).markers == (32767, -32768)
    assert register(type="int16", no_value=[-32768]).markers == (-32768,)
    assert register(type="uint16", no_value=[0x8000]).markers == (0x8000,)
    assert register(no_value=[-9999.9]).markers == (-9999.9,)


def test_the_unit_is_converted_after_scale_and_offset():
    layout = register(unit="°F", scale=0.1, offset=-40)
    assert 720 * layout.factor + layout.shift == pytest.approx(0.0)
    plain = register(scale=0.1, offset=-40)
    assert (plain.factor, plain.shift) == (0.1, -40)


@pytest.mark.parametrize(
    ("changes", "name"), [({}, "S at holding register 0"), ({"kind": "coil", "address": 7}, "S at coil 7")]
)
def test_a_register_says_where_it_is(changes, name):
    assert str(register(**changes)) == name
