"""`hydrosight sync reconcile`: is every reading at the centre, once?"""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from agent.cli.output import (
    DEFAULT,
    ConfigOption,
    JsonOption,
    console,
    print_json,
    print_table,
    reported_errors,
    settings_from,
    time_text,
)
from agent.cli.store_access import open_store
from agent.reconciliation import BootReconciliation, Reconciliation
from agent.settings import AgentSettings
from edge_runtime.errors import ConfigurationError

_WINDOWS_SHOWN = 20


def reconcile(
    config: ConfigOption = DEFAULT,
    boot: Annotated[
        list[str] | None, typer.Option(help="Only this run of the agent, by its name; may be given again.")
    ] = None,
    resend: Annotated[
        bool, typer.Option("--resend", help="Let the agent send again what is missing, as far as the box has it.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Compare the box's account of every reading with the centre's, and name what is missing or there twice.

    Works while the agent runs. What waits is still to be diagnosed or sent; what is late, skipped or shed never gets
    into a window. Exit code 1 when anything is missing or there twice.

    Example: `hydrosight sync reconcile --resend`
    """
    with reported_errors():
        settings = settings_from(config)
        reconciliation = _reconcile(settings, config, boot or [])
        if resend and reconciliation.sent_again:
            from agent.resend import ask_to_resend  # noqa: PLC0415

            ask_to_resend(settings.resend_file, reconciliation.sent_again)
        if as_json:
            print_json(_document(reconciliation))
        else:
            _show(reconciliation, resent=resend)
        raise typer.Exit(0 if reconciliation.perfect else 1)


def _reconcile(settings: AgentSettings, config: Path, boots: list[str]) -> Reconciliation:
    """Ask the store, then the centre: what it has acknowledged by then, it must have.

    Raises:
        ConfigurationError: there is no centre, or no boot of this name.
        StoreError: the store can't be read.
        CentreError: the centre doesn't answer, or not this box.
    """
    from cloud_sync.edge.credential import read_credential  # noqa: PLC0415
    from cloud_sync.edge.ledger import fetch_ledger  # noqa: PLC0415

    if settings.centre is None:
        raise ConfigurationError(f"{config}: has no `centre`", hint="Add centre.url, then enrol: hydrosight enrol")
    credential = read_credential(settings.credential_file).credential
    with open_store(config) as store, settings.centre.link.open_blocking() as client:
        accounts = store.accounts()
        if unknown := set(boots) - {account.boot for account in accounts}:
            raise ConfigurationError(
                f"no boot {', '.join(sorted(unknown))} in {settings.store_file}",
                hint="`hydrosight sync reconcile` without --boot names all.",
            )
        return Reconciliation.of(accounts, fetch_ledger(client, credential), store.windows_of, boots)


def _document(reconciliation: Reconciliation) -> dict[str, object]:
    """Sets of numbers are lists of ranges, first and last number."""
    boots = [
        asdict(boot, dict_factory=lambda pairs: pairs[0][1] if pairs[0][0] == "ranges" else dict(pairs))
        for boot in reconciliation.boots
    ]
    return {
        "machine": reconciliation.machine,
        "verdict": reconciliation.verdict,
        "read": sum(boot.read for boot in reconciliation.boots),
        "at_centre": sum(len(boot.at_centre) for boot in reconciliation.boots),
        "waiting": sum(len(boot.waiting) for boot in reconciliation.boots),
        "missing": reconciliation.missing,
        "twice": reconciliation.twice,
        "boots": boots,
        "other_boots": [{"boot": boot.boot, "windows": boot.windows} for boot in reconciliation.others],
    }


def _show(reconciliation: Reconciliation, *, resent: bool) -> None:
    heads = ("read", "at the\ncentre", "waiting", "otherwise", "missing", "twice")
    print_table(
        f"Readings of {reconciliation.machine}",
        [("since (UTC)", "left"), *((head, "right") for head in heads), ("why", "wrap"), ("boot", "wrap")],
        [_row(boot) for boot in reconciliation.boots],
        "Nothing was read yet.",
    )
    if reconciliation.others:
        windows = sum(boot.windows for boot in reconciliation.others)
        console.print(
            f"The centre also has {windows:,} windows of {len(reconciliation.others)} boots that this store doesn't "
            "know: from a box or a store before it."
        )
    for boot in reconciliation.boots:
        _show_missing(boot)
    _advise(reconciliation, resent=resent)
    console.print(f"\n[bold]{reconciliation.verdict}[/]", soft_wrap=True)


def _row(boot: BootReconciliation) -> list[str]:
    others = [(fate.value, numbers) for fate, numbers in boot.fates.items()]
    if boot.unaccounted:
        others.append(("not accounted for by the centre", boot.unaccounted))
    why = [f"{name} {len(numbers):,}" for name, numbers in others]
    if boot.expired:
        why.append(f"no longer kept there {len(boot.expired):,}")
    counts = (
        boot.read,
        len(boot.at_centre),
        len(boot.waiting),
        sum(len(numbers) for _, numbers in others),
        len(boot.missing),
        len(boot.twice),
    )
    return [time_text(boot.opened_us), *(f"{count:,}" for count in counts), ", ".join(why), boot.boot]


def _show_missing(boot: BootReconciliation) -> None:
    """Windows of what is missing, or numbers alone where the box has no window of them any more."""
    if boot.twice:
        console.print(f"\nTwice, of boot {boot.boot}: {boot.twice}", soft_wrap=True)
    if not boot.missing:
        return
    console.print()
    lacking = [window for window in boot.windows if window.sensors]
    rows = [
        [time_text(window.start_us), time_text(window.end_us), str(window.numbers), ", ".join(window.sensors)]
        for window in lacking[:_WINDOWS_SHOWN]
    ]
    columns = [("from", "left"), ("to (UTC)", "left"), ("readings", "wrap"), ("channels", "wrap")]
    print_table(f"Missing, of boot {boot.boot}", columns, rows, f"Missing, of boot {boot.boot}: {boot.missing}")
    if len(lacking) > _WINDOWS_SHOWN:
        console.print(f"… and {len(lacking) - _WINDOWS_SHOWN:,} windows more; --json has all.")
    if rows and (rest := boot.unexplained):
        console.print(f"and in windows that the box no longer has: {rest}", soft_wrap=True)


def _advise(reconciliation: Reconciliation, *, resent: bool) -> None:
    windows = len(reconciliation.sent_again)
    if resent and windows:
        console.print(f"\n{windows:,} windows will be sent again within a minute while the agent runs; then ask again.")
    elif windows:
        console.print(f"\nThe box still has {windows:,} windows of it: hydrosight sync reconcile --resend")
    elif reconciliation.missing:
        console.print("\nThe box no longer has these windows. Was the centre's database restored from a backup?")
    if any(boot.unaccounted for boot in reconciliation.boots):
        console.print(
            "\nWindows came from or through a version that didn't count readings; --resend lets the centre count."
        )
    if reconciliation.twice:
        console.print(
            "\nThe centre names the windows that share readings: GET /api/v1/machines/MACHINE/ledger, `repeated`."
        )
