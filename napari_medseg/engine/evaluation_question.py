"""What is asked of every case of an evaluation, and the answers taken together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from napari_medseg.engine.evaluation import CaseScore, Evaluation
from napari_medseg.engine.lesions import LesionRule
from napari_medseg.engine.metrics import Scores, check_wanted, empty_scores, score_classes
from napari_medseg.io import read_labels
from napari_medseg.io.placing import grid_relation, place_on
from napari_medseg.progress import Report, silent
from napari_medseg.tally import tally
from napari_medseg.volume import Volume

Classes = Mapping[int, str] | Iterable[int] | None


class OtherGrid(ValueError):
    """A prediction that does not lie on the grid of its truth.

    Parameters
    ----------
    words : str
        What lies how, without what to do, which a program and a window do differently.
    """

    def __init__(self, words: str) -> None:
        super().__init__(f"{words}; put it onto that grid (--resample, or resample=True)")
        self.words = words


@dataclass(frozen=True)
class Answer:
    """What was measured of one case."""

    name: str
    unit: str
    dims: int
    voxels: int
    scores: dict[int, Scores]
    values: frozenset[int]
    resampled: bool
    notes: tuple[str, ...]
    classes: dict[int, str]
    files: tuple[Path | None, Path | None] = (None, None)


class Question:
    """What is asked of every case."""

    def __init__(
        self, classes: Classes, tolerance: float, lesions: LesionRule | None, resample: bool
    ) -> None:
        self.names = dict(classes) if isinstance(classes, Mapping) else {}
        self.wanted = None if classes is None else sorted(classes)
        self.tolerance, self.lesions, self.resample = tolerance, lesions, resample
        check_wanted(self.wanted, tolerance)

    def ask_files(
        self, name: str, prediction: Path, truth: Path, report: Report = silent
    ) -> Answer:
        """Measure a case that lies in two files."""
        volumes = read_labels(prediction), read_labels(truth)
        answer = self.ask(name, *volumes, (str(prediction), str(truth)), report)
        return replace(answer, files=(prediction, truth))

    def ask(
        self,
        name: str,
        prediction: Volume,
        truth: Volume,
        files: tuple[str, str],
        report: Report = silent,
    ) -> Answer:
        """Measure a case; `files` is what the two are called in errors.

        Raises
        ------
        OtherGrid
            If the two do not lie on one grid, and resampling was not asked for.
        """
        given = prediction
        relation = grid_relation(prediction, truth)
        apart = relation.kind != "same"
        if apart and not self.resample:
            raise OtherGrid(
                f"the prediction {files[0]} does not lie on the grid of its truth {files[1]}: as "
                f"labels on an image, {relation.words}"
            )
        notes: tuple[str, ...] = ()
        if apart:
            before = prediction.notes
            prediction = place_on(prediction, truth, resample=True)
            notes = tuple(note for note in prediction.notes if note not in before)
        arrays = prediction.array[0], truth.array[0]
        scores = score_classes(
            *arrays,
            self.wanted,
            spacing=truth.spacing,
            tolerance=self.tolerance,
            lesions=self.lesions,
            report=report,
        )
        found = set(scores) if self.wanted is None else {*tally(arrays[0]), *tally(arrays[1])}
        unit = "mm" if truth.spacing_known else "px"
        return Answer(
            name,
            unit,
            truth.spatial_dims,
            arrays[1].size,
            scores,
            frozenset(found),
            apart,
            notes,
            _file_names(given, truth),
        )

    def gathered(
        self,
        answers: list[Answer],
        known: dict[int, str],
        named_by: str,
        compared: tuple[str, str],
    ) -> Evaluation:
        """Return every class of every case; a class that a case does not have is empty there."""
        found = set().union(*(answer.values for answer in answers))
        values = sorted(found) if self.wanted is None else self.wanted
        if not values:
            raise ValueError(
                f"neither {compared[0]} nor {compared[1]} has anything but background (0), so "
                "there is nothing to score; name the classes to score them as empty"
            )
        if not known:
            known = {v: name for answer in answers for v, name in answer.classes.items()}
            named_by = "the files"
        names = {v: (known | self.names).get(v, f"class {v}") for v in values}
        cases = tuple(
            CaseScore(
                answer.name,
                value,
                names[value],
                answer.unit,
                answer.scores.get(value) or empty_scores(answer.voxels, self.lesions),
                answer.dims,
                *answer.files,
            )
            for answer in answers
            for value in values
        )
        return Evaluation(
            cases,
            names,
            self.tolerance,
            self.lesions,
            resampled=tuple(answer.name for answer in answers if answer.resampled),
            unknown=tuple(v for v in values if v not in known | self.names) if known else (),
            named_by=named_by if known else "",
            notes=tuple(f"{answer.name}: {note}" for answer in answers for note in answer.notes),
            unscored=tuple(sorted(found - set(values))),
            compared=compared,
        )


def _file_names(prediction: Volume, truth: Volume) -> dict[int, str]:
    """Return the names of classes that label files hold themselves, rather the truth's."""
    storages = [volume.storage for volume in (prediction, truth) if volume.storage is not None]
    return {c.value: c.name for each in storages for c in each.header.get("classes", ())}
