"""Tables and surfaces in files of other programs."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_medseg.io.atomic import atomic_path
from napari_medseg.measures.table import Column, Measure, Measures

if TYPE_CHECKING:
    import os

    import trimesh

SURFACE_FORMATS = (".stl", ".ply")


def write_csv(path: str | os.PathLike[str], measures: Measures, *, by_object: bool = False) -> None:
    """Write the table of classes, or of objects, as CSV.

    The first line names each column with its unit ("Volume (mm3)"), every other one is a row; a
    point is the decimal sign, a comma parts the columns. The file appears whole or not at all.

    Raises
    ------
    OSError
        If it cannot be written, in one sentence.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    columns = measures.columns(by_object=by_object)
    writer.writerow([_plain(column.heading) for column in columns])
    for row in measures.objects if by_object else measures.classes:
        writer.writerow([exact(column, row) for column in columns])
    # Excel takes a file for UTF-8 only if it begins with a mark, which other programs may not like
    encoding = "utf-8" if text.getvalue().isascii() else "utf-8-sig"
    with atomic_path(path) as temporary:
        temporary.write_text(text.getvalue(), encoding=encoding, newline="")


def exact(column: Column, row: Measure) -> str:
    """Return what stands in a cell of a file: numbers with six significant digits."""
    value: Any = column.value(row)
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def write_surface(path: str | os.PathLike[str], mesh: trimesh.Trimesh, system: str = "LPS") -> None:
    """Write a mesh as binary STL or PLY; the file says in which axes, as 3D Slicer reads it.

    Parameters
    ----------
    path : path
        Ends in ``.stl`` or ``.ply``; the file appears whole or not at all.
    mesh : trimesh.Trimesh
        From `surface_mesh`, in mm.
    system : str
        The axes it was made in, "LPS" or "RAS".

    Raises
    ------
    ValueError
        If the path ends in something else.
    OSError
        If it cannot be written, in one sentence.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SURFACE_FORMATS:
        raise ValueError(
            f"surfaces are written as {' or '.join(SURFACE_FORMATS)}, not as "
            f"'{suffix or Path(path).name}'; choose one of these endings"
        )
    content = mesh.export(file_type=suffix[1:])
    said = f"napari-medseg surface in mm. SPACE={system}".encode()
    if suffix == ".stl":
        content = said.ljust(80, b" ") + content[80:]
    else:
        first = content.index(b"\n", content.index(b"format ")) + 1
        content = content[:first] + b"comment " + said + b"\n" + content[first:]
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def _plain(heading: str) -> str:
    return heading.replace("²", "2").replace("³", "3")
