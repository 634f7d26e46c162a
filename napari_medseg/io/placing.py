"""Labels on the grid of another image: exactly where whole voxels do it, else only when asked.

Decisions:

* Two grids are the same where no corner of the labels is further off than a tenth of the image's
  smallest voxel side: headers round.
* Turned and mirrored axes, and an offset of whole voxels, lose nothing: they are exact too.
* On another grid each voxel of the image takes the label its centre lies in; nothing is
  interpolated, so no value appears that was not there.
* Whatever labelled voxel does not fit is counted and said.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import Literal

import numpy as np

from napari_medseg.volume import Storage, Volume

NEAR = 0.1  # of the smallest voxel side; nearer is the same place
_TURNED = 0.2  # degrees; less is not worth a word


@dataclass(frozen=True)
class Relation:
    """How the grid of labels lies to that of an image.

    Parameters
    ----------
    kind : {"same", "shifted", "other"}
        Voxel for voxel; by whole voxels, exactly; or neither.
    words : str
        The same for people, a clause: "the labels have 2 x 2 x 5 mm voxels, ...".
    overlap : bool
        Whether any of the labels' box lies in the image.
    """

    kind: Literal["same", "shifted", "other"]
    words: str
    overlap: bool = True


def grid_relation(labels: Volume, like: Volume) -> Relation:
    """Compare the grids of labels and image by their places alone, whatever their values.

    Parameters
    ----------
    labels, like : Volume
        Of 2 or 3 dimensions, in any place.
    """
    if labels.spatial_dims != like.spatial_dims:
        words = f"the labels are {labels.spatial_dims}D and the image is {like.spatial_dims}D"
        return Relation("other", words, overlap=False)
    if not (labels.spacing_known and like.spacing_known):
        return _by_size(labels, like)
    exact = _whole_voxels(labels, like)
    if exact is None:
        return Relation("other", _difference(labels, like), _boxes_meet(labels, like))
    if labels.shape == like.shape and np.array_equal(exact, np.eye(4)):
        return Relation("same", "the labels lie on the image voxel for voxel")
    start = (exact @ _corners(labels).T)[:3].min(1) + 0.5
    words = (
        f"the labels' {_size(labels)} voxels lie on those of the image ({_size(like)}), "
        f"from its voxel {tuple(int(n) for n in start[-like.spatial_dims :])} on"
    )
    return Relation("shifted", words, _boxes_meet(labels, like))


def largest_distance(first: Volume, second: Volume, index: np.ndarray | None = None) -> float:
    """Return how far apart two grids lie at the corners of the first, mm.

    Parameters
    ----------
    index : ndarray or None
        ``(4, 4)``, from the index of the first to that of the second; None is the same index.
    """
    there = second.affine if index is None else second.affine @ index
    apart = (first.affine - there) @ _corners(first).T
    return float(np.linalg.norm(apart[:3], axis=0).max())


def place_on(labels: Volume, like: Volume, *, resample: bool = False) -> Volume:
    """Put labels onto the grid of an image.

    Parameters
    ----------
    labels : Volume
        ``(1, *S_labels)``, whole numbers.
    like : Volume
        ``(C, *S)``, the image; its values are not looked at.
    resample : bool
        Whether labels on another grid may be resampled, to the nearest label. Moving by whole
        voxels, cropping and filling up with background need no leave.

    Returns
    -------
    Volume
        ``(1, *S)`` of the labels' type, with the place and storage of `like`; the class names of
        the labels are kept, and `notes` say what was cut off.

    Raises
    ------
    ValueError
        If the grids differ and `resample` is False, or the labels cannot lie on the image at all.
    """
    relation = grid_relation(labels, like)
    if relation.kind == "same":
        return _in_place(labels, like, labels.array, ())
    names = f"'{labels.name or 'labels'}' and '{like.name or 'image'}'"
    if not relation.overlap:
        raise ValueError(
            f"{names} have no place in common: {relation.words}; choose the image the labels "
            "were made for"
        )
    if relation.kind == "shifted":
        exact = _whole_voxels(labels, like)
        assert exact is not None  # which is what "shifted" says
        placed = _moved(_boxed(labels), exact, _box(like))
    elif resample:
        placed = _nearest(_boxed(labels), _to_index(labels, like), _box(like))
    else:
        raise ValueError(
            f"{names} lie on different grids: {relation.words}; resample the labels to the image "
            "(--resample, or resample=True) or choose the image they were made for"
        )
    array = placed if like.spatial_dims == 3 else placed[:, 0]
    return _in_place(labels, like, array, _remarks(labels, like, array, relation))


def _by_size(labels: Volume, like: Volume) -> Relation:
    """Compare grids of which one states no voxel size: their sizes are all there is."""
    if labels.shape == like.shape:
        words = f"both have {_size(like)} voxels; the size of these is not stated and taken as one"
        return Relation("same", words)
    words = (
        f"the labels have {_size(labels)} voxels, the image {_size(like)}, and not both state how "
        "large these are"
    )
    return Relation("other", words, overlap=False)


def _to_index(target: Volume, source: Volume) -> np.ndarray:
    """Return the (4, 4) matrix from the index of `source` to that of `target`."""
    matrix: np.ndarray = np.linalg.inv(target.affine) @ source.affine
    return matrix


def _whole_voxels(labels: Volume, like: Volume) -> np.ndarray | None:
    """Return the labels' index to the image's if whole numbers say it, else None."""
    exact: np.ndarray = np.rint(_to_index(like, labels))
    turn = np.abs(exact[:3, :3])
    if turn.max() != 1 or (turn.sum(0) != 1).any() or (turn.sum(1) != 1).any():
        return None
    near = largest_distance(labels, like, exact) <= NEAR * min(like.spacing)
    return exact if near else None


def _moved(values: np.ndarray, exact: np.ndarray, box: tuple[int, ...]) -> np.ndarray:
    """Return ``(C, D, H, W)`` turned, moved, cropped and filled up with 0, exactly."""
    out = np.zeros((len(values), *box), values.dtype)
    axes = [int(np.flatnonzero(row)[0]) for row in exact[:3, :3]]
    turned = values.transpose(0, *(axis + 1 for axis in axes))
    source, target = [slice(None)], [slice(None)]
    for place, axis in enumerate(axes):
        count, start = turned.shape[place + 1], int(exact[place, 3])
        if exact[place, axis] < 0:
            turned = np.flip(turned, place + 1)
            start -= count - 1
        first, last = max(start, 0), min(start + count, box[place])
        if first >= last:
            return out
        source.append(slice(first - start, last - start))
        target.append(slice(first, last))
    out[tuple(target)] = turned[tuple(source)]
    return out


def _nearest(values: np.ndarray, to_labels: np.ndarray, box: tuple[int, ...]) -> np.ndarray:
    """Return ``(C, *box)``: for each voxel the label its centre lies in, slice by slice."""
    out = np.zeros((len(values), *box), values.dtype)
    rows, columns = np.ogrid[: box[1], : box[2]]
    # the label's index + 1/2 of each voxel of the first slice, one plane for each axis of it
    first = [along[1] * rows + along[2] * columns + along[3] + 0.5 for along in to_labels[:3]]
    flat = values.reshape(len(values), -1)
    for d in range(box[0]):
        inside: np.ndarray = np.ones(box[1:], bool)
        at: np.ndarray = np.zeros(box[1:], np.intp)
        for plane, along, count in zip(first, to_labels, values.shape[1:], strict=False):
            exact = plane + along[0] * d
            inside &= (exact >= 0) & (exact < count)
            at *= count
            at += exact.astype(np.intp)
        at *= inside
        out[:, d] = flat[:, at] * inside
    return out


def _remarks(
    labels: Volume, like: Volume, placed: np.ndarray, relation: Relation
) -> tuple[str, ...]:
    """Say what of the labels did not come along."""
    notes = []
    total, outside = _outside(_boxed(labels), _to_index(like, labels), _box(like))
    if total and total == outside:
        raise ValueError(
            f"no labelled voxel of '{labels.name or 'labels'}' lies inside "
            f"'{like.name or 'image'}'; choose the image the labels were made for"
        )
    if outside:
        notes.append(f"{outside} of {total} labelled voxels lie outside the image and are left out")
    if relation.kind == "other":
        notes.append(f"the labels were resampled to the image: {relation.words}")
    gone = ", ".join(str(value) for value in sorted(_values(labels.array) - _values(placed)))
    if gone:
        notes.append(f"no voxel of the image has the value {gone} of the labels")
    return tuple(notes)


def _outside(values: np.ndarray, to_image: np.ndarray, box: tuple[int, ...]) -> tuple[int, int]:
    """Count the labelled voxels, and those whose centre lies outside the image."""
    total = outside = 0
    for d, plane in enumerate(values[0]):
        rows, columns = np.nonzero(plane)
        if not rows.size:
            continue
        index = np.stack([np.full(rows.size, d), rows, columns, np.ones(rows.size)])
        there = np.floor(to_image[:3] @ index + 0.5)
        total += rows.size
        within = ((there >= 0) & (there < np.array(box)[:, None])).all(0)
        outside += rows.size - int(np.count_nonzero(within))
    return total, outside


def _values(array: np.ndarray) -> set[int]:
    """Return the values of labels without 0."""
    import fastremap

    return {int(value) for value in fastremap.unique(array)} - {0}


def _in_place(labels: Volume, like: Volume, array: np.ndarray, notes: tuple[str, ...]) -> Volume:
    """Return labels with the place of the image and the class names of their own file."""
    axes = tuple(range(like.spatial_dims))
    storage = like.storage or Storage(axes, (False,) * len(axes))
    header = {key: value for key, value in storage.header.items() if key != "classes"}
    if labels.storage and "classes" in labels.storage.header:
        header["classes"] = labels.storage.header["classes"]
    return replace(
        like,
        array=array,
        storage=replace(storage, header=header),
        name=labels.name,
        channels=(),
        notes=(*labels.notes, *notes),
    )


def _difference(labels: Volume, like: Volume) -> str:
    """Return what differs most between two grids, as a clause."""
    if not np.allclose(labels.spacing, like.spacing, rtol=NEAR / max(like.shape)):
        return f"the labels have {_steps(labels)} mm voxels, the image {_steps(like)} mm"
    turn = (labels.affine[:3, :3] / np.linalg.norm(labels.affine[:3, :3], axis=0)).T @ (
        like.affine[:3, :3] / np.linalg.norm(like.affine[:3, :3], axis=0)
    )
    degrees = float(np.degrees(np.arccos(np.clip(turn.diagonal().min(), -1, 1))))
    if degrees > _TURNED:
        return f"the labels are turned by {degrees:.3g}° against the image"
    start = float(np.linalg.norm((labels.affine - like.affine)[:3, 3]))
    return f"the labels start {start:.3g} mm beside the image, which is no whole number of voxels"


def _boxes_meet(labels: Volume, like: Volume) -> bool:
    """Whether the box around the labels reaches into the image, in the image's axes."""
    there = (_to_index(like, labels) @ _corners(labels).T)[:3]
    last = np.array(_box(like)) - 0.5
    return bool(((there.max(1) > NEAR - 0.5) & (there.min(1) < last - NEAR)).all())


def _corners(volume: Volume) -> np.ndarray:
    """Return the outer corners of the first and last voxels, ``(8, 4)``."""
    ends = [(-0.5, n - 0.5) for n in _box(volume)]
    return np.array([[*corner, 1.0] for corner in product(*ends)])


def _box(volume: Volume) -> tuple[int, ...]:
    """Return the voxels along D, H and W; a picture is one slice."""
    return (1, *volume.shape)[-3:]


def _boxed(volume: Volume) -> np.ndarray:
    return volume.array if volume.spatial_dims == 3 else volume.array[:, None]


def _size(volume: Volume) -> str:
    return " x ".join(str(n) for n in volume.shape)


def _steps(volume: Volume) -> str:
    return " x ".join(f"{s:.4g}" for s in volume.spacing)
