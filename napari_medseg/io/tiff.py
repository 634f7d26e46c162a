"""TIFF in: single pictures, colour, multi-page stacks, ImageJ and OME spacing.

Decisions:

* Pages are slices (D). Of a time series without slices each frame is one, since ImageJ often
  names them so; slices and time together are refused.
* Spacing is known only where ImageJ or OME metadata give a length with a unit; plain
  resolution tags are about paper.
* Of a pyramid the finest level is read.
* Palettes, CMYK, and what tifffile and imagecodecs cannot decode, are read by Pillow where it can.
* Alpha is left out; colours stored multiplied by it stay so, as over black.
* Of images of several sizes in one file the first is read; `Volume.notes` says so.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.io.errors import UnusableFile
from napari_medseg.io.images import EXIF_ORIENTATION, ORIENTATIONS, pixels_of
from napari_medseg.io.paths import image_stem
from napari_medseg.io.tiff_metadata import (
    decodable,
    is_jpeg_colour,
    left_out,
    opened,
    stated_classes,
    stated_spacing,
    undecodable,
)
from napari_medseg.volume import Storage, Volume


def read_tiff(path: Path, *, indices: bool = False) -> Volume:
    """Read a TIFF file.

    Parameters
    ----------
    path : Path
        An existing file.
    indices : bool
        Take palette indices as they are, for labels, instead of the colours they show.

    Returns
    -------
    Volume
        ``(C, H, W)``, or ``(C, D, H, W)`` for several pages.

    Raises
    ------
    ValueError
        If it is cut off, damaged, or has axes an image does not have.
    OSError
        If it cannot be read.
    """
    with opened(path) as tif:
        array, orientation, alpha = _planes(path, tif, indices)
        found, notes = stated_spacing(tif), left_out(tif)
        classes = stated_classes(tif) or ()
    spatial = array.ndim - 1
    plane_axes, plane_flips = ORIENTATIONS.get(orientation, ORIENTATIONS[1])
    leading = spatial - 2
    storage = Storage(
        axes=(*range(leading), *(axis + leading for axis in plane_axes)),
        flips=(*([False] * leading), *plane_flips),
        path=str(path),
        format="image",
        header={
            "orientation": orientation,
            "alpha": alpha,
            "lossy": False,
            "tiff": True,
            "classes": classes,
        },
    )
    spacing = (1.0,) * spatial
    if found is not None:
        height, width = (found[1], found[2]) if plane_axes == (0, 1) else (found[2], found[1])
        spacing = (found[0], height, width)[-spatial:]
    return Volume(
        array=np.ascontiguousarray([storage.to_canonical(channel) for channel in array]),
        spacing=spacing,
        spacing_known=found is not None,
        storage=storage,
        name=image_stem(path),
        channels=("red", "green", "blue") if len(array) == 3 else (),
        notes=notes,
    )


def _planes(path: Path, tif: Any, indices: bool) -> tuple[np.ndarray, int, bool]:
    """Return ``(C, *S)`` in the file's order, its orientation, and whether alpha was dropped."""
    series = tif.series[0]
    page = series.keyframe
    orientation = int(page.tags.valueof(EXIF_ORIENTATION, 1))
    palette = page.photometric == 3 and not indices
    foreign = page.photometric in (5, 6) and not is_jpeg_colour(page)  # CMYK and YCbCr
    if palette or foreign or not decodable(page):
        array, axes = _by_pillow(path, page, indices), None
        orientation = 1  # Pillow has applied it
    else:
        array, axes = _native(path, series.asarray()), series.axes
    array, axes = _without_singletons(array, axes)
    if axes is None:
        axes = {2: "YX", 3: "YXS" if array.shape[-1] in (3, 4) else "QYX", 4: "QYXS"}[array.ndim]
    channels_first = _channels_first(path, array, axes)
    if not indices and axes is not None:
        channels_first = _shown(page, channels_first)
    alpha = bool(page.extrasamples) and len(channels_first) in (2, 4)
    return channels_first[:-1] if alpha else channels_first, orientation, alpha


def _native(path: Path, array: np.ndarray) -> np.ndarray:
    if array.dtype.kind not in "uifb":
        raise UnusableFile(
            f"{path.name} holds {array.dtype} values; real numbers are needed: export it again"
        )
    if array.dtype.kind == "b":
        return array.astype(np.uint8)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _shown(page: Any, values: np.ndarray) -> np.ndarray:
    """Return values as they are seen: white above black, and two values as black and white."""
    if values.dtype.kind != "u":
        return values
    white = np.array((1 << page.bitspersample) - 1, values.dtype)
    if page.photometric == 0:  # white is zero
        values = white - values
    return values * np.uint8(255) if page.bitspersample == 1 else values


def _by_pillow(path: Path, page: Any, indices: bool) -> np.ndarray:
    from PIL import Image, ImageSequence

    try:
        with warnings.catch_warnings(), Image.open(path) as image:
            warnings.simplefilter("ignore")  # about metadata nobody asked for
            return np.stack([pixels_of(frame, indices) for frame in ImageSequence.Iterator(image)])
    except Exception as error:
        if decodable(page) or isinstance(error, UnusableFile):
            raise
        raise undecodable(path, page) from error


def _without_singletons(array: np.ndarray, axes: str | None) -> tuple[np.ndarray, str | None]:
    """Drop axes of one entry, but never rows, columns or colours."""
    if axes is None:
        return (array[0] if len(array) == 1 else array), None
    keep = [i for i, axis in enumerate(axes) if array.shape[i] > 1 or axis in "YXS"]
    return array.reshape([array.shape[i] for i in keep]), "".join(axes[i] for i in keep)


def _channels_first(path: Path, array: np.ndarray, axes: str) -> np.ndarray:
    """Bring an array with named axes to ``(C, *S)``."""
    colours = [i for i, axis in enumerate(axes) if axis in "SC"]
    planes = [i for i, axis in enumerate(axes) if axis in "YX"]
    slices = [i for i, axis in enumerate(axes) if axis not in "SCYX"]
    if len(slices) > 1 or len(planes) != 2:
        raise UnusableFile(
            f"{path.name} has the axes {axes} {array.shape}; an image has rows, columns, slices "
            "and channels: save one time point or position"
        )
    ordered = array.transpose(*colours, *slices, *planes)
    return ordered.reshape(-1, *ordered.shape[len(colours) :])
