"""Rules and dashboards ask for metrics that the centre has; promtool checks the rules where it is installed."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from cloud_sync.cloud.metrics import CentreMetrics

DEPLOY = Path(__file__).parents[3] / "deploy"
RULES = DEPLOY / "prometheus" / "alerts.yml"
_METRIC = re.compile(r"\bhydrosight_\w+")


def served() -> set[str]:
    """Names of all series of the centre; `_bucket` and its like among them."""
    metrics = CentreMetrics()
    metrics.batches.labels("committed")
    metrics.enrolments.labels("accepted")
    return set(_METRIC.findall(metrics.render().decode()))


def expressions() -> list[str]:
    rules = [rule["expr"] for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    for dashboard in (DEPLOY / "grafana" / "dashboards").glob("*.json"):
        panels = json.loads(dashboard.read_text())["panels"]
        rules += [target["expr"] for panel in panels for target in panel["targets"] if "expr" in target]
    return rules


@pytest.mark.parametrize("expression", expressions())
def test_every_metric_is_served(expression: str) -> None:
    names = set(_METRIC.findall(expression))
    assert names <= served()
    assert names or "up{" in expression


def test_every_alert_says_what_to_do() -> None:
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        for rule in group["rules"]:
            assert rule["annotations"].keys() == {"summary", "action"}
            assert rule["labels"]["severity"] in {"warning", "critical"}
            assert rule["for"]


@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool, which comes with Prometheus")
def test_promtool_takes_the_rules() -> None:
    done = subprocess.run(["promtool", "check", "rules", str(RULES)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
