"""Moments as options of the commands."""

import time
from datetime import datetime

import typer

from edge_runtime.errors import ConfigurationError
from edge_runtime.moment import HELP, parse_moment
from edge_runtime.utc import utc_datetime

__all__ = ["HELP", "moment"]


def moment(text: str | datetime) -> datetime:
    """The moment, for `typer.Option(parser=moment)`.

    Raises:
        typer.BadParameter: it is none.
    """
    if isinstance(text, datetime):
        return text
    try:
        return utc_datetime(parse_moment(text, time.time_ns() // 1000))
    except ConfigurationError as error:
        raise typer.BadParameter(f"{error}. {error.hint}") from error
