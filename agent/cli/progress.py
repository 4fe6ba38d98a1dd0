"""How far a command is, on standard error, if that is a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from agent.cli.output import error_console


@contextmanager
def progress_through(what: str, start_us: int, end_us: int) -> Iterator[Callable[[int], None]]:
    """A bar from one moment to another; gives what to call with the moment that was reached."""
    columns = (TextColumn(what), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=error_console, transient=True, disable=not error_console.is_terminal) as progress:
        task = progress.add_task(what, total=end_us - start_us)
        yield lambda moment_us: progress.update(task, completed=moment_us - start_us)
