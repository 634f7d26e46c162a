"""What the window of measures says: what was found, and why something cannot be done."""

from __future__ import annotations

from napari_medseg.measures.table import Measure, Measures

SURFACE_TIP = (
    "Save the surface of the chosen row as STL or PLY, in mm; its axes point to the left, the back "
    "and the head (LPS), as 3D Slicer expects"
)


def found_words(measures: Measures | None, *, stale: bool, by_object: bool) -> str:
    """Return what was measured, in one line."""
    if measures is None:
        return "Not measured yet: press Update"
    if not measures.classes:
        said = "There is nothing but background"
    else:
        classes, objects = len(measures.classes), sum(m.objects for m in measures.classes)
        said = f"{classes} {'class' if classes == 1 else 'classes'}, {objects:,} "
        said += "object" if objects == 1 else "objects"
    if measures.left_out and by_object:
        said += f" (the {measures.left_out:,} smallest are not listed)"
    if measures.unit != "mm":
        said += "; nobody said how large a voxel is, so lengths are not in mm"
    return f"Changed since: press Update. {said}" if stale else said


def why_no_surface(measures: Measures | None, row: Measure | None, *, stale: bool) -> str:
    """Return why no surface can be saved now; empty if it can."""
    if measures is None:
        return "Nothing is measured yet"
    if measures.dims == 2:
        return "Only a volume has a surface; these labels are a single slice"
    if stale:
        return "The labels changed since they were measured; press Update first"
    return "" if row is not None else "Click the row whose surface you want first"
