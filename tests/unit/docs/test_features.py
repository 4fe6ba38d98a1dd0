"""docs/features.md says what the feature sets hold: every name once, in order, with formula and unit."""

import re
from pathlib import Path

import pytest

from edge_runtime.features.classic import CLASSIC
from edge_runtime.features.hydraulic import HYDRAULIC
from edge_runtime.features.physics.registry import FAMILIES
from edge_runtime.features.sequence import SEQUENCE, TOKENS

MANUAL = (Path(__file__).parents[3] / "docs" / "features.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", MANUAL, re.MULTILINE | re.DOTALL))


def documented(section: str) -> list[str]:
    rows = re.findall(r"^\| `([a-z0-9_]+)` \| ([^|]+) \| ([^|]+) \|$", SECTIONS[section], re.MULTILINE)
    assert all(formula.strip() and unit.strip() for _, formula, unit in rows)
    return [name for name, _, _ in rows]


@pytest.mark.parametrize("spec", [CLASSIC, HYDRAULIC], ids=lambda spec: spec.name)
def test_every_feature_has_its_row_in_order(spec):
    assert documented(spec.name) == list(spec.names)


def test_tokens_are_documented_as_one():
    assert documented(SEQUENCE.name) == ["token_k"]
    assert [name.removeprefix("token_") for name in SEQUENCE.names] == [str(k) for k in range(TOKENS)]
    assert f"{TOKENS} tokens" in SECTIONS[SEQUENCE.name]


def test_every_residual_has_its_row_with_formula_and_faults():
    cell = r"((?:[^|\\]|\\\|)+)"
    rows = re.findall(rf"^\| `([a-z_]+)` \| {cell} \| {cell} \| {cell} \|$", SECTIONS["physics-1"], re.MULTILINE)
    assert [(name, formula.replace(r"\|", "|"), shows) for name, formula, _, shows in rows] == [
        (one.name, one.formula, ", ".join(fault.replace("_", " ") for fault in one.shows))
        for _, residuals in FAMILIES
        for one in residuals
    ]
