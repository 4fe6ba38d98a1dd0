"""Write a run's report: Markdown with plots beside it, HTML in one file, JSON; or into a document of one's own."""

from pathlib import Path

from edge_runtime.durable import replace_file
from edge_runtime.errors import TrainingError
from training.report.content import report_content
from training.report.document import Document
from training.report.html import html
from training.report.markdown import markdown, markdown_sections
from training.report.measured import read_measured

REPORT = "report"
FIGURES = "figures"
BEGIN = "<!-- results: written by hydrosight-train report, don't edit by hand -->"
END = "<!-- results end -->"


def write_report(run: Path) -> Path:
    """Write `report.md`, `figures/`, `report.html` and `report.json` of what a run has measured so far.

    Returns:
        The HTML file.

    Raises:
        TrainingError: nothing was measured.
    """
    measured = read_measured(run)
    document = report_content(measured)
    _write_figures(document, run / FIGURES)
    _write(run / f"{REPORT}.md", markdown(document, FIGURES))
    _write(run / f"{REPORT}.html", html(document))
    protocols = ",\n".join(report.model_dump_json() for report in measured.protocols)
    ablations = ",\n".join(report.model_dump_json() for report in measured.ablations)
    _write(run / f"{REPORT}.json", f'{{"protocols": [\n{protocols}\n],\n"ablations": [\n{ablations}\n]}}\n')
    return run / f"{REPORT}.html"


def write_into(run: Path, document_file: Path) -> None:
    """Replace what stands between the markers of a Markdown file by the tables and plots of a run.

    The plots go into a folder beside the file that is named like it.

    Raises:
        TrainingError: nothing was measured, or the file has no markers.
    """
    document = report_content(read_measured(run))
    text = document_file.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise TrainingError(
            f"{document_file}: has no place for results",
            hint=f"Put these two lines into it: {BEGIN} and {END}",
        )
    figures = document_file.with_suffix("")
    _write_figures(document, figures)
    sections = markdown_sections(document, figures.name, level=3)
    _write(document_file, f"{before}{BEGIN}\n\n{sections}\n{END}{after}")


def _write_figures(document: Document, folder: Path) -> None:
    """Write the plots, and take away those of an earlier report that this one doesn't have."""
    folder.mkdir(parents=True, exist_ok=True)
    names = {f"{figure.name}.svg" for figure in document.figures}
    for file in folder.glob("*.svg"):
        if file.name not in names:
            file.unlink()
    for figure in document.figures:
        replace_file(folder / f"{figure.name}.svg", figure.svg)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, text.encode())
