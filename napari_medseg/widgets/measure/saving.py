"""The kinds of files a person may want, and the surface that goes into one."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_medseg.measures.table import Measure
from napari_medseg.progress import Report, Step, silent
from napari_medseg.widgets.measure.request import MeasureRequest

TABLE_KINDS = {"Table (*.csv)": ".csv"}
SURFACE_KINDS = {"Surface for 3D printing (*.stl)": ".stl", "Surface (*.ply)": ".ply"}


def save_surface(
    request: MeasureRequest, row: Measure, path: Path, smooth: float, report: Report = silent
) -> Path:
    """Write the surface of a measured class or object; runs in a thread.

    Parameters
    ----------
    request : MeasureRequest
        With the labels that were measured.
    row : Measure
        The class or the object.
    path : Path
        ``.stl`` or ``.ply``.
    smooth : float
        mm; 0 keeps the steps of the voxels.

    Returns
    -------
    Path
        What was written.
    """
    from napari_medseg.measures.files import write_surface
    from napari_medseg.measures.measuring import mask_of
    from napari_medseg.measures.surface import surface_mesh

    report(Step(0, 2, "step"))
    box, mask = mask_of(np.asarray(request.labels), row)
    affine = request.affine.copy()
    affine[:3, 3] = (affine @ [*(s.start for s in box), 1])[:3]
    mesh = surface_mesh(mask, request.spacing, affine=affine, smooth=smooth)
    report(Step(1, 2, "step"))
    write_surface(path, mesh)
    return path
