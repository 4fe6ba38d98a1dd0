"""`hydrosight diagnose`: the latest diagnoses of the agent, or a recording diagnosed offline."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from agent.cli.diagnosis_view import show_abstentions, show_diagnosis, summary_columns, summary_row
from agent.cli.output import DEFAULT, ConfigOption, JsonOption, console, print_json, print_table, reported_errors
from agent.cli.store_access import open_store
from edge_runtime.diagnosis import Diagnosis
from edge_runtime.errors import ConfigurationError, RecordingError


def diagnose(
    config: ConfigOption = DEFAULT,
    machine: Annotated[Path | None, typer.Option(help="Offline: the machine file.")] = None,
    bundle: Annotated[Path | None, typer.Option(help="Offline: the model bundle (a folder).")] = None,
    recording: Annotated[Path | None, typer.Option(help="Offline: the recording (a folder).")] = None,
    last: Annotated[int, typer.Option(min=1, max=10_000, help="How many of the agent's latest diagnoses.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Show the agent's latest diagnoses, or diagnose a recording offline.

    With --machine, --bundle and --recording every window of the recording is diagnosed, with no agent and no settings
    needed; --json then prints one JSON line per window.

    Example: `hydrosight diagnose --machine configs/machines/zema.yaml --bundle configs/models/zema-rig --recording
    configs/recordings/zema-sample`
    """
    with reported_errors():
        offline = [option for option in (machine, bundle, recording) if option is not None]
        if machine and bundle and recording:
            _print(diagnose_recording(machine, bundle, recording), as_json=as_json)
        elif offline:
            raise ConfigurationError(
                "offline diagnosis needs --machine, --bundle and --recording together",
                hint="hydrosight diagnose --machine configs/machines/zema.yaml --bundle configs/models/zema-rig "
                "--recording configs/recordings/zema-sample",
            )
        else:
            with open_store(config) as store:
                diagnoses = list(reversed(store.diagnoses(limit=last)))
            if not diagnoses and not as_json:
                console.print("[dim]No diagnosis yet: a window must be complete first. See `hydrosight status`.[/]")
            elif last == 1 and not as_json:
                show_diagnosis(diagnoses[0])
            else:
                _print(iter(diagnoses), as_json=as_json)


def diagnose_recording(machine_file: Path, bundle_path: Path, recording_path: Path) -> Iterator[Diagnosis]:
    """Diagnose every window of a recording that holds data, in order of time, with its trend.

    Raises:
        ConfigurationError: the machine file is wrong.
        BundleError: the bundle is damaged or doesn't fit.
        RecordingError: the recording can't be read, or isn't of this machine.
    """
    from edge_runtime.backends.onnx import OnnxBackend  # noqa: PLC0415 - slow to load; the live view does without
    from edge_runtime.bundle import open_bundle  # noqa: PLC0415
    from edge_runtime.diagnoser import Diagnoser  # noqa: PLC0415
    from edge_runtime.machine_file import load_machine  # noqa: PLC0415
    from edge_runtime.prognosis.history import HealthHistory  # noqa: PLC0415
    from edge_runtime.recording import read_recording  # noqa: PLC0415
    from edge_runtime.windowing import cut_window, window_starts  # noqa: PLC0415

    machine = load_machine(machine_file)
    bundle = open_bundle(bundle_path)
    diagnoser = Diagnoser(machine, bundle, OnnxBackend(bundle.model_path))
    signals = read_recording(recording_path)
    signals.check_against(machine)
    if not signals.series:
        raise RecordingError(f"{recording_path}: holds no readings", hint="Choose another recording.")
    length_us = round(bundle.manifest.window_s * 1e6)
    history = HealthHistory()
    for start_us in window_starts(signals.first_us, signals.last_us, length_us):
        end_us = start_us + length_us
        series = {name: part for name, whole in signals.series.items() if len(part := whole.between(start_us, end_us))}
        if not series:
            continue
        diagnosis = diagnoser.diagnose(cut_window(machine, series, start_us, end_us), history)
        history = history.extended(start_us, diagnosis.healths)
        yield diagnosis


def _print(diagnoses: Iterator[Diagnosis], *, as_json: bool) -> None:
    if as_json:
        for diagnosis in diagnoses:
            print_json(diagnosis.model_dump(mode="json"))
        return
    everything = list(diagnoses)
    columns = summary_columns(everything[0]) if everything else []
    print_table("Diagnoses", columns, [summary_row(diagnosis) for diagnosis in everything], "No window holds data.")
    show_abstentions(everything)
