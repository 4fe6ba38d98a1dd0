import pytest

from agent.cli.diagnosis_view import show_diagnosis
from agent.cli.output import console
from agent.cli.trend_words import trend_words
from edge_runtime.prognosis.remaining_life import RemainingLife
from edge_runtime.prognosis.trend import HealthTrend
from tests.stored import diagnosis

SOON = RemainingLife(threshold=0.5, p10_days=4, p50_days=9, p90_days=15, horizon_days=100)
LATER = RemainingLife(threshold=0.5, p10_days=42, p50_days=63, p90_days=98, horizon_days=200)
CERTAIN = RemainingLife(threshold=0.5, p10_days=19, p50_days=20, p90_days=22, horizon_days=100)
OPEN = RemainingLife(threshold=0.5, p10_days=42, p50_days=63, horizon_days=80)
REFUSED = RemainingLife(threshold=0.5, refused="health is already below 50%")


def trend(loss, low, high, life=LATER, *, significant=True):
    return HealthTrend(
        history_days=20, loss_per_day=loss, loss_low=low, loss_high=high, significant=significant, remaining_life=life
    )


@pytest.mark.parametrize(
    ("life", "words"),
    [
        (SOON, "below 50% in 4–15 days, as likely as not within 9"),
        (LATER, "below 50% in 6–14 weeks, as likely as not within 9"),
        (CERTAIN, "below 50% in 19–22 days, as likely as not within 20"),
        (OPEN, "below 50% in 6 weeks or later, as likely as not within 9"),
        (REFUSED, "no forecast: health is already below 50%"),
    ],
)
def test_a_loss_comes_with_its_interval_and_what_life_remains(life, words):
    assert trend_words(trend(0.03 / 7, 0.02 / 7, 0.05 / 7, life)) == (
        f"loses 3.0% [2.0, 5.0] of its health a week; {words}"
    )


def test_a_rise_has_no_end():
    assert trend_words(trend(-0.03 / 7, -0.05 / 7, -0.02 / 7, REFUSED)) == "gains 3.0% [2.0, 5.0] of its health a week"


def test_no_trend_is_an_answer():
    seen = trend(0.001 / 7, -0.01 / 7, 0.02 / 7, REFUSED, significant=False)
    assert trend_words(seen) == "no trend in 20 days: between -2.0 and +1.0% a week"


def test_too_little_history_says_what_is_needed():
    reason = "3.0 days of history, 7 needed"
    seen = HealthTrend(history_days=3, reason=reason, remaining_life=RemainingLife(threshold=0.5, refused=reason))
    assert trend_words(seen) == "no trend yet: 3.0 days of history, 7 needed"


def test_what_holds_for_several_components_is_said_once():
    whole = diagnosis(0)
    pump = whole.components[0].model_copy(update={"condition": "leakage", "trend": trend(0.01, 0.008, 0.012)})
    valve = pump.model_copy(update={"component": "valve"})
    with console.capture() as shown:
        show_diagnosis(whole.model_copy(update={"components": (pump, valve)}))
    assert shown.get().count("pump, valve loses 7.0% [5.6, 8.4]") == 1
