"""`hydrosight config`: look at the settings before the agent does, and at what a reload would change."""

from pathlib import Path
from typing import Annotated

import typer
import yaml

from agent.cli.output import DEFAULT, ConfigOption, JsonOption, console, print_json, print_table, reported_errors
from agent.configuration import Configuration, load_configuration, load_own
from agent.reload_plan import ReloadPlan, plan_reload
from agent.remote.document import RemoteDocument, laid_over
from agent.settings import OneSource
from agent.sources.modbus.settings import ModbusSettings
from agent.sources.mqtt.settings import MqttSettings
from edge_runtime.errors import ConfigurationError
from edge_runtime.yaml_file import YamlText

app = typer.Typer(no_args_is_help=True, help="Check and show the settings, and what a change of them would do.")


@app.command()
def check(config: ConfigOption = DEFAULT, as_json: JsonOption = False) -> None:
    """Validate the settings and the machine file as a whole; ends with 2 when anything in them is wrong.

    Example: `hydrosight config check --config /etc/hydrosight/agent.yaml`
    """
    with reported_errors():
        configuration = load_configuration(config)
        if as_json:
            print_json(_summary(configuration))
            return
        rows = [
            [source.name, _kind(source), _place(source), _sensors(source)]
            for source in configuration.settings.sources.every
        ]
        columns = [("source", "left"), ("kind", "left"), ("at", "left"), ("sensors", "wrap")]
        print_table(f"{config}: right", columns, rows, "")
        machine, unread = configuration.machine, configuration.unread_sensors
        console.print(f"{len(machine.sensors) - len(unread)} of {len(machine.sensors)} sensors of {machine.name} read")
        if unread:
            console.print(f"[yellow]no source reads[/] {', '.join(unread)}: windows will lack them")


@app.command()
def show(config: ConfigOption = DEFAULT, as_json: JsonOption = False) -> None:
    """Print the settings in force, with defaults and where each section comes from.

    Secrets are in files of their own, and never shown.

    Example: `hydrosight config show`
    """
    with reported_errors():
        configuration = load_configuration(config)
        settings = configuration.settings.model_dump(mode="json")
        remote = configuration.remote
        origins = {name: str(remote) if remote and name in remote.sections else str(config) for name in settings}
        if as_json:
            print_json({"settings": settings, "origins": origins})
            return
        for name, section in settings.items():
            if remote and name in remote.sections:
                typer.echo(f"# from {origins[name]}")
            typer.echo(yaml.safe_dump({name: section}, sort_keys=False, allow_unicode=True), nl=False)


@app.command()
def diff(
    new: Annotated[Path, typer.Argument(help="Settings to compare with those of --config.")],
    config: ConfigOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Show what `hydrosight reload` would do if NEW took the place of the settings.

    Ends with 2 when it would refuse them.

    Example: `hydrosight config diff new-agent.yaml`
    """
    with reported_errors():
        now = load_configuration(config)
        _show_plan(plan_reload(now, load_own(new).under(now.remote)), as_json=as_json)


@app.command("try")
def try_document(
    document: Annotated[Path, typer.Argument(help="A settings document, before it is published at the centre.")],
    config: ConfigOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Show what a settings document from the centre would do on this box.

    Ends with 2 when the box would refuse it. Nothing is taken up.

    Example: `hydrosight config try slower.yaml`
    """
    with reported_errors():
        now = load_configuration(config)
        offered = RemoteDocument(addressee=now.machine.name, version=1, text=_read(document))
        laid_over(YamlText.parse(offered.text, str(document)), now.local)
        _show_plan(plan_reload(now, now.under(offered)), as_json=as_json)


def _read(document: Path) -> str:
    try:
        return document.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{document}: can't be read: {error}", hint="Check the path.") from error


def _show_plan(plan: ReloadPlan, *, as_json: bool) -> None:
    if as_json:
        print_json(_plan_document(plan))
    else:
        for change in plan.changes:
            console.print(str(change), markup=False, soft_wrap=True)
        console.print(str(plan), markup=False, soft_wrap=True)
    if plan.needs_restart:
        raise ConfigurationError(
            f"{', '.join(plan.needs_restart)}: can't be changed while the agent runs",
            hint="Put the new settings in place, then: systemctl restart hydrosight.",
        )


def _sensors(source: OneSource) -> str:
    named = ", ".join(sorted(source.sensors))
    if isinstance(source, MqttSettings) and source.takes_any:
        return f"{named}, and those that topics name" if named else "those that topics name"
    return named


def _kind(source: object) -> str:
    return "modbus" if isinstance(source, ModbusSettings) else "mqtt"


def _place(source: OneSource) -> str:
    return str(source.transport) if isinstance(source, ModbusSettings) else f"{source.host}:{source.port}"


def _summary(configuration: Configuration) -> dict[str, object]:
    return {
        "machine": configuration.machine.name,
        "sources": {source.name: sorted(source.sensors) for source in configuration.settings.sources.every},
        "unread_sensors": configuration.unread_sensors,
    }


def _plan_document(plan: ReloadPlan) -> dict[str, object]:
    return {
        "changes": [{"key": one.key, "before": one.before, "after": one.after} for one in plan.changes],
        "keep": plan.keep,
        "stop": plan.stop,
        "restart": plan.replace,
        "start": plan.start,
        "change": plan.refit,
        "needs_restart": plan.needs_restart,
    }
