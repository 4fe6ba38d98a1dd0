"""A report as Markdown, with its plots as files beside it."""

from training.report.document import Block, Cell, Document, Figure, Paragraph, Section, Table


def markdown(document: Document, figures: str) -> str:
    """The whole document.

    Args:
        document: what to write.
        figures: folder of the plots, as seen from the file.
    """
    return f"# {document.title}\n\n{markdown_sections(document, figures)}"


def markdown_sections(document: Document, figures: str, level: int = 2) -> str:
    """The sections alone, under headings of that level, to stand in another document."""
    return "\n".join(_section(section, figures, level) for section in document.sections)


def _section(section: Section, figures: str, level: int) -> str:
    return "\n".join([f"{'#' * level} {section.title}\n", *(_block(block, figures) + "\n" for block in section.blocks)])


def _block(block: Block, figures: str) -> str:
    if isinstance(block, Paragraph):
        return f"> **{block.text}**" if block.warning else block.text
    if isinstance(block, Figure):
        return f"![{block.caption}]({figures}/{block.name}.svg)"
    return _table(block)


def _table(table: Table) -> str:
    rule = ["---", *["---" if table.prose else "--:"] * (len(table.head) - 1)]
    lines = [list(table.head), rule, *([_cell(cell) for cell in row] for row in table.rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(cell: Cell) -> str:
    return f"**{cell.text}**" if cell.best else cell.text
