"""A model that is open: windows of any machines diagnosed together, by the code of the box."""

import time
from collections import OrderedDict, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from cloud_sync.cloud.inference.answer import InferenceAnswer, answer_of
from cloud_sync.cloud.inference.job import Job, ServingModel
from edge_runtime.backends.base import Backend
from edge_runtime.bundle import open_bundle
from edge_runtime.diagnoser import Diagnoser, infer
from edge_runtime.errors import BackendError, BundleError, ConfigurationError, HydrosightError
from edge_runtime.machine import MACHINES_KEPT, Machine
from edge_runtime.yaml_file import YamlText

Answer = InferenceAnswer | HydrosightError
"""About one window, or why there is none."""


@dataclass(frozen=True, slots=True)
class _OfMachine:
    """Which of the jobs are about a machine."""

    numbers: list[int]
    machine: Machine
    diagnoser: Diagnoser


class OpenModel:
    """A loaded model, with a diagnoser for each machine that it was asked about."""

    def __init__(self, model: ServingModel) -> None:
        """Open it.

        Raises:
            BundleError: its folder isn't what was published.
            BackendError: the engine can't load it.
        """
        from edge_runtime.backends.onnx import OnnxBackend  # noqa: PLC0415 - not installed where nothing is inferred

        self._bundle = open_bundle(model.folder)
        if self._bundle.sha256 != model.sha256:
            raise BundleError(
                f"{model.folder}: isn't {model.name} {model.version} any more", hint="Start the server again."
            )
        self._backend: Backend = OnnxBackend(self._bundle.model_path)
        self._diagnosers: OrderedDict[str, tuple[Machine, Diagnoser]] = OrderedDict()

    def answer(self, jobs: Sequence[Job]) -> list[Answer]:
        """Diagnose together; in order of the jobs. A machine file that is wrong is an error for its windows alone."""
        answers: dict[int, Answer] = {}
        by_machine: dict[str, list[int]] = defaultdict(list)
        for number, job in enumerate(jobs):
            by_machine[job.machine_file].append(number)
        ready: list[_OfMachine] = []
        for numbers in by_machine.values():
            try:
                ready.append(_OfMachine(numbers, *self._diagnoser(jobs[numbers[0]])))
            except ConfigurationError as error:
                answers |= dict.fromkeys(numbers, error)
        if ready:
            answers |= self._together(jobs, ready)
        return [answers[number] for number in range(len(jobs))]

    def _together(self, jobs: Sequence[Job], ready: Sequence[_OfMachine]) -> dict[int, Answer]:
        """Answers to the jobs of several machines, with one inference."""
        started = time.perf_counter()
        observed = [
            seen
            for item in ready
            for seen in item.diagnoser.observe([jobs[number].window.of(item.machine) for number in item.numbers])
        ]
        try:
            outputs = infer(self._backend, observed)
        except BackendError as error:
            if len(observed) == 1:
                return {ready[0].numbers[0]: error}
            # One window that the engine fails on doesn't take the others with it.
            alone = [replace(item, numbers=[number]) for item in ready for number in item.numbers]
            return {number: answer for one in alone for number, answer in self._together(jobs, [one]).items()}
        each_ms = 1e3 * (time.perf_counter() - started) / len(observed)
        asked = [(number, item) for item in ready for number in item.numbers]
        return {
            number: answer_of(item.diagnoser.conclude(seen, output, each_ms), jobs[number], item.machine)
            for (number, item), seen, output in zip(asked, observed, outputs, strict=True)
        }

    def _diagnoser(self, job: Job) -> tuple[Machine, Diagnoser]:
        """The machine and its diagnoser, made once.

        Raises:
            ConfigurationError: the machine file is wrong.
        """
        known = self._diagnosers.get(job.machine_file)
        if known is None:
            where = f"machine file of {job.window.machine}"
            machine = YamlText.parse(job.machine_file, where).validated(Machine)
            known = machine, Diagnoser(machine, self._bundle, self._backend)
            self._diagnosers[job.machine_file] = known
            if len(self._diagnosers) > MACHINES_KEPT:
                self._diagnosers.popitem(last=False)
        self._diagnosers.move_to_end(job.machine_file)
        return known
