"""An evaluation in a file."""

from __future__ import annotations

from pathlib import Path

from napari_medseg.engine.evaluation import Evaluation
from napari_medseg.progress import Report, silent

REPORT_KINDS = {
    "Report to read and print (*.html)": ".html",
    "Table for spreadsheets (*.csv)": ".csv",
    "Everything, for programs (*.json)": ".json",
}


def save_report(evaluation: Evaluation, path: Path, report: Report = silent) -> Path:
    """Write an evaluation as its ending says; the file appears whole or not at all.

    Raises
    ------
    ValueError
        If the ending is none of `REPORT_KINDS`.
    OSError
        If it cannot be written.
    """
    write = {
        ".html": evaluation.write_html,
        ".csv": evaluation.write_csv,
        ".json": evaluation.write_json,
    }.get(path.suffix.lower())
    if write is None:
        endings = ", ".join(REPORT_KINDS.values())
        raise ValueError(
            f"an evaluation is saved as {endings}, not as '{path.suffix or path.name}'; choose "
            "one of these endings"
        )
    write(path)
    return path
