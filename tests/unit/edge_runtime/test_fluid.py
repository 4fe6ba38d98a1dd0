import numpy as np
import pytest
from pydantic import ValidationError

from edge_runtime.fluid import Fluid


def viscosity(fluid: Fluid, temperature_c: float) -> float:
    return fluid.iso_vg * float(fluid.relative_viscosity(np.array(temperature_c)))


def test_the_grade_is_the_viscosity_at_40_degrees():
    assert viscosity(Fluid(iso_vg=32), 40) == pytest.approx(32)


def test_the_data_sheet_is_met_at_100_degrees():
    assert viscosity(Fluid(iso_vg=46, viscosity_100c_mm2_s=8.2), 100) == pytest.approx(8.2)


@pytest.mark.parametrize(("grade", "at_100"), [(15, 3.4), (22, 4.3), (32, 5.4), (46, 6.8), (68, 8.7), (100, 11.1)])
def test_mineral_oils_without_a_data_sheet_are_near_a_viscosity_index_of_100(grade: float, at_100: float):
    assert viscosity(Fluid(iso_vg=grade), 100) == pytest.approx(at_100, rel=0.03)


def test_an_hlp_46_is_as_thick_as_the_walther_equation_says():
    # log10 log10(46.7) and log10 log10(7.5) at 313.15 and 373.15 K give B = 3.674.., hence at 293.15 and 333.15 K:
    slope = (np.log10(np.log10(46.7)) - np.log10(np.log10(7.5))) / np.log10(373.15 / 313.15)
    for celsius in (20.0, 60.0):
        exponent = np.log10(np.log10(46.7)) - slope * np.log10((celsius + 273.15) / 313.15)
        assert viscosity(Fluid(), celsius) == pytest.approx(10 ** (10**exponent) - 0.7)
    assert 100 < viscosity(Fluid(), 20) < 140
    assert 20 < viscosity(Fluid(), 60) < 24


def test_an_unknown_temperature_leaves_the_viscosity_unknown():
    assert np.isnan(Fluid().relative_viscosity(np.array([np.nan, 40.0]))).tolist() == [True, False]


def test_a_litre_takes_up_density_times_heat_capacity():
    assert Fluid(density_kg_m3=870, heat_capacity_j_kg_k=2000).heat_j_l_k == pytest.approx(1740)


def test_a_grade_that_is_no_oil_is_refused():
    with pytest.raises(ValidationError, match="iso_vg"):
        Fluid(iso_vg=0)


def test_an_oil_that_were_thicker_when_hot_is_refused():
    with pytest.raises(ValidationError, match="46 isn't below iso_vg 46"):
        Fluid(iso_vg=46, viscosity_100c_mm2_s=46)
