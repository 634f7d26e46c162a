"""What a person should know before a model learns from cases."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from napari_medseg.engine.card import ModelCard
from napari_medseg.engine.cases import Case, voxel_hash
from napari_medseg.engine.channels import can_do_without, fitted
from napari_medseg.engine.finetune_config import FineTuneConfig
from napari_medseg.engine.finetune_patches import examples_of
from napari_medseg.engine.new_classes import classes_to_add
from napari_medseg.engine.preprocess import check_volume, normalise_values
from napari_medseg.engine.replay import Replay, check_replay
from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.engine.sparse import seen_values
from napari_medseg.progress import Report, Step, silent

STOP, WARNING, NOTE = "stop", "warning", "note"

_SPACING_APART = 1.5  # ratio from which voxel sizes count as different
_FAR = 4.0  # standard deviations from what the model was trained on
_CLIPPED = 0.95  # share of the voxels outside the card's limits
_SAME = 2e-3  # of the range: half precision, in which replay keeps images


@dataclass(frozen=True)
class Finding:
    """Something about the cases.

    Parameters
    ----------
    severity : str
        "stop" (learning would fail or teach nonsense), "warning" or "note".
    case : str
        Which case; empty if it is about all.
    text : str
        A sentence for a person, with what to do.
    """

    severity: str
    case: str
    text: str


def preflight(
    segmenter: Segmenter,
    cases: Sequence[Case],
    config: FineTuneConfig,
    *,
    replay: Replay | None = None,
    report: Report = silent,
) -> list[Finding]:
    """Look at model, cases and config before anything is learnt; the gravest first."""
    if not cases:
        return [Finding(STOP, "", "There is no corrected case yet; add at least one.")]
    findings: list[Finding] = []
    for done, case in enumerate(cases):
        report(Step(done, len(cases), "case", "checking"))
        findings += _of_case(case, segmenter.card, config)
    findings += _of_all(cases, segmenter.card, config)
    usable = [
        c for c in cases if not any(f.severity == STOP and f.case == c.name for f in findings)
    ]
    findings += _leaks(usable, segmenter.card, replay)
    findings += _of_replay(replay, segmenter)
    order = (STOP, WARNING, NOTE)
    return sorted(findings, key=lambda finding: order.index(finding.severity))


def _of_case(case: Case, card: ModelCard, config: FineTuneConfig) -> Iterator[Finding]:
    name = case.name
    volume, _ = fitted(case.volume, card)
    try:
        check_volume(
            volume,
            card.preprocessing,
            spatial_dims=card.spatial_dims,
            in_channels=None if can_do_without(card) else card.in_channels,
        )
        values, said = normalise_values(volume, card.preprocessing, may_miss=can_do_without(card))
    except ValueError as error:
        yield Finding(STOP, name, str(error))
        return
    yield from (Finding(NOTE, name, f"{text[:1].upper()}{text[1:]}.") for text in said)
    yield from _labels(case, card, config)
    yield from _place(case, card)
    yield from _intensities(case, values, card)


def _labels(case: Case, card: ModelCard, config: FineTuneConfig) -> Iterator[Finding]:
    name = case.name
    seen = case.reviewed
    if seen is not None and case.changed is not None:
        seen = seen | case.changed
    if seen is not None and not seen.any():
        text = "Nothing is marked as reviewed, so nothing can be learnt: review a slice, or leave "
        yield Finding(STOP, name, text + "the case out.")
        return
    if case.changed is not None and not case.changed.any():
        text = "Nothing was corrected: the case only confirms what the model says already."
        yield Finding(NOTE, name, text)
    known = {0, *(c.value for c in card.classes), *(v for c in card.classes for v in c.unites)}
    known |= {c.value for c in classes_to_add(config.new_classes, card)}
    unknown = sorted({int(v) for v in seen_values(replace(case, reviewed=seen))} - known)
    if unknown:
        classes = ", ".join(f"{c.value} {c.name}" for c in card.classes)
        yield Finding(
            STOP,
            name,
            f"The labels hold {_listed(unknown)}, which the model does not know; it knows "
            f"{classes}. Add a new class of that value, or change the labels.",
        )


def _place(case: Case, card: ModelCard) -> Iterator[Finding]:
    volume = case.volume
    if card.preprocessing.spacing and not volume.spacing_known:
        wanted = " x ".join(f"{mm:g}" for mm in card.preprocessing.spacing)
        text = f"The voxel size is not known; the model wants {wanted} mm. It is taken as it is."
        yield Finding(WARNING, case.name, text)
    if volume.spatial_dims == 3 and volume.spacing_known:
        # rows are R, A, S; D, H, W run to superior, posterior and left
        axes = np.abs(volume.affine[:3, :3]).argmax(0)
        signs = np.sign(volume.affine[axes, range(3)])
        if tuple(axes) != (2, 1, 0) or tuple(signs) != (1, -1, -1):
            text = "The volume lies otherwise than the images the model knows: read it from its "
            yield Finding(WARNING, case.name, text + "file, so that it is turned.")


def _intensities(case: Case, values: np.ndarray, card: ModelCard) -> Iterator[Finding]:
    preprocessing = card.preprocessing
    if preprocessing.clip is not None:
        low, high = preprocessing.clip
        array = case.volume.array
        outside = float(((array <= low) | (array >= high)).mean())
        if outside > _CLIPPED:
            text = f"{outside:.0%} of the values lie outside {low:g} to {high:g}, which is all "
            text += "the model sees: check that it is the right kind of image."
            yield Finding(WARNING, case.name, text)
    elif preprocessing.normalise == "fixed" and abs(float(values.mean())) > _FAR:
        text = "The image is far brighter or darker than those the model knows: check its values."
        yield Finding(WARNING, case.name, text)


def _of_all(cases: Sequence[Case], card: ModelCard, config: FineTuneConfig) -> Iterator[Finding]:
    if len(cases) == 1:
        text = "With one case the gain can only be measured on the case itself; a second one "
        yield Finding(WARNING, "", text + "shows whether it carries over.")
    found = {int(v) for case in cases for v in seen_values(case)}
    added = classes_to_add(config.new_classes, card)
    for label_class in added:
        if label_class.value not in found:
            text = f"No case shows the new class {label_class.name} (value {label_class.value})."
            yield Finding(STOP, "", text + " Label it in at least one, or leave it out.")
    empty = [c.name for c in card.classes if not found & {c.value, *c.unites}]
    if empty:
        text = f"No case shows {', '.join(empty)}: only where it is not is learnt."
        yield Finding(NOTE, "", text)
    channels = {c.volume.array.shape[0] for c in cases}
    if len(channels) > 1:
        counts = _listed(sorted(channels))
        yield Finding(NOTE, "", f"The cases have different numbers of channels: {counts}.")
    known = [c.volume for c in cases if c.volume.spacing_known]
    dims = {v.spatial_dims for v in known}
    if card.preprocessing.spacing is None and card.preprocessing.size is None and len(dims) == 1:
        sides = np.array([v.spacing for v in known])
        if (sides.max(0) > _SPACING_APART * sides.min(0)).any():
            text = "The voxel sizes of the cases differ by more than half, and the model takes "
            yield Finding(WARNING, "", text + "images as they are: resample them alike.")


def _leaks(cases: Sequence[Case], card: ModelCard, replay: Replay | None) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    for case in cases:
        digest = voxel_hash(case.volume.array)
        if digest in seen:
            text = f"It is the same image as {seen[digest]}; the two are held out together."
            yield Finding(WARNING, case.name, text)
        seen.setdefault(digest, case.name)
        if replay is None:
            continue
        images = [example.image.numpy() for example in examples_of(case, card)]
        guards = [image.numpy() for image, _ in replay.guards]
        if any(_alike(a, b) for a in images for b in guards):
            text = "It is one of the cases that guard what the model knew: what it forgets cannot "
            yield Finding(WARNING, case.name, text + "be told from it any more.")
        elif any(_alike(a, b) for a in images for b in replay.images.numpy()):
            text = "The model was trained on this image already; corrections of it still count."
            yield Finding(NOTE, case.name, text)


def _of_replay(replay: Replay | None, segmenter: Segmenter) -> Iterator[Finding]:
    if replay is None:
        text = "There are no examples of what the model knew beside it: forgetting cannot be "
        text += "measured, and is held back only by comparing with the old model on your images."
        yield Finding(WARNING, "", text)
        return
    try:
        check_replay(replay, segmenter.card)
    except ValueError as error:
        yield Finding(STOP, "", f"{str(error)[:1].upper()}{str(error)[1:]}.")
        return
    if replay.model and segmenter.sha256 and replay.model != segmenter.sha256:
        text = "The examples of what the model knew were kept beside another model: what it "
        yield Finding(WARNING, "", text + "forgets is told only if they are of its kind of images.")


def _alike(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape == b.shape and bool(np.abs(a - b).max() <= _SAME * max(np.ptp(a), 1e-12))


def _listed(numbers: Sequence[int]) -> str:
    *first, last = (str(n) for n in numbers)
    return f"{', '.join(first)} and {last}" if first else last
