"""From a window to a diagnosis: graph, inference, calibration, evidence, recommendations; or an honest silence.

Signals that are outside of the training but not far are judged, with less confidence and all levels possible.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from edge_runtime.advice import AdviceBook, shipped_advice
from edge_runtime.backends.base import Backend, ModelOutput
from edge_runtime.baseline.deviation import Comparison, compare
from edge_runtime.baseline.document import MachineBaseline
from edge_runtime.baseline.profile import profile
from edge_runtime.basis import Silence, basis_of
from edge_runtime.bundle import Bundle
from edge_runtime.calibration import conformal_set, level_probabilities, sigmoid
from edge_runtime.diagnosis import (
    BaselineReference,
    ComponentDiagnosis,
    Diagnosis,
    Evidence,
    ModelIdentity,
    SeverityClass,
)
from edge_runtime.evidence import evidence, expectations, strongest
from edge_runtime.fault_table import is_possible
from edge_runtime.graph import Float32Array, GraphSample, Int64Array
from edge_runtime.graph_builder import build_graphs, join_graphs
from edge_runtime.machine import Component, Condition, Machine
from edge_runtime.missing_signals import missing_signals
from edge_runtime.novelty import Novelty, fingerprints
from edge_runtime.overall import overall_health
from edge_runtime.prognosis.history import HealthHistory
from edge_runtime.prognosis.trend import health_trend
from edge_runtime.recommend import recommend
from edge_runtime.sensor_check import SensorFault, check_sensors
from edge_runtime.utc import utc_datetime
from edge_runtime.vocabulary import FaultMode
from edge_runtime.window import Window

_PLACE_OF_FAULT = {fault: place for place, fault in enumerate(FaultMode)}


class Diagnoser:
    """Diagnoses windows of one machine with one bundle."""

    def __init__(
        self,
        machine: Machine,
        bundle: Bundle,
        backend: Backend,
        *,
        advice: AdviceBook | None = None,
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Put the parts together.

        Args:
            machine: the machine that the windows come from; it may be another than the bundle's own.
            bundle: calibration, baseline and name of the model.
            backend: has the bundle's model loaded.
            advice: rules of what to do; without them those that come with Hydrosight.
            timer: seconds of a steady clock, for `inference_ms`.
        """
        self._machine = machine
        self._bundle = bundle
        self._manifest = bundle.manifest
        self._backend = backend
        self._advice = advice or shipped_advice()
        self._timer = timer
        self._model = ModelIdentity(
            name=bundle.manifest.name,
            version=bundle.manifest.version,
            release=bundle.manifest.release,
            sha256=bundle.sha256,
        )

    @property
    def bundle(self) -> Bundle:
        """The bundle it diagnoses with."""
        return self._bundle

    @property
    def model(self) -> ModelIdentity:
        """Which model that is, as diagnoses name it."""
        return self._model

    def diagnose(
        self, window: Window, history: HealthHistory | None = None, baseline: MachineBaseline | None = None
    ) -> Diagnosis:
        """Diagnose one window.

        Args:
            window: channels in the order of the machine's sensors.
            history: of each component's health before this window; without one there are no trends.
            baseline: of this machine when it is healthy; without one the model's is the evidence.

        Raises:
            BackendError: the engine failed.
        """
        (diagnosis,) = self._diagnose([window], history, baseline)
        return diagnosis

    def diagnose_many(self, windows: Sequence[Window], baseline: MachineBaseline | None = None) -> list[Diagnosis]:
        """Diagnose windows of any order with one inference; no trends.

        Raises:
            BackendError: the engine failed.
        """
        return self._diagnose(windows, None, baseline) if windows else []

    def _diagnose(
        self, windows: Sequence[Window], history: HealthHistory | None, baseline: MachineBaseline | None
    ) -> list[Diagnosis]:
        started = self._timer()
        observed = self.observe(windows, baseline)
        outputs = infer(self._backend, observed)
        inference_ms = 1e3 * (self._timer() - started) / len(windows)
        return [
            self.conclude(item, output, inference_ms, history) for item, output in zip(observed, outputs, strict=True)
        ]

    def observe(self, windows: Sequence[Window], baseline: MachineBaseline | None = None) -> "list[Observation]":
        """All that can be said of windows before the model is asked; see `diagnose`."""
        machine, regions = self._machine, self._bundle.regions
        checked = [check_sensors(machine, window) for window in windows]
        windows = [window for window, _ in checked]
        own = [compare(machine, baseline, profile(window)) if baseline else None for window in windows]
        graphs = build_graphs(machine, windows, own, self._backend.inputs)
        observed = []
        for (window, faults), comparison, graph in zip(checked, own, graphs, strict=True):
            seen = fingerprints(window) if regions else {}
            observed.append(
                Observation(
                    window=window,
                    sensor_faults=faults,
                    graph=graph,
                    missing=missing_signals(machine, graph),
                    novelty={name: region.novelty(machine, seen) for name, region in regions.items()},
                    evidence=evidence(machine, window, expectations(machine, self._manifest.baseline, comparison)),
                    baseline=_reference(baseline, comparison) if baseline and comparison else None,
                )
            )
        return observed

    def conclude(
        self, observed: "Observation", output: ModelOutput, inference_ms: float, history: HealthHistory | None = None
    ) -> Diagnosis:
        """The diagnosis of a window of this machine, from what the model answered; see `diagnose`."""
        window = observed.window
        components = tuple(
            self._component(node, component, observed, output, history)
            for node, component in enumerate(self._machine.components)
        )
        judged = [
            (item.health, component.criticality)
            for item, component in zip(components, self._machine.components, strict=True)
            if item.health is not None
        ]
        return Diagnosis(
            machine=self._machine.name,
            window_start=utc_datetime(window.start_us),
            window_end=utc_datetime(window.end_us),
            overall_health=overall_health([health for health, _ in judged], [weight for _, weight in judged]),
            components=components,
            recommendations=recommend(components, self._advice),
            sensor_faults=observed.sensor_faults,
            completeness=window.completeness,
            model=self._model,
            baseline=observed.baseline,
            inference_ms=inference_ms,
        )

    def _component(
        self,
        node: int,
        component: Component,
        observed: "Observation",
        output: ModelOutput,
        history: HealthHistory | None,
    ) -> ComponentDiagnosis:
        window = observed.window
        condition = self._machine.condition_of(component.name)
        basis = basis_of(self._machine, self._manifest, component, window, observed.novelty)
        seen = strongest(self._machine, component.name, observed.evidence)
        if isinstance(basis, Silence):
            return ComponentDiagnosis(
                component=component.name,
                type=component.type,
                condition=condition.name if condition else None,
                evidence=seen,
                ne107=basis.state,
                novelty=basis.novelty.amount if basis.novelty else None,
                abstained=True,
                reason=basis.reason,
            )
        levels, calibration = basis.condition.levels, basis.calibration.for_missing(int(observed.missing[node]))
        probabilities = level_probabilities(
            output.level_logits[node], len(levels), calibration.temperature, calibration.lapse
        )
        mean_health = float(probabilities @ np.array([level.health for level in levels]))
        health = min(1.0, max(0.0, mean_health))  # rounding may take it a little beyond
        trend = health_trend(history, component.name, window.start_us, health) if history else None
        likeliest = int(probabilities.argmax())
        labels, novelty = basis.calibration.labels, basis.novelty
        outside = novelty is not None and novelty.outside
        confidence = float(probabilities[likeliest])
        possible = range(len(levels)) if outside else conformal_set(probabilities, calibration.conformal_threshold)
        return ComponentDiagnosis(
            component=component.name,
            type=component.type,
            condition=basis.condition.name,
            health=health,
            level=labels[likeliest],
            severity=SeverityClass.from_health(health),
            level_probabilities=dict(zip(labels, probabilities.tolist(), strict=True)),
            fault_probabilities=_fault_probabilities(component, basis.condition, output.fault_logits[node]),
            confidence=novelty.discounted(confidence, len(levels)) if novelty else confidence,
            conformal_set=tuple(labels[level] for level in possible),
            novelty=novelty.amount if novelty else None,
            caution=f"outside of the training: {novelty.words}" if novelty and outside else None,
            degradation_per_day=trend.loss_per_day if trend and trend.significant else None,
            trend=trend,
            evidence=seen,
            ne107=levels[likeliest].state,
        )


