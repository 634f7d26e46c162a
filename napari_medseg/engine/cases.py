"""`Case`: an image with labels, and what a human has seen of them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_medseg.engine.card import LabelClass
from napari_medseg.io import check_same_grid, read_labels, read_volume
from napari_medseg.io.datasets import CaseFiles
from napari_medseg.volume import Volume

# Okabe and Ito's colours, told apart by people who do not see red and green
PALETTE = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7", "#999999")


@dataclass(frozen=True, eq=False)
class Case:
    """An image with its labels.

    Parameters
    ----------
    volume : Volume
        ``(C, *S)``.
    labels : ndarray
        ``(*S)``, integers as in the card's classes, 0 background.
    reviewed : ndarray, optional
        ``(*S)`` bool, voxels a human has seen; None means all of them.
    changed : ndarray, optional
        ``(*S)`` bool, voxels where the human disagreed with the model.
    name : str
        For people.
    weight : float
        How often it is learnt from, relative to other cases.

    Raises
    ------
    ValueError
        If the shapes differ or the weight is not positive.
    """

    volume: Volume
    labels: np.ndarray
    reviewed: np.ndarray | None = None
    changed: np.ndarray | None = None
    name: str = ""
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.weight < np.inf:
            raise ValueError(
                f"{self.name or 'case'}: the weight must be positive, got {self.weight}; leave the "
                "case out to learn nothing from it"
            )
        for what in ("labels", "reviewed", "changed"):
            array = getattr(self, what)
            if array is not None and array.shape != self.volume.shape:
                raise ValueError(
                    f"{self.name or 'case'}: the image has {self.volume.shape} voxels, its {what} "
                    f"{array.shape}; both must lie on the same grid"
                )


def voxel_hash(array: np.ndarray) -> str:
    """Return the SHA-256 of an image's values and shape: the same image, whatever its file."""
    plain = np.ascontiguousarray(array)
    plain = plain.astype(plain.dtype.newbyteorder("<"), copy=False)
    whole = hashlib.sha256(f"{plain.dtype.str} {plain.shape} ".encode())
    whole.update(plain.data if plain.size else b"")
    return whole.hexdigest()


def load_case(files: CaseFiles) -> Case:
    """Read a case's image and label files.

    Raises
    ------
    ValueError
        If there is no label file, a file cannot be read, or the grids differ.
    """
    if files.label is None:
        raise ValueError(f"{files.name} has no label file; training needs one for every image")
    volume = read_volume(files.images if len(files.images) > 1 else files.images[0])
    labels = read_labels(files.label)
    check_same_grid(volume, labels, f"the image of {files.name}", "its label file")
    return Case(volume, labels.array[0], name=files.name)


def classes_of(values: Sequence[int], named: Sequence[str] = ()) -> tuple[LabelClass, ...]:
    """Describe the label values of a data set.

    Parameters
    ----------
    values : sequence of int
        The values found, 0 left out.
    named : sequence of str
        ``"1=liver"`` or just ``"liver"`` in the order of the values.

    Raises
    ------
    ValueError
        If there is nothing to segment, or a name is for no value found.
    """
    found = sorted({int(v) for v in values} - {0})
    if not found:
        raise ValueError(
            "all labels are empty, so there is nothing to learn; label something in one case"
        )
    names: dict[int, str] = {}
    for index, text in enumerate(named):
        value, equals, name = (part.strip() for part in text.partition("="))
        if not (name if equals else value):
            raise ValueError(
                f"class {text!r} has no name; give one for each value, such as {found[0]}=liver"
            )
        if equals:
            key = int(value) if value.isdecimal() else -1
        else:
            key = found[index] if index < len(found) else -1
        if key not in found:
            raise ValueError(
                f"class {text!r}: the labels hold the values {found}; name one of them, such as "
                f"{found[0]}=liver"
            )
        names[key] = name if equals else value
    return tuple(
        LabelClass(value=v, name=names.get(v, f"class {v}"), colour=PALETTE[i % len(PALETTE)])
        for i, v in enumerate(found)
    )


def region_of(labels: np.ndarray, label_class: LabelClass) -> np.ndarray:
    """Return where a class is, ``(*S)`` bool: its own value, or those that it unites."""
    values = label_class.unites or (label_class.value,)
    return np.isin(labels, values) if len(values) > 1 else labels == values[0]


def to_target(labels: np.ndarray, classes: Sequence[LabelClass], activation: str) -> np.ndarray:
    """Turn a label image into what the losses compare with.

    Returns
    -------
    ndarray
        softmax: ``(*S)`` int64 class indices, 0 background; sigmoid: ``(K, *S)`` float32, 1 in
        the region of each class (its `unites`, or its own value).
    """
    if activation == "softmax":
        target = np.zeros(labels.shape, np.int64)
        for index, label_class in enumerate(classes, 1):
            target[labels == label_class.value] = index
        return target
    return np.stack([region_of(labels, c) for c in classes]).astype(np.float32)
