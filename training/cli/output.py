"""What commands print: results to standard output, all else to standard error."""

from rich.console import Console
from rich.markup import escape

notes = Console(stderr=True)
console = Console()


def say(text: str) -> None:
    """Tell how a long run gets on."""
    notes.print(f"[dim]{escape(text)}[/]", highlight=False, soft_wrap=True)
