"""The images of `benchmarks.interactive`, and the models that answer, good and weakened."""

from __future__ import annotations

import copy
import importlib.util
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from benchmarks.shifts import other_camera
from napari_medseg.engine.cases import Case, load_case
from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.io import find_cases
from napari_medseg.io.datasets import CaseFiles
from napari_medseg.volume import Volume

DATA = Path(os.environ.get("MEDSEG_DATA", "../shared/data"))
BUNDLED, WEAKENED = "bundled", "weakened"
MODELS = (BUNDLED, WEAKENED)


@dataclass(frozen=True, kw_only=True)
class Domain:
    """A bundled model, held-out images of its kind, and how the model is weakened.

    Parameters
    ----------
    model, data : str
        Name of the bundled model, and of the folder of its data.
    held_out : callable
        Of all cases of that folder, those the model never saw, numbered; those with an even number
        are judged, the others are there to tune on.
    count : int
        How many images are prompted with.
    shrink : int
        So many pixels a side become one, for what takes long of what is compared.
    noise : float
        Standard deviation of what is added to each weight tensor of more than one axis, as a share
        of its own; 0 shifts the images to another camera instead.
    radius, error : float
        mm; radius of points and scribbles, and how far a noisy robot misses along each axis.
    grey : bool
        Whether pictures stored in colour are taken in grey, as the split makes them.
    """

    model: str
    data: str
    held_out: Callable[[list[CaseFiles]], list[tuple[int, CaseFiles]]]
    count: int
    shrink: int
    noise: float
    radius: float
    error: float
    grey: bool = False


def held_out_polyps(files: list[CaseFiles]) -> list[tuple[int, CaseFiles]]:
    """Return the validation images of EffiSegNet's split by their numbers."""
    return [(int(f.name[4:]), f) for f in files if f.name.startswith("val_")]


def held_out_lesions(files: list[CaseFiles]) -> list[tuple[int, CaseFiles]]:
    """Return the test images of ``scripts/split_busi.py`` that show a lesion, by their places."""
    script = Path(__file__).parent.parent / "scripts" / "split_busi.py"
    spec = importlib.util.spec_from_file_location("split_busi", script)
    assert spec is not None
    assert spec.loader is not None
    split = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(split)
    files = sorted(files, key=lambda case: case.images[0].name)
    repeats = split.near_duplicates(
        [np.asarray(Image.open(case.images[0]).convert("L")) for case in files]
    )
    parts = iter(split.parts_of(repeats.count(None)))
    kept = [case for case, first in zip(files, repeats, strict=True) if first is None]
    test = [case for case, part in zip(kept, parts, strict=True) if part == "test"]
    return [(n, case) for n, case in enumerate(test) if not case.name.startswith("normal")]


def held_out_hippocampi(files: list[CaseFiles]) -> list[tuple[int, CaseFiles]]:
    """Return every fifth case, numbered among themselves."""
    return list(enumerate(files[::5]))


DOMAINS = {
    "polyps": Domain(
        model="polyp-lgmsnet",
        data="kvasir_seg_352",
        held_out=held_out_polyps,
        count=10,
        shrink=2,
        noise=0.0,
        radius=3.0,
        error=5.0,
    ),
    "lesions": Domain(
        model="breast-lesion-gladnet",
        data="busi",
        held_out=held_out_lesions,
        count=6,
        shrink=3,
        noise=0.5,
        radius=3.0,
        error=5.0,
        grey=True,
    ),
    "hippocampus": Domain(
        model="hippocampus-lgmsnet",
        data="msd_hippocampus",
        held_out=held_out_hippocampi,
        count=4,
        shrink=1,
        noise=0.4,
        radius=1.0,
        error=1.0,
    ),
}


def cases_of(domain: Domain, model: str, *, tuning: bool = False) -> list[Case]:
    """Read the judged images of a domain, or those for tuning, spread evenly over all of them."""
    numbered = domain.held_out(find_cases(DATA / domain.data, need_labels=True))
    ours = [(n, files) for n, files in numbered if n % 2 == int(tuning)]
    chosen = np.linspace(0, len(ours) - 1, min(domain.count, len(ours))).round().astype(int)
    cases = []
    for number, files in (ours[i] for i in chosen):
        case = load_case(files)
        volume = case.volume
        if domain.grey:
            volume = in_grey(volume)
        if model == WEAKENED and not domain.noise:
            volume = other_camera(volume, 0, number)
        cases.append(shrunk(Case(volume, case.labels, name=case.name), domain.shrink))
    return cases


def in_grey(volume: Volume) -> Volume:
    """Return a picture ``(1, H, W)`` as ``scripts/split_busi.py`` writes it."""
    colours = volume.array[:3]
    if len(colours) == 1:
        return volume
    grey = np.asarray(Image.fromarray(np.moveaxis(colours, 0, -1)).convert("L"))
    return Volume(grey[None], volume.spacing)


def shrunk(case: Case, factor: int) -> Case:
    """Return a picture whose pixels are means of so many a side, and the classes most of them."""
    if factor == 1:
        return case
    volume, sides = case.volume, [side // factor for side in case.labels.shape]

    def means(values: np.ndarray) -> np.ndarray:
        cut = values[..., : sides[0] * factor, : sides[1] * factor].astype(np.float32)
        return cut.reshape(*values.shape[:-2], sides[0], factor, sides[1], factor).mean((-3, -1))

    shares = [means(case.labels == value) for value in range(int(case.labels.max()) + 1)]
    values = means(volume.array).round().astype(volume.array.dtype)
    spacing = tuple(factor * side for side in volume.spacing)
    small = Volume(values, spacing, channels=volume.channels)
    return Case(small, np.argmax(shares, 0).astype(case.labels.dtype), name=case.name)


def segmenter_of(domain: Domain, model: str) -> Segmenter:
    """Load the bundled model of a domain, its weights noisy if it is weakened by that."""
    segmenter = Segmenter.load(domain.model, "cpu")
    return segmenter if model == BUNDLED else weakened(segmenter, domain.noise)


def weakened(segmenter: Segmenter, noise: float, seed: int = 0) -> Segmenter:
    """Return a model with normal noise added to its weights, as a share of each tensor's spread."""
    network = copy.deepcopy(segmenter.network)
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weights in network.parameters():
            if weights.ndim > 1:
                added = torch.randn(weights.shape, generator=random)
                weights += noise * weights.std() * added
    return Segmenter(network, segmenter.card, segmenter.device)
