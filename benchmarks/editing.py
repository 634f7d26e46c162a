"""Each editing tool beside the usual way, on 200x512x512 voxels with organs, vessels and specks.

* box: the tool in the box of the object touched, an organ that fills 128 voxels a side or nearly;
* whole: the tool as the panel runs it on the whole volume, for the largest class with its specks;
* usual: the scipy or scikit-image calls people write for it, on the whole volume, in the same run.

CPU time on one thread. Then a stroke and its undo: what of them is work on arrays, and the same as
a person waits for it in napari, until it is drawn.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy import ndimage
from skimage.segmentation import relabel_sequential, watershed

from benchmarks.label_phantom import SPACING, grey_values, organs
from benchmarks.measure import interleaved
from napari_medseg.editing.scope import edit, touched_box
from napari_medseg.editing.tool import Scene, apply
from napari_medseg.editing.tools import TOOLS
from napari_medseg.packed import Box

Usual = Callable[[Scene], np.ndarray]

LARGE, MEDIUM = (1, (100, 230, 170)), (2, (105, 290, 370))  # a class and a voxel of its organ
GOAL_BOX, GOAL_RATIO, GOAL_STROKE = 100.0, 0.5, 5.0  # ms, ratio, ms
BALL = np.linalg.norm(np.mgrid[-15:16, -15:16, -15:16], axis=0) <= 15
DABS = 20
SLOW = 5.0  # seconds; what takes longer is measured once


@dataclass(frozen=True)
class Row:
    """A tool, its options, and the usual way to the same."""

    tool: str
    usual: Usual | None = None
    options: dict[str, Any] = field(default_factory=dict)
    keys: int = 0  # every how many slices are painted, 0: all


def ellipsoid(radius: float) -> np.ndarray:
    """Return a structuring element of `radius` mm."""
    reach = [int(radius / s) for s in SPACING]
    axes = np.ogrid[tuple(slice(-r, r + 1) for r in reach)]
    return np.asarray(sum((a * s) ** 2 for a, s in zip(axes, SPACING, strict=True)) <= radius**2)


def _reshaped(change: Callable[[np.ndarray], np.ndarray]) -> Usual:
    def usual(scene: Scene) -> np.ndarray:
        mask = scene.labels == scene.label
        changed = change(mask)
        edited = np.where(mask & ~changed, 0, scene.labels)
        return np.where(changed & (edited == 0), scene.label, edited).astype(np.uint8)

    return usual


def _objects(keep: Callable[[np.ndarray, np.ndarray, int], np.ndarray]) -> Usual:
    def usual(scene: Scene) -> np.ndarray:
        numbers, _ = ndimage.label(scene.labels == scene.label, np.ones((3, 3, 3)))
        sizes = np.bincount(numbers.ravel())
        sizes[0] = 0
        kept = keep(sizes, np.zeros(sizes.size, bool), int(numbers[scene.points[0]]))
        kept[0] = True
        return np.where(kept[numbers], scene.labels, 0).astype(np.uint8)

    return usual


def _largest(sizes: np.ndarray, kept: np.ndarray, clicked: int) -> np.ndarray:
    kept[sizes.argmax()] = True
    return kept


def _only_clicked(sizes: np.ndarray, kept: np.ndarray, clicked: int) -> np.ndarray:
    kept[clicked] = True
    return kept


def _but_clicked(sizes: np.ndarray, kept: np.ndarray, clicked: int) -> np.ndarray:
    kept[:] = True
    kept[clicked] = False
    return kept


def _large(sizes: np.ndarray, kept: np.ndarray, clicked: int) -> np.ndarray:
    return sizes >= 100 / np.prod(SPACING)


def _blurred(mask: np.ndarray) -> np.ndarray:
    sigma = [2 / s for s in SPACING]
    return np.asarray(ndimage.gaussian_filter(mask.astype(np.float32), sigma))


def _blurred_all(scene: Scene) -> np.ndarray:
    best, strongest = np.zeros(scene.labels.shape, np.float32), np.zeros_like(scene.labels)
    for value in np.unique(scene.labels):
        share = _blurred(scene.labels == value)
        wins = share > best
        best[wins], strongest[wins] = share[wins], value
    return strongest


def _signed(mask: np.ndarray) -> np.ndarray:
    inside = ndimage.distance_transform_edt(mask, sampling=SPACING[1:])
    return np.asarray(inside - ndimage.distance_transform_edt(~mask, sampling=SPACING[1:]))


def _between_slices(scene: Scene, values: tuple[int, ...] = ()) -> np.ndarray:
    edited = scene.labels.copy()
    for value in values or (scene.label,):
        keys = [i for i, plane in enumerate(scene.labels) if (plane == value).any()]
        for a, b in itertools.pairwise(keys):
            first, last = _signed(scene.labels[a] == value), _signed(scene.labels[b] == value)
            for i in range(a + 1, b):
                t = (i - a) / (b - a)
                edited[i][((1 - t) * first + t * last > 0) & (edited[i] == 0)] = value
    return edited


def _in_range(scene: Scene) -> np.ndarray:
    assert scene.image is not None
    wanted = (scene.image >= 120) & (scene.image <= 200) & (scene.labels == 0)
    return np.where(wanted, scene.label, scene.labels).astype(np.uint8)


def _region(scene: Scene) -> np.ndarray:
    assert scene.image is not None
    seed = int(scene.image[scene.points[0]])
    numbers, _ = ndimage.label(np.abs(scene.image - seed) <= 50)
    wanted = (numbers == numbers[scene.points[0]]) & (scene.labels == 0)
    return np.where(wanted, scene.label, scene.labels).astype(np.uint8)


def _parted(scene: Scene) -> np.ndarray:
    mask = scene.labels == scene.label
    depth = ndimage.distance_transform_edt(mask, sampling=SPACING)
    markers = np.zeros(mask.shape, np.int32)
    for number, point in enumerate(scene.points, start=1):
        markers[point] = number
    parts = watershed(-depth, markers, mask=mask)
    return np.where(parts == 2, 9, scene.labels).astype(np.uint8)


def _mirrored(scene: Scene) -> np.ndarray:
    flipped = (scene.labels == scene.label)[..., ::-1]
    return np.where(flipped & (scene.labels == 0), scene.label, scene.labels).astype(np.uint8)


def _table(numbers: dict[int, int]) -> Usual:
    look_up = np.arange(256, dtype=np.uint8)
    look_up[list(numbers)] = list(numbers.values())
    return lambda scene: look_up[scene.labels]


def _outside(scene: Scene) -> np.ndarray:
    assert scene.box is not None
    outside = np.ones(scene.labels.shape, bool)
    outside[scene.box] = False
    return np.where(outside & (scene.labels == scene.label), 0, scene.labels).astype(np.uint8)


def _inside(scene: Scene) -> np.ndarray:
    assert scene.box is not None
    edited = scene.labels.copy()
    edited[scene.box][edited[scene.box] == scene.label] = 0
    return edited


ROWS = (
    Row("keep_largest", _objects(_largest)),
    Row("keep_clicked", _objects(_only_clicked)),
    Row("remove_clicked", _objects(_but_clicked)),
    Row("remove_small", _objects(_large)),
    Row("fill_holes", _reshaped(ndimage.binary_fill_holes)),
    Row(
        "fill_holes",
        _reshaped(lambda m: np.stack([ndimage.binary_fill_holes(p) for p in m])),
        {"holes": "in each slice"},
    ),
    Row("grow", _reshaped(lambda m: ndimage.binary_dilation(m, ellipsoid(2)))),
    Row("grow", _reshaped(lambda m: ndimage.binary_dilation(m, ellipsoid(6))), {"radius": 6.0}),
    Row("shrink", _reshaped(lambda m: ndimage.binary_erosion(m, ellipsoid(2), border_value=1))),
    Row("opening", _reshaped(lambda m: ndimage.binary_opening(m, ellipsoid(2)))),
    Row("closing", _reshaped(lambda m: ndimage.binary_closing(m, ellipsoid(2)))),
    Row("hollow", _reshaped(lambda m: m & ~ndimage.binary_erosion(m, ellipsoid(3)))),
    Row("smooth", _reshaped(lambda m: ndimage.uniform_filter(m.astype("f4"), (3, 5, 5)) > 0.5)),
    Row("smooth", _reshaped(lambda m: _blurred(m) > 0.5), {"method": "Gaussian"}),
    Row("smooth_all", _blurred_all),
    Row("interpolate", _between_slices, keys=5),
    Row("interpolate_all", lambda scene: _between_slices(scene, tuple(range(1, 8))), keys=5),
    Row("copy_next"),
    Row("copy_previous"),
    Row("threshold", _in_range, {"low": 120.0, "high": 200.0}),
    Row("grow_region", _region, {"automatic": False, "tolerance": 50.0}),
    Row("split", _parted),
    Row("cut", _parted),
    Row("merge", _table({1: 9, 2: 9}), {"into": 9}),
    Row("move_clicked", _objects(_but_clicked), {"into": 9}),
    Row("swap", _table({1: 9, 9: 1}), {"into": 9}),
    Row("renumber", lambda scene: relabel_sequential(scene.labels)[0]),
    Row("combine", _table({3: 1}), {"other": 3}),
    Row("mirror", _mirrored, {"plane": "centre of the image"}),
    Row("mirror"),
    Row("clear_outside", _outside),
    Row("clear_inside", _inside),
)


def scenes() -> tuple[Scene, Scene]:
    """Return the whole volume with the largest class, and the box of a medium organ."""
    labels = organs()
    image = grey_values(labels)
    label, point = LARGE
    near = tuple(p + d for p, d in zip(point, (0, 20, 30), strict=True))
    whole = Scene(
        labels=labels,
        image=image,
        spacing=SPACING,
        label=label,
        points=(point, near),
        index=point[0],
        box=tuple(slice(p - 30, p + 30) for p in point),
    )
    label, point = MEDIUM
    box = _cube(touched_box(labels, label, 0, SPACING, [point]), point)
    near = tuple(p + d for p, d in zip(point, (0, 10, 15), strict=True))
    part = replace(whole, label=label, points=(point, near), index=point[0]).crop(box)
    part = replace(part, labels=part.labels.copy(), image=image[box].copy())
    part = replace(part, box=tuple(slice(40, 90) for _ in point))
    return whole, part


def _cube(box: Box | None, centre: tuple[int, ...]) -> Box:
    assert box is not None
    print(f"the organ in the box: {' x '.join(str(s.stop - s.start) for s in box)} voxels")
    return tuple(slice(c - 64, c + 64) for c in centre)


def _painted(scene: Scene, row: Row) -> Scene:
    """Leave every so many slices of the labels."""
    if not row.keys:
        return scene
    labels = np.zeros_like(scene.labels)
    labels[:: row.keys] = scene.labels[:: row.keys]
    return replace(scene, labels=labels)


def compare(row: Row, whole: Scene, part: Scene, rounds: int) -> dict[str, float]:
    """Return the medians of CPU time in ms: in the box, on the whole volume, the usual way."""
    tool = TOOLS[row.tool]
    options = tool.options(**row.options)
    whole, part = _painted(whole, row), _painted(part, row)
    ways: dict[str, Callable[[], object]] = {"whole": lambda: edit(tool, whole, options)}
    usual = row.usual
    if usual is not None:
        ways["usual"] = lambda: usual(whole)
    box = interleaved({"box": lambda: apply(tool, part, options)}, 2 * rounds + 1)
    seconds = interleaved(ways, 1)
    if sum(sum(values) for values in seconds.values()) < SLOW:
        seconds = interleaved(ways, rounds)
    seconds |= box
    return {name: 1000 * statistics.median(values) for name, values in seconds.items()}


def report_tools(whole: Scene, part: Scene, rounds: int) -> None:
    """Print a line for each tool."""
    print(f"{'':<34}{'box ms':>9}{'whole ms':>10}{'usual ms':>10}{'ratio':>8}")
    for row in ROWS:
        found = compare(row, whole, part, rounds)
        words = " ".join(str(v) for v in row.options.values() if not isinstance(v, bool))
        usual = found.get("usual", float("nan"))
        ratio = found["whole"] / usual
        missed = found["box"] > GOAL_BOX or ratio > GOAL_RATIO
        print(
            f"{row.tool + ' ' + words:<34}{found['box']:9.1f}{found['whole']:10.1f}{usual:10.1f}"
            f"{ratio:8.3f}{'  <- misses the goal' if missed else ''}",
            flush=True,
        )
    rest = sorted(set(TOOLS) - {row.tool for row in ROWS})
    print(f"tools without a line: {', '.join(rest) or 'none'}")


def _dabs() -> list[tuple[int, ...]]:
    z, y, x = MEDIUM[1]
    return [(z, y + 3 * i - 30, x + 2 * i - 20) for i in range(DABS)]


def strokes_on_arrays(labels: np.ndarray, rounds: int = 7) -> list[tuple[float, float]]:
    """Return ms for twenty dabs of a ball and for undoing them: patches, and what was reviewed.

    The first stroke in a place also takes the memory that is needed there.
    """
    from napari_medseg.edits import Edits, Piece

    edits, taken = Edits(labels.shape), []
    for _ in range(rounds):
        started = time.process_time()
        pieces = []
        for centre in _dabs():
            box = tuple(slice(c - 15, c + 16) for c in centre)
            patch = labels[box]
            written = BALL & (patch != 9)
            pieces.append(Piece(box, written, patch[written]))
            patch[written] = 9
        change = edits.paint(pieces)
        painted = time.process_time()
        for piece in reversed(pieces):
            labels[piece.box][piece.mask] = piece.old
        edits.undo(change)
        undone = time.process_time()
        taken.append((1000 * (painted - started), 1000 * (undone - painted)))
    return taken


def in_napari(labels: np.ndarray) -> dict[str, float]:
    """Return ms until it is drawn: a stroke, a tool's answer in a box, and undoing each."""
    import napari
    from qtpy.QtWidgets import QApplication

    from napari_medseg.widgets.layers import apply_edit
    from napari_medseg.widgets.painted import painted_of

    viewer = napari.Viewer(show=True)
    layer = viewer.add_labels(labels.copy(), scale=SPACING)
    layer.n_edit_dimensions, layer.brush_size = 3, 31
    painted_of(layer)
    viewer.dims.set_current_step(0, MEDIUM[1][0])
    scene = Scene(labels=labels, spacing=SPACING, label=MEDIUM[0])
    box = touched_box(labels, MEDIUM[0], 3, SPACING, [MEDIUM[1]])
    assert box is not None
    grown = apply(TOOLS["grow"], scene.crop(box), TOOLS["grow"].options())

    def stroke() -> None:
        with layer.block_history():
            for centre in _dabs():
                layer.paint(centre, 9)

    acts: dict[str, Callable[[], object]] = {
        "a stroke of 20 dabs": stroke,
        "undo the stroke": layer.undo,
        "apply_edit in a box": lambda: apply_edit(layer, grown, "Grow", box=box),
        "undo apply_edit": layer.undo,
    }
    taken: dict[str, list[float]] = {name: [] for name in acts}
    for _ in range(5):
        for name, act in acts.items():
            QApplication.processEvents()
            started = time.perf_counter()
            act()
            QApplication.processEvents()
            taken[name].append(1000 * (time.perf_counter() - started))
    viewer.close()
    return {name: statistics.median(values) for name, values in taken.items()}


def main(rounds: int = 3) -> None:
    """Print everything."""
    whole, part = scenes()
    report_tools(whole, part, rounds)
    first, *others = strokes_on_arrays(whole.labels.copy())
    stroke, undo = (statistics.median(column) for column in zip(*others, strict=True))
    print(
        f"on arrays: a stroke of {DABS} dabs {stroke:.2f} ms (first in a place {first[0]:.2f}), "
        f"its undo {undo:.2f} ms; goal {GOAL_STROKE:.0f} ms"
    )
    for name, taken in in_napari(whole.labels).items():
        print(f"in napari, until drawn: {name} {taken:.1f} ms of wall time")


if __name__ == "__main__":
    main()
