"""Objects that touch, parted where they are narrow."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_medseg.editing.checks import spacing_of
from napari_medseg.editing.connected import connected
from napari_medseg.editing.parts import add_parts, objects_of, shifted
from napari_medseg.editing.tool import check_label, check_labels
from napari_medseg.progress import Report, silent

_LONG = (
    1 << 21
)  # voxels; for more edt would hold the interpreter's lock for too long, scipy does not
_LEVELS = 254  # of depth, for the flooding: a byte is sorted faster than a float


def split_objects(
    labels: np.ndarray,
    label: int,
    *,
    spacing: Sequence[float] = (),
    points: Sequence[Sequence[int]] = (),
    depth: float = 1.0,
    report: Report = silent,
) -> np.ndarray:
    """Part the objects of a class where they are narrow.

    The depth below the surface is flooded from the seeds, so that parts meet at the necks between
    them (a watershed). The seeds are the clicks, or else all places that lie deeper than the
    necks around them by `depth` at least.

    Parameters
    ----------
    labels : ndarray
        ``(*S)`` integers.
    label : int
        The class.
    spacing : sequence of float
        mm along each axis; 1 by default.
    points : sequence of tuple of int
        A click on each part. Objects with fewer than two clicks stay whole.
    depth : float
        Without clicks: how many mm a part must be deeper than its necks. More gives fewer parts.
    report : Report
        Called before each object; may raise `Cancelled`.

    Returns
    -------
    ndarray
        ``(*S)`` int32: 0 outside of the class, 1 for objects left whole and for the largest part of
        each one that is split, then 2, 3, ... for the other parts.

    Raises
    ------
    ValueError
        If a click lies beside the class.

    Source: Beucher & Lantuéjoul 1979; seeds without clicks are the h-maxima of the distance map
    (Soille, Morphological Image Analysis, 2003, 6.3.4), found by merging basins across saddles.
    """
    check_labels(labels)
    check_label(labels, label)
    spacing = spacing_of(labels, spacing)
    parts = np.zeros(labels.shape, np.int32)
    count = 0
    for box, mask, seeds in objects_of(labels, label, points, report):
        found = mask.astype(np.int32)
        if len(seeds) > 1:
            found = _flooded(mask, spacing, seeds)
        elif not len(points):
            found = _deep_parts(mask, spacing, depth)
        count = add_parts(parts[box], mask, found, count)
    return parts


def _flooded(
    mask: np.ndarray, spacing: tuple[float, ...], seeds: list[tuple[int, ...]]
) -> np.ndarray:
    """Return the part 1, 2, ... of each seed in one object ``(*S)``."""
    markers = np.zeros(mask.shape, np.int32)
    for number, seed in enumerate(seeds, start=1):
        markers[seed] = number
    return _watershed(_depths(mask, spacing), markers, mask)


def _deep_parts(mask: np.ndarray, spacing: tuple[float, ...], depth: float) -> np.ndarray:
    """Return the parts 1, 2, ... of one object ``(*S)``, each `depth` deeper than its necks."""
    depths = _depths(mask, spacing)
    if depths.max() <= depth:
        return mask.astype(np.int32)  # no part of it can be that deep
    peaks, _ = connected(_local_maxima(depths, mask), touching="faces")
    basins = _watershed(depths, peaks.astype(np.int32), mask)
    return _merged(basins, depths, depth)


def _depths(mask: np.ndarray, spacing: tuple[float, ...]) -> np.ndarray:
    """Return mm to the surface; what lies beyond the array is outside."""
    if mask.size <= _LONG:
        import edt

        return np.asarray(edt.edt(mask, anisotropy=spacing, black_border=True))
    from scipy.ndimage import distance_transform_edt

    inside = (slice(1, -1),) * mask.ndim
    return np.asarray(distance_transform_edt(np.pad(mask, 1), sampling=spacing)[inside])


def _watershed(depths: np.ndarray, markers: np.ndarray, mask: np.ndarray) -> np.ndarray:
    from skimage.segmentation import watershed

    shallow = _LEVELS - np.round(depths * (_LEVELS / float(depths.max()))).astype(np.uint8)
    return np.asarray(watershed(shallow, markers, mask=mask))


def _local_maxima(depths: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return where no neighbour through a face lies deeper."""
    from scipy.ndimage import maximum_filter1d

    peaks = mask.copy()
    for axis in range(mask.ndim):
        peaks &= maximum_filter1d(depths, 3, axis=axis) == depths
    return peaks


def _merged(basins: np.ndarray, depths: np.ndarray, depth: float) -> np.ndarray:
    """Join basins that are less than `depth` deeper than the saddle between them.

    Saddles are taken from the deepest on, so that of two joined basins the shallower one counts:
    what is left are the h-maxima of the distance map with h = `depth`.
    """
    pairs, saddles = _saddles(basins, depths)
    count = int(basins.max())
    peaks = np.zeros(count + 1)
    np.maximum.at(peaks, basins.ravel(), depths.ravel())
    root = np.arange(count + 1)

    def find(n: int) -> int:
        while root[n] != n:
            root[n] = root[root[n]]
            n = int(root[n])
        return n

    for i in np.argsort(-saddles, kind="stable"):
        a, b = (find(int(n)) for n in pairs[i])
        if a == b:
            continue
        low, high = sorted((a, b), key=lambda n: peaks[n])
        if peaks[low] - saddles[i] < depth:
            root[low] = high
    roots = np.array([find(n) for n in range(count + 1)])
    return np.asarray(np.unique(roots, return_inverse=True)[1].reshape(-1)[basins])


def _saddles(basins: np.ndarray, depths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the basins that share faces, in pairs ``(N, 2)``, and how deep the way between is."""
    keys, values = [], []
    width = int(basins.max()) + 1
    for offset in np.eye(basins.ndim, dtype=int).tolist():
        here, there = shifted(basins.shape, offset)
        a, b = basins[here], basins[there]
        met = (a != b) & (a > 0) & (b > 0)
        low, high = np.minimum(a[met], b[met]), np.maximum(a[met], b[met])
        keys.append(low.astype(np.int64) * width + high)
        values.append(np.minimum(depths[here][met], depths[there][met]))
    found, at = np.unique(np.concatenate(keys), return_inverse=True)
    saddles = np.zeros(len(found))
    np.maximum.at(saddles, at.reshape(-1), np.concatenate(values))
    return np.stack([found // width, found % width], axis=1), saddles
