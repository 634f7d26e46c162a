"""What is taken of an image and its labels when they become a case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image, Labels

from napari_medseg.case_file import case_of
from napari_medseg.case_picture import picture_of
from napari_medseg.casebook import Casebook
from napari_medseg.casebook_file import CaseEntry
from napari_medseg.engine.cases import Case
from napari_medseg.progress import Report, Step, silent
from napari_medseg.volume import Volume
from napari_medseg.widgets.interact.given import prompts_of
from napari_medseg.widgets.learn.effort_watch import minutes_of
from napari_medseg.widgets.painted import painted_of
from napari_medseg.widgets.segmenting import whole_volume
from napari_medseg.widgets.volumes import place_of, shown_step, to_volume

if TYPE_CHECKING:
    from napari.viewer import Viewer


@dataclass(frozen=True, eq=False)
class CaseParts:
    """An image and what a person did to its labels, copied: layers may go on changing.

    Parameters
    ----------
    name : str
        For people.
    volumes : tuple of Volume or None
        One for each channel of the model, or one with all; None for one that is not there.
    labels, reviewed, changed : ndarray
        ``(*S)``.
    files : tuple of Path
        Where the image was read from.
    minutes : float
        That a person worked on the labels.
    prompts : int
        Clicks, scribbles and boxes whose answers lie in the labels.
    """

    name: str
    volumes: tuple[Volume | None, ...]
    labels: np.ndarray
    reviewed: np.ndarray
    changed: np.ndarray
    files: tuple[Path, ...]
    minutes: float = 0.0
    prompts: int = 0

    def case(self) -> Case:
        """Return the case: every slice in which anything was painted or confirmed counts as seen.

        Raises
        ------
        ValueError
            If nothing was, or image and labels do not lie on the same grid.
        """
        volume = whole_volume(self.volumes)
        return case_of(volume, self.labels, self.reviewed, self.changed, name=self.name)


@dataclass(frozen=True, eq=False)
class Stored:
    """A case that was stored, its picture ``(H, W, 3)``, and whether it took another's place."""

    entry: CaseEntry
    picture: np.ndarray
    replaced: bool


def parts_of(viewer: Viewer, images: Sequence[Image | None], labels: Labels) -> CaseParts:
    """Copy what makes a case; at the time that is shown, if there are several.

    Raises
    ------
    ValueError
        If the labels do not lie on the image, voxel for voxel.
    """
    point = tuple(viewer.dims.point)
    there = [image for image in images if image is not None]
    step = shown_step(labels, point)
    values = np.array(labels.data[step] if step else labels.data)
    shape = place_of(there[0]).shape
    if values.shape != shape:
        raise ValueError(
            f"'{labels.name}' has {_sides(values.shape)} voxels, '{there[0].name}' has "
            f"{_sides(shape)}; choose labels that lie on the image, voxel for voxel"
        )
    box = (*(slice(i, i + 1) for i in step), *(slice(0, n) for n in shape))
    painted = painted_of(labels)
    storages = [place_of(image).storage for image in there]
    paths = [Path(s.path) for s in storages if s is not None and s.path]
    return CaseParts(
        there[0].name,
        tuple(None if image is None else to_volume(image, point) for image in images),
        values,
        painted.reviewed_in(box).reshape(shape),
        painted.changed_in(box).reshape(shape),
        tuple(dict.fromkeys(paths)),
        minutes_of(labels),
        len(prompts_of(labels)),
    )


def store(
    parts: CaseParts,
    book: Casebook,
    *,
    copy_image: bool = False,
    picture: bool = False,
    rounds: int = 0,
    report: Report = silent,
) -> Stored:
    """Store a case; one of the very same image takes the place of the one before.

    Raises
    ------
    ImageNotKept
        If no file gives the image back and no copy may be kept.
    ValueError
        If nothing was reviewed, or image and labels do not go together.
    OSError
        If it cannot be written.
    """
    report(Step(0, 0, "case", f"adding {parts.name} …"))
    case = parts.case()
    book = Casebook.open(book.project)
    earlier = book.find(case.volume)
    report(Step(0, 0, "case", f"writing {parts.name} …"))
    entry = book.add(
        case,
        copy_image=copy_image,
        files=parts.files,
        picture=picture,
        replacing=earlier,
        rounds=rounds,
        minutes=parts.minutes,
        prompts=parts.prompts,
    )
    return Stored(entry, picture_of(case), earlier is not None)


def _sides(shape: Sequence[int]) -> str:
    return "×".join(map(str, shape))
