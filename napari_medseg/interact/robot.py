"""The robot user: a simulated person who prompts where a segmentation is most wrong.

Source: the next point lies at the centre of the largest error, as in RITM (Sofiiuk et al. 2021,
arXiv:2102.06583, code ``isegm/inference/clicker.py``); that such a robot is better than people
are, because its points are perfect, and that it becomes more like them with points that vary and
are at times wrong, is from Marinov et al. 2024, arXiv:2404.01816. Theirs learnt how people click
from a study; here the variation is a normal distribution in mm, and the share of wrong points is
given. Several classes and anisotropic voxels are ours: an error component is what one class misses
or spills, and the distance to its surface is in mm.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from napari_medseg.config import Config
from napari_medseg.editing.connected import connected
from napari_medseg.interact.prompts import Prompt
from napari_medseg.packed import Box, bounding_box, moved
from napari_medseg.volume import Volume

KINDS = ("point", "scribble", "box")
_MEDIAL = 0.5  # of the greatest depth: how deep in the component a scribble stays


@dataclass(frozen=True, kw_only=True)
class RobotConfig(Config):
    """How the robot prompts.

    Parameters
    ----------
    kind : {"point", "scribble", "box"}
        A scribble follows the medial line of the error in the slice through its centre. A box goes
        around the whole object that is missing; where there is a box already, and for what spills,
        a point is given.
    place_noise : float
        Standard deviation in mm, along each axis, of where points and corners lie; 0 is ideal.
    sign_noise : float
        Probability that a point or scribble has the wrong sign.
    radius : float
        mm, of points and scribbles, smaller where the error is narrower; 0 is the voxels touched.
    """

    kind: str = field(default="point", metadata={"choices": KINDS})
    place_noise: float = field(default=0.0, metadata={"min": 0})
    sign_noise: float = field(default=0.0, metadata={"min": 0, "max": 1})
    radius: float = field(default=0.0, metadata={"min": 0})

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"the robot gives {', '.join(KINDS)}; got {self.kind!r}, choose one")
        if not (0 <= self.place_noise < np.inf and 0 <= self.radius < np.inf):
            raise ValueError(
                f"place_noise and radius are 0 mm or more, got {self.place_noise} and {self.radius}"
            )
        if not 0 <= self.sign_noise <= 1:
            raise ValueError(f"sign_noise is a probability, 0 to 1, got {self.sign_noise}")


@dataclass(frozen=True, eq=False)
class Mistake:
    """A connected error: what a class misses, or what it has too much.

    Parameters
    ----------
    value : int
        The class.
    missed : bool
        Whether it is missing; else it spills over background.
    box : tuple of slice
        Around the component.
    mask : ndarray
        bool, of the box.
    """

    value: int
    missed: bool
    box: Box
    mask: np.ndarray

    @property
    def voxels(self) -> int:
        """How many."""
        return int(np.count_nonzero(self.mask))


def largest_mistake(truth: np.ndarray, labels: np.ndarray) -> Mistake | None:
    """Return the largest connected error over all classes; None if there is none.

    Every wrong voxel belongs to one kind of error: where the truth is a class, that class misses
    it, whatever is there instead; where the truth is background, the class that is there spills.

    Parameters
    ----------
    truth, labels : ndarray
        ``(*S)`` integers.

    Raises
    ------
    ValueError
        If they differ in shape.
    """
    if truth.shape != labels.shape:
        raise ValueError(
            f"the truth has {truth.shape} voxels, the labels {labels.shape}; both must lie on the "
            "same grid"
        )
    wrong = bounding_box(truth != labels)
    if wrong is None:
        return None
    return max(_mistakes(truth[wrong], labels[wrong], wrong), key=lambda mistake: mistake.voxels)


def next_prompt(
    truth: np.ndarray,
    labels: np.ndarray,
    volume: Volume,
    config: RobotConfig | None = None,
    rng: np.random.Generator | None = None,
    *,
    boxed: bool = False,
) -> Prompt | None:
    """Return what the robot would prompt now.

    Parameters
    ----------
    truth, labels : ndarray
        ``(*S)`` integers: what should be there, and what is.
    volume : Volume
        The image, for its spacing and place in the world.
    config : RobotConfig or None
        None is one ideal point.
    rng : Generator or None
        For the noise; None is seed 0, so that noise is the same each time.
    boxed : bool
        A box was given already: points from now on.

    Returns
    -------
    Prompt or None
        None if nothing is wrong.

    Raises
    ------
    ValueError
        If truth, labels and volume do not lie on one grid.
    """
    config = config or RobotConfig()
    rng = rng or np.random.default_rng(0)
    if truth.shape != volume.shape:
        raise ValueError(
            f"the image has {volume.shape} voxels, the truth {truth.shape}; both must lie on the "
            "same grid"
        )
    mistake = largest_mistake(truth, labels)
    if mistake is None:
        return None
    centre, depth = _centre(mistake, volume.spacing)
    if config.kind == "box" and mistake.missed and not boxed:
        corners = _corners(truth == mistake.value, centre)
        return _prompt("box", mistake.value, True, corners, volume, config, rng)
    if config.kind == "scribble":
        depth *= _MEDIAL
    radius = max(min(config.radius, depth - max(volume.spacing)), 0.0)
    positive = mistake.missed != (rng.random() < config.sign_noise)
    if config.kind == "scribble":
        line = _medial_line(mistake, centre, volume.spacing)
        return _prompt("scribble", mistake.value, positive, line, volume, config, rng, radius)
    return _prompt("point", mistake.value, positive, centre[None], volume, config, rng, radius)


def _mistakes(truth: np.ndarray, labels: np.ndarray, outer: Box) -> Iterator[Mistake]:
    """Yield the largest component of what each class misses and of what it spills."""
    wrong = truth != labels
    for missed, values in ((True, truth), (False, labels)):
        where = wrong & ((truth != 0) == missed)
        for value in np.unique(values[where]):
            numbers, _ = connected(where & (values == value), "faces")
            sizes = np.bincount(numbers.ravel())
            sizes[0] = 0
            component = numbers == sizes.argmax()
            box = bounding_box(component)
            assert box is not None  # it is not empty
            yield Mistake(int(value), missed, moved(box, outer), component[box])


def _depths(mask: np.ndarray, spacing: tuple[float, ...]) -> np.ndarray:
    """Return mm to the surface; what lies beyond the component's box is outside."""
    import edt

    return np.asarray(edt.edt(mask, anisotropy=spacing, black_border=True, parallel=1))


