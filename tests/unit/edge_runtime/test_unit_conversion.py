import pytest

from edge_runtime.unit_conversion import CONVERSIONS
from edge_runtime.vocabulary import CANONICAL_UNIT

# NIST SP 811, Appendix B, to the digits given there.
KNOWN = [
    ("psi", 1.0, 0.06894757),
    ("kPa", 100.0, 1.0),
    ("MPa", 1.0, 10.0),
    ("Pa", 1e5, 1.0),
    ("mbar", 1000.0, 1.0),
    ("kgf/cm²", 1.0, 0.980665),
    ("°F", 32.0, 0.0),
    ("°F", 212.0, 100.0),
    ("K", 273.15, 0.0),
    ("gpm", 1.0, 3.785412),
    ("gpm (imperial)", 1.0, 4.54609),
    ("m³/h", 6.0, 100.0),
    ("l/s", 1.0, 60.0),
    ("hp", 1.0, 745.6999),
    ("PS", 1.0, 735.4988),
    ("rad/s", 1.0, 9.549297),
    ("in/s", 1.0, 25.4),
]


@pytest.mark.parametrize(("unit", "number", "value"), KNOWN)
def test_a_unit_becomes_the_canonical_one(unit, number, value):
    conversion = CONVERSIONS[unit]
    assert number * conversion.factor + conversion.offset == pytest.approx(value, rel=2e-7, abs=1e-9)


def test_every_unit_ends_in_a_canonical_one_which_stays_as_it_is():
    assert {conversion.canonical for conversion in CONVERSIONS.values()} == set(CANONICAL_UNIT.values())
    for unit in CANONICAL_UNIT.values():
        assert (CONVERSIONS[unit].canonical, CONVERSIONS[unit].factor, CONVERSIONS[unit].offset) == (unit, 1.0, 0.0)
