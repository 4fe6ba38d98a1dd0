"""Moments as people write them on the command line."""

from datetime import UTC, datetime

import typer

HELP = "2026-03-01 or 2026-03-01T08:00, UTC unless it says a zone (+01:00)"


def parse_moment(text: str | datetime) -> datetime:
    """The moment, for `typer.Option(parser=parse_moment)`.

    Raises:
        typer.BadParameter: it is none.
    """
    if isinstance(text, datetime):
        return text
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no moment. Write {HELP}.") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
