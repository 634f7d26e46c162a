"""Where labels are wrong in one class of one case, found in a thread."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_medseg.engine.differences import BOTH, MISSED, TOO_MUCH, differences
from napari_medseg.engine.evaluation import CaseScore
from napari_medseg.io import find_cases, read_labels, read_volume
from napari_medseg.io.placing import grid_relation, place_on
from napari_medseg.packed import Box, bounding_box
from napari_medseg.progress import Report, Step, silent
from napari_medseg.volume import Volume
from napari_medseg.widgets.evaluate.request import EvaluationRequest


@dataclass(frozen=True, eq=False)
class Wrong:
    """The differences between labels and truth.

    Parameters
    ----------
    score : CaseScore
        Which case and class.
    values : ndarray of uint8
        ``(*S)`` as `engine.differences` says it, on the grid of the truth.
    counts : dict
        Voxels that are right (`BOTH`), too much and missed.
    truth, judged : Volume
        Both label images; `judged` on its own grid.
    images : tuple of (Volume, Path)
        The image under them where it is known, a volume for each file.
    """

    score: CaseScore
    values: np.ndarray
    counts: dict[int, int]
    truth: Volume
    judged: Volume
    images: tuple[tuple[Volume, Path], ...] = ()

    def place(self, axis: int) -> tuple[tuple[int, ...], Box] | None:
        """Return a voxel and a box around it, to go to; None where there is nothing.

        Parameters
        ----------
        axis : int
            The axis one steps through: the slice is the one with the most wrong voxels, or where
            all is right, with the most of the class.
        """
        wrong = self.values >= TOO_MUCH
        seen = wrong if wrong.any() else self.values > 0
        if not seen.any():
            return None
        index: list[slice] = [slice(None)] * seen.ndim
        if seen.ndim == 3:
            others = tuple(a for a in range(3) if a != axis)
            at = int(seen.sum(axis=others).argmax())
            index[axis] = slice(at, at + 1)
        box = bounding_box(seen[tuple(index)])
        assert box is not None  # the slice was chosen for what is in it
        if seen.ndim == 3:
            box = tuple(index[axis] if a == axis else part for a, part in enumerate(box))
        return tuple((part.start + part.stop - 1) // 2 for part in box), box


def find_wrong(request: EvaluationRequest, score: CaseScore, report: Report = silent) -> Wrong:
    """Compare one class of one case voxel by voxel; files are read again.

    Parameters
    ----------
    request : EvaluationRequest
        What was compared.
    score : CaseScore
        A case of its answer.
    report : Report
        Called before each file; may raise `Cancelled`.

    Raises
    ------
    ValueError, OSError
        If a file is not there any more, or cannot be read.
    """
    report(Step(0, 3, "file"))
    truth = request.truth if isinstance(request.truth, Volume) else _read(score.truth)
    report(Step(1, 3, "file"))
    judged = request.judged if isinstance(request.judged, Volume) else _read(score.prediction)
    placed = judged
    if grid_relation(judged, truth).kind != "same" and request.resample:
        placed = place_on(judged, truth, resample=True)
    values = differences(placed.array[0], truth.array[0], score.value)
    report(Step(2, 3, "file"))
    found = np.bincount(values.ravel(), minlength=MISSED + 1)
    counts = {kind: int(found[kind]) for kind in (BOTH, TOO_MUCH, MISSED)}
    return Wrong(score, values, counts, truth, judged, _images(score.truth))


def images_of(labels: Path) -> tuple[Path, ...]:
    """Return the files of the image that a label file lies beside, by the layout of its folder."""
    for folder in (labels.parent, labels.parent.parent):
        with suppress(ValueError, OSError):
            for case in find_cases(folder, left_out={}):
                if case.label is not None and case.label.resolve() == labels.resolve():
                    return case.images
    return ()


def _read(path: Path | None) -> Volume:
    if path is None:
        raise ValueError("nobody knows any more which file this case was; evaluate again")
    return read_labels(path)


def _images(labels: Path | None) -> tuple[tuple[Volume, Path], ...]:
    paths = () if labels is None else images_of(labels)
    with suppress(ValueError, OSError):  # the labels are what was asked for
        return tuple((read_volume(path), path) for path in paths)
    return ()
