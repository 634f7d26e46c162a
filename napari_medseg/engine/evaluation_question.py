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
    """What was measured of one case.

    Parameters
    ----------
    name : str
        Of the case.
    unit : {"mm", "px"}
        Of its distances.
    dims : {2, 3}
        Of its labels.
    voxels : int
        How many it has.
    scores : dict
        By class value.
    values : frozenset of int
        The classes that occur in prediction or truth.
    resampled : bool
        Whether the prediction was put onto the grid of the truth.
    notes : tuple of str
        What was said of that.
    classes : dict
        What the files themselves call the classes.
    files : (Path or None, Path or None)
        Prediction and truth, if they lie in files.
    """

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
        placed = self._placed(prediction, truth, files)
        arrays = placed.array[0], truth.array[0]
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
            placed is not prediction,
            tuple(note for note in placed.notes if note not in prediction.notes),
            _file_names(prediction, truth),
        )

    def _placed(self, prediction: Volume, truth: Volume, files: tuple[str, str]) -> Volume:
        """Return the prediction itself if it lies on the grid of the truth, else one that does."""
        relation = grid_relation(prediction, truth)
        if relation.kind == "same":
            return prediction
        if not self.resample:
            raise OtherGrid(
                f"the prediction {files[0]} does not lie on the grid of its truth {files[1]}: as "
                f"labels on an image, {relation.words}"
            )
        return place_on(prediction, truth, resample=True)

    def gathered(
        self,
        answers: list[Answer],
        known: dict[int, str],
        named_by: str,
        compared: tuple[str, str],
    ) -> Evaluation:
        """Return every class of every case; a class that a case does not have is empty there.

        Parameters
        ----------
        answers : list of Answer
            Of all cases.
        known : dict
            What others than the files call the classes.
        named_by : str
            Who these others are, for people.
        compared : (str, str)
            What is judged and what it is judged by.

        Raises
        ------
        ValueError
            If there is no class to score.
        """
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
