"""What commands print: results to standard output, all else to standard error."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape

notes = Console(stderr=True)
console = Console()


def say(text: str) -> None:
    """Tell how a long run gets on."""
    notes.print(f"[dim]{escape(text)}[/]", highlight=False, soft_wrap=True)


@contextmanager
def to_go_on(how: str) -> Iterator[None]:
    """Say after Ctrl+C how to go on, and end as an interrupted command does."""
    try:
        yield
    except KeyboardInterrupt:
        say(f"Interrupted. {how}")
        raise