@dataclass(frozen=True, slots=True)
class Observation:
    """A window whose sensors were checked, what it lacks, and what each sensor says of the machine's health."""

    window: Window
    sensor_faults: tuple[SensorFault, ...]
    graph: GraphSample
    missing: Int64Array
    novelty: dict[str, Novelty]
    evidence: dict[str, Evidence]
    baseline: BaselineReference | None


def infer(backend: Backend, observed: Sequence[Observation]) -> list[ModelOutput]:
    """What the model answers to each, with one inference; they may be of different machines.

    Raises:
        BackendError: the engine failed.
    """
    output = backend.run(join_graphs([item.graph for item in observed]))
    ends = np.cumsum([item.graph.nodes for item in observed])[:-1]
    parts = zip(np.split(output.level_logits, ends), np.split(output.fault_logits, ends), strict=True)
    return [ModelOutput(*part) for part in parts]


def _reference(baseline: MachineBaseline, own: Comparison) -> BaselineReference:
    return BaselineReference(
        version=baseline.version,
        created=baseline.created,
        regime=own.words,
        windows=own.regime.windows if own.regime else 0,
    )


def _fault_probabilities(
    component: Component, condition: Condition, fault_logits: Float32Array
) -> dict[FaultMode, float]:
    """The fault that the condition stands for: the only one of this component that the model has seen labels of."""
    if not is_possible(component.type, condition.fault):
        return {}
    return {condition.fault: float(sigmoid(fault_logits[_PLACE_OF_FAULT[condition.fault]]))}
