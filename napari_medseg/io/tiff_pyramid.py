"""TIFF in pieces: pyramids of whole slides and OME-TIFF, and files too big to be read at once.

Decisions:

* A file of one size is read in pieces from 1 GiB on; below it is read whole.
* Slices and time are told apart here; of time without slices each frame is a slice, as in `tiff`.
* Palettes, CMYK, "white is zero" and orientation tags are left to `tiff`, which reads whole.
"""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.io.images import EXIF_ORIENTATION
from napari_medseg.io.paths import image_stem
from napari_medseg.io.pyramid import Pyramid
from napari_medseg.io.tiff_metadata import (
    decodable,
    is_jpeg_colour,
    left_out,
    opened,
    stated_classes,
    stated_spacing,
    undecodable,
)
from napari_medseg.io.turned import TurnedArray

LAZY_BYTES = 1 << 30
_PIECE = 1024  # rows and columns of an array mapped into memory


def open_tiff_pyramid(path: Path) -> Pyramid | None:
    """Open a TIFF file of several sizes, or a big one, without reading its values.

    Parameters
    ----------
    path : Path
        An existing file.

    Returns
    -------
    Pyramid or None
        None for files that are to be read whole.

    Raises
    ------
    UnusableFile
        If it is damaged, or big and needs a decoder that is not installed.
    OSError
        If it cannot be read.
    """
    with opened(path) as tif:
        series = tif.series[0]
        letters = _letters(series.axes)
        big = series.nbytes >= LAZY_BYTES
        lazy = len(series.levels) > 1 or big
        if not lazy or letters is None or not _upright(series.keyframe):
            return None
        if not decodable(series.keyframe):
            if big:  # else others may be able to read it whole
                raise undecodable(path, series.keyframe)
            return None
        levels = [_level(path, series, i) for i in range(len(series.levels))]
        return _pyramid(path, tif, letters, levels)


def _pyramid(path: Path, tif: Any, letters: str, levels: list[Any]) -> Pyramid:
    series = tif.series[0]
    order = tuple(letters.index(axis) for axis in "tczyxs" if axis in letters)
    stored = [array.shape for array in levels]
    plain = order == tuple(range(len(letters)))
    spatial = [letters.index(axis) for axis in "zyx" if axis in letters]
    found, classes = stated_spacing(tif), stated_classes(tif)
    finest = np.array(found if found is not None else (1.0, 1.0, 1.0))[-len(spatial) :]
    ratios = [np.array([stored[0][i] / shape[i] for i in spatial]) for shape in stored]
    colours = series.axes.count("S") and stored[0][letters.index("s")]
    alpha = bool(series.keyframe.extrasamples) and colours in (2, 4)
    shown = colours - alpha
    return Pyramid(
        levels=tuple(a if plain else TurnedArray(a, order, (False,) * len(order)) for a in levels),
        axes="".join(letters[i] for i in order),
        spacing=tuple(tuple(float(s) for s in finest * ratio) for ratio in ratios),
        origins=tuple(tuple(float(o) for o in finest * (ratio - 1) / 2) for ratio in ratios),
        spacing_known=found is not None,
        name=image_stem(path),
        path=str(path),
        format="tiff",
        channels=("red", "green", "blue") if shown == 3 and "c" not in letters else (),
        notes=left_out(tif),
        classes=classes or (),
        is_labels=classes is not None,
        alpha=alpha,
    )


def _letters(axes: str) -> str | None:
    """Return the axes as one of "tczyxs" each, None if an image has no such axes."""
    pages = [axis for axis in axes if axis not in "TCYXS"]
    if len(pages) > 1 or len(set(axes)) < len(axes) or not {"Y", "X"} <= set(axes):
        return None
    letters = axes.replace(pages[0], "Z") if pages else axes.replace("T", "Z")
    return letters.lower()


def _upright(page: Any) -> bool:
    """Whether the values of a page are what is to be seen, as they lie."""
    orientation = page.tags.valueof(EXIF_ORIENTATION, 1)
    return orientation == 1 and (page.photometric in (1, 2) or is_jpeg_colour(page))


def _level(path: Path, series: Any, level: int) -> Any:
    """Return a level as an array that reads lazily and closes its file when it is forgotten."""
    import tifffile
    import zarr

    if len(series.levels) == 1 and series.dataoffset is not None:
        mapped = tifffile.memmap(path, mode="r")
        order = tuple(range(mapped.ndim))
        pieces = tuple(
            min(n, _PIECE) if axis in "YX" else n if axis == "S" else 1
            for n, axis in zip(mapped.shape, series.axes, strict=True)
        )
        return TurnedArray(mapped, order, (False,) * len(order), pieces)
    store = tifffile.imread(path, aszarr=True, series=0, level=level)
    array = zarr.open_array(store, mode="r")
    weakref.finalize(array, store.close)
    return array