def _centre(mistake: Mistake, spacing: tuple[float, ...]) -> tuple[np.ndarray, float]:
    """Return the voxel of the largest ball within, of several the middle one, and its radius."""
    depths = _depths(mistake.mask, spacing)
    deepest = np.argwhere(depths >= depths.max() * (1 - 1e-6))
    away = (deepest - deepest.mean(0)) * spacing
    nearest = deepest[(away**2).sum(1).argmin()]
    return nearest + np.array([side.start for side in mistake.box], float), float(depths.max())


def _corners(objects: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Return the first and the last voxel of the box around one of `objects`."""
    numbers, _ = connected(objects)
    box = bounding_box(numbers == numbers[tuple(inside.astype(int))])
    assert box is not None  # the voxel inside is of it
    return np.array([[side.start for side in box], [side.stop - 1 for side in box]], float)


def _medial_line(mistake: Mistake, centre: np.ndarray, spacing: tuple[float, ...]) -> np.ndarray:
    """Return the longest line along the skeleton of the slice through the centre, ``(n, axes)``."""
    from skimage.morphology import skeletonize

    offset = np.array([side.start for side in mistake.box])
    at = (centre - offset).astype(int)
    in_volume = mistake.mask.ndim == 3
    plane = mistake.mask[at[0]] if in_volume else mistake.mask
    numbers, _ = connected(plane, "faces")
    piece = numbers == numbers[tuple(at[-2:])]
    depths = _depths(piece, spacing[-2:])
    deep = skeletonize(piece) & (depths >= _MEDIAL * depths.max())
    deep[tuple(at[-2:])] = True
    line = _longest_path(np.argwhere(deep), spacing[-2:])
    if in_volume:
        line = np.insert(line, 0, at[0], axis=1)
    return np.asarray(line + offset, float)


def _longest_path(voxels: np.ndarray, spacing: tuple[float, ...]) -> np.ndarray:
    """Return the voxels along the longest of the shortest ways through a skeleton, in order.

    Pieces of it that do not touch are joined as the crow flies.
    """
    from scipy.sparse.csgraph import dijkstra, minimum_spanning_tree
    from scipy.spatial.distance import cdist

    if len(voxels) == 1:
        return voxels
    tree = minimum_spanning_tree(cdist(voxels * spacing, voxels * spacing))
    first = dijkstra(tree, directed=False, indices=0)
    lengths, before = dijkstra(
        tree, directed=False, indices=int(first.argmax()), return_predecessors=True
    )
    path = [int(lengths.argmax())]
    while before[path[-1]] >= 0:
        path.append(int(before[path[-1]]))
    return np.asarray(voxels[path])


def _prompt(
    kind: str,
    value: int,
    positive: bool,
    voxels: np.ndarray,
    volume: Volume,
    config: RobotConfig,
    rng: np.random.Generator,
    radius: float = 0.0,
) -> Prompt:
    """Move voxels ``(n, axes)`` by noise, keep them in the image, and put them into the world."""
    noise = rng.normal(0, 1, voxels.shape if kind == "box" else (1, voxels.shape[1]))
    moved = voxels + noise * config.place_noise / np.array(volume.spacing)
    inside = moved.clip(0, np.array(volume.shape) - 1)
    axis = None
    if kind == "scribble" and volume.spatial_dims == 3:
        inside[:, 0] = inside[:, 0].round()
        axis = 0
    return Prompt.drawn(
        volume, inside.tolist(), value, kind=kind, positive=positive, radius=radius, axis=axis
    )
