"""A report as one HTML file that needs nothing beside it and prints well."""

import base64
import html as markup

from training.report.document import Block, Document, Figure, Paragraph, Table

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1b1f24; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; border-bottom: 1px solid #d0d7de; }
table { border-collapse: collapse; margin: 1rem 0; display: block; overflow-x: auto; }
table { font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .7rem; border-bottom: 1px solid #e5e8eb; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; } th { border-bottom: 2px solid #8c959f; }
table.prose th, table.prose td { text-align: left; white-space: normal; }
td.best { font-weight: 700; background: #eef6ee; }
p.warning { background: #fff4e5; padding: .5rem 1rem; font-weight: 600; }
figure { margin: 1rem 0; } figure img { max-width: 100%; } figcaption { color: #57606a; font-size: .9rem; }
@media print { body { max-width: none; margin: 0; font-size: 10pt; } h2, table, figure { break-inside: avoid; } }
"""


def html(document: Document) -> str:
    """The whole document."""
    sections = "\n".join(
        f"<section>\n<h2>{markup.escape(section.title)}</h2>\n{chr(10).join(map(_block, section.blocks))}\n</section>"
        for section in document.sections
    )
    title = markup.escape(document.title)
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n{sections}\n</body>\n</html>\n"
    )


def _block(block: Block) -> str:
    if isinstance(block, Paragraph):
        kind = ' class="warning"' if block.warning else ""
        return f"<p{kind}>{markup.escape(block.text)}</p>"
    if isinstance(block, Figure):
        data = base64.b64encode(block.svg).decode()
        caption = markup.escape(block.caption)
        return (
            f'<figure><img src="data:image/svg+xml;base64,{data}" alt="{caption}">'
            f"<figcaption>{caption}</figcaption></figure>"
        )
    return _table(block)


def _table(table: Table) -> str:
    head = "".join(f"<th>{markup.escape(name)}</th>" for name in table.head)
    rows = "\n".join(
        "<tr>" + "".join(f"<td{' class=best' * cell.best}>{markup.escape(cell.text)}</td>" for cell in row) + "</tr>"
        for row in table.rows
    )
    opening = '<table class="prose">' if table.prose else "<table>"
    return f"{opening}\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>"
