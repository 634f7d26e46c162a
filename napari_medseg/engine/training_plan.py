"""What the recipe leaves open and the data decides: sizes, classes, the model's card."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from napari_medseg.engine.card import ModelCard, Preprocessing
from napari_medseg.engine.cases import Case, classes_of
from napari_medseg.engine.preprocess import default_slice_axis
from napari_medseg.engine.sparse import seen_values
from napari_medseg.engine.training_config import TrainingConfig
from napari_medseg.networks import find_architecture
from napari_medseg.volume import Volume

if TYPE_CHECKING:
    from napari_medseg.networks.base import SegmentationNetwork

_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))  # mean, std of RGB in [0, 1]
_SIDE = 32  # the divisor of every network at hand
_LARGEST_WINDOW = 96  # voxels per axis, LGMSNet's 3D recipe


def fill_in(
    config: TrainingConfig, cases: Sequence[Case], names: Mapping[int, str] | None = None
) -> TrainingConfig:
    """Choose what the recipe leaves open: the image size or window, and the classes' names.

    Images are resized to 256 x 256, the paper's size; of volumes a window of their median shape
    is taken, in steps of 32 and at most 96 voxels a side. `names` are the data set's own.
    """
    if names and not config.classes:
        found = {int(v) for case in cases for v in seen_values(case)}
        known = tuple(f"{value}={name}" for value, name in names.items() if value in found - {0})
        config = config.replace(classes=known)
    if config.size or config.window:
        return config
    if cases[0].volume.spatial_dims == 2:
        return config.replace(size=(256, 256))
    shapes = [case.volume.shape for case in cases]
    if config.slices:
        axes = [default_slice_axis(case.volume) for case in cases]
        shapes = [(*s[:axis], *s[axis + 1 :]) for s, axis in zip(shapes, axes, strict=True)]
    median = np.median(shapes, axis=0)
    sides = np.clip(_SIDE * np.round(median / _SIDE), _SIDE, _LARGEST_WINDOW)
    return config.replace(window=tuple(int(s) for s in sides))


def split_cases(cases: Sequence[Case], config: TrainingConfig) -> tuple[list[Case], list[Case]]:
    """Hold out a share of the cases, the same ones for the same seed.

    Cases that hold the same classes are a group, and every group gives its share: few images
    without a lesion are neither all held out nor all learnt from.

    Returns
    -------
    tuple of list
        Cases to learn from and cases held out; at least one of each.

    Raises
    ------
    ValueError
        If there are fewer than two.
    """
    if len(cases) < 2:
        raise ValueError(
            f"training needs at least 2 labelled cases (one is held out), found {len(cases)}; add "
            "another one"
        )
    count = min(max(round(len(cases) * config.validation), 1), len(cases) - 1)
    groups: dict[frozenset[int], list[int]] = {}
    for index in np.random.default_rng(config.seed).permutation(len(cases)).tolist():
        present = frozenset(seen_values(cases[index]).tolist()) - {0}
        groups.setdefault(present, []).append(index)
    held_out: set[int] = set()
    sizes = [len(group) for group in groups.values()]
    for group, share in zip(groups.values(), _shares(sizes, count), strict=True):
        held_out.update(group[:share])
    return (
        [case for i, case in enumerate(cases) if i not in held_out],
        [case for i, case in enumerate(cases) if i in held_out],
    )


def _shares(sizes: Sequence[int], count: int) -> list[int]:
    """Divide `count` among groups by their sizes, what is left over by the largest remainder."""
    wanted = [size * count / sum(sizes) for size in sizes]
    shares = [int(share) for share in wanted]
    by_remainder = sorted(range(len(sizes)), key=lambda i: (shares[i] - wanted[i], -sizes[i]))
    for i in by_remainder[: count - sum(shares)]:
        shares[i] += 1
    return shares


def check_sides(network: SegmentationNetwork, config: TrainingConfig) -> None:
    """Check that a network can be trained on images of these sizes.

    Parameters
    ----------
    network : SegmentationNetwork
        As it is to be trained.
    config : TrainingConfig
        Its `size`, `early_size` or `window`, and its `batch_size`.

    Raises
    ------
    ValueError
        If a size has another number of sides than the network, sides it cannot take, or leaves
        single voxels at its coarsest level to a batch of one.
    """
    title = find_architecture(config.architecture).title
    dims, divisor = network.config.spatial_dims, network.divisor
    coarsest = max(feature.stride for feature in network.feature_info)
    for name in ("size", "early_size", "window"):
        sides: tuple[int, ...] | None = getattr(config, name)
        if sides is None:
            continue
        fitting = tuple(max(-(-side // divisor), 1) * divisor for side in sides)
        if len(sides) != dims:
            raise ValueError(f"{name} has {len(sides)} sides {sides}, the images have {dims}")
        if sides != fitting:
            raise ValueError(
                f"{name} {sides}: {title} takes sides that are multiples of {divisor}; "
                f"the next that fits is {','.join(map(str, fitting))}"
            )
        if config.batch_size == 1 and all(side <= coarsest for side in sides):
            raise ValueError(
                f"{name} {sides} leaves a single voxel at the coarsest level of {title}, too "
                f"little to learn from one image at a time; take larger sides or batches"
            )


def make_card(cases: Sequence[Case], config: TrainingConfig, *, name: str) -> ModelCard:
    """Describe the model these cases and this recipe will give; scores are filled in later.

    Raises
    ------
    ValueError
        If the cases are not alike or there is nothing to segment in them.
    """
    first = cases[0].volume
    other = next((c for c in cases if _kind(c.volume) != _kind(first)), None)
    if other is not None:
        raise ValueError(
            f"the images must all be of one kind: {cases[0].name or 'the first'} has "
            f"{_kind(first)}, {other.name or 'another'} has {_kind(other.volume)}; leave out those "
            "of one kind, or convert them"
        )
    spatial_dims = 2 if config.slices else first.spatial_dims
    values = set().union(*(seen_values(c).tolist() for c in cases))
    classes = classes_of(sorted(values), config.classes)
    activation = "sigmoid" if len(classes) == 1 else "softmax"
    network = find_architecture(config.architecture).preset(
        config.preset,
        spatial_dims=spatial_dims,
        in_channels=first.array.shape[0],
        num_classes=len(classes) + (activation == "softmax"),
        **config.network,
    )
    return ModelCard(
        name=name,
        architecture=config.architecture,
        config=network.to_dict(),
        classes=classes,
        activation=activation,
        preprocessing=_preprocessing(config, cases[0]),
        mirrored=config.augment.flip > 0 and config.augment.flip_axes is None,
        created=datetime.date.today().isoformat(),
        history=({"what": "trained from scratch", "config": config.to_dict()},),
    )


def _kind(volume: Volume) -> str:
    channels = volume.array.shape[0]
    return f"{channels} channel{'s' * (channels > 1)} in {volume.spatial_dims}D"


def _preprocessing(config: TrainingConfig, case: Case) -> Preprocessing:
    channels = case.volume.array.shape[0]
    rgb = channels == 3 and case.volume.spatial_dims == 2
    fixed = config.normalise == "fixed" or (config.normalise == "auto" and rgb)
    mean, std = _IMAGENET if rgb else ((0.5,) * channels, (0.5,) * channels)
    return Preprocessing(
        channels=case.volume.channels,
        spacing=config.spacing,
        size=config.size,
        window=config.window,
        unit_range=fixed,
        clip=config.clip,
        normalise="fixed" if fixed else config.normalise.replace("auto", "zscore"),
        mean=mean if fixed else (),
        std=std if fixed else (),
    )
