"""Published checkpoints, read into our networks: names, shapes and what never runs."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from napari_medseg.networks import architectures
from napari_medseg.networks.config import NetConfig
from napari_medseg.networks.translation import Translation

# a tensor that only this architecture's published code names so, and the module that reads it
_PUBLISHED = {
    "lgmsnet": ("stem.conv.0.weight", "napari_medseg.networks.lgmsnet.published"),
    "msa2net": (
        "backbone.backbone.stem.conv1.weight",
        "napari_medseg.networks.msa2net.published",
    ),
}
_NESTS = ("state_dict", "model", "model_state_dict", "net", "network")
_WRAPPERS = ("module.", "model.", "net.", "_orig_mod.")
_DEEPEST = 3  # nests or wrappers within each other


@dataclass(frozen=True)
class Imported:
    """A published state in our names and shapes.

    Parameters
    ----------
    architecture : str
        Key in the registry.
    config : NetConfig
        To build the network with.
    state : dict of str to Tensor
        For its ``load_state_dict``.
    build : str
        Which published network it is, in words.
    dropped : tuple of str
        Published names of tensors that never run, left out.
    reshaped : tuple of str
        Published names of tensors that changed their shape, not their numbers.
    added : tuple of str
        Our names of tensors the file lacks and the network can do without: counters.
    """

    architecture: str
    config: NetConfig
    state: dict[str, Tensor]
    build: str
    dropped: tuple[str, ...] = ()
    reshaped: tuple[str, ...] = ()
    added: tuple[str, ...] = ()


def importable() -> tuple[str, ...]:
    """Return the names of the architectures whose published checkpoints can be read."""
    return tuple(_PUBLISHED)


def import_weights(checkpoint: Mapping[str, Any], architecture: str | None = None) -> Imported:
    """Read a published checkpoint.

    Dimensions, channels, classes, widths, depths and build are read off names and shapes.

    Parameters
    ----------
    checkpoint : mapping
        What ``torch.load`` returns: the tensors themselves, or a dict that holds them under
        ``state_dict`` or ``model``, with or without the prefixes of training wrappers.
    architecture : str, optional
        One of `importable`; None finds out.

    Raises
    ------
    ValueError
        If it is no published checkpoint of that architecture, or tensors are missing, unknown,
        of another shape or not finite.
    """
    if architecture is not None and architecture not in _PUBLISHED:
        raise ValueError(
            f"published checkpoints can be read of {' and '.join(_PUBLISHED)}, "
            f"not of {architecture!r}"
        )
    theirs = tensors_of(checkpoint)
    found = recognise(theirs)
    if found is None:
        some = ", ".join(list(theirs)[:3]) or "none"
        raise ValueError(
            f"these are not the weights of a published network that is known here "
            f"({' or '.join(_PUBLISHED)}); the first tensors are {some}"
        )
    if architecture not in (None, found):
        titles = {name: record.title for name, record in architectures().items()}
        raise ValueError(
            f"these are weights of {titles[found]}, not of {titles[architecture]}; "
            f"import them as {found}"
        )
    return _fit(found, theirs, translation_of(found, theirs))


def translation_of(architecture: str, theirs: Mapping[str, Tensor]) -> Translation:
    """Return how the names of a published state are to be read; see `Translation`."""
    module = importlib.import_module(_PUBLISHED[architecture][1])
    translation: Translation = module.translate(theirs)
    return translation


def recognise(theirs: Mapping[str, Tensor]) -> str | None:
    """Return the architecture whose published code names its tensors so, if any does."""
    return next((name for name, (sign, _) in _PUBLISHED.items() if sign in theirs), None)


def tensors_of(checkpoint: Mapping[str, Any]) -> dict[str, Tensor]:
    """Unwrap ``{"state_dict": ...}`` and drop the ``module.`` of data-parallel training."""
    for _ in range(_DEEPEST):
        inner = (checkpoint[name] for name in _NESTS if isinstance(checkpoint.get(name), Mapping))
        checkpoint = next(inner, checkpoint)
    tensors = {str(key): t for key, t in checkpoint.items() if isinstance(t, Tensor)}
    for wrapper in _WRAPPERS * _DEEPEST:
        if all(key.startswith(wrapper) for key in tensors):
            tensors = {key.removeprefix(wrapper): t for key, t in tensors.items()}
    return tensors


def _fit(architecture: str, theirs: Mapping[str, Tensor], translation: Translation) -> Imported:
    """Rename and reshape the tensors, and check that they are what the network needs."""
    record = architectures()[architecture]
    with torch.device("meta"):
        expected = record.build(translation.config).state_dict()
    state: dict[str, Tensor] = {}
    dropped, reshaped = [], []
    for key, tensor in theirs.items():
        name = translation.names[key]
        if name is None:
            dropped.append(key)
            continue
        if name not in expected:
            raise ValueError(
                f"a published {record.title} of this shape has no tensor {key!r}; "
                "the file was made by other code"
            )
        state[name] = _fitted(key, tensor, expected[name], record.title)
        if state[name].shape != tensor.shape:
            reshaped.append(key)
    missing = [name for name in expected if name not in state]
    lost = [name for name in missing if not name.endswith("num_batches_tracked")]
    if lost:
        raise ValueError(
            f"{len(lost)} of the {len(expected)} tensors of this {record.title} are missing, the "
            f"first is {lost[0]}; the file is not complete"
        )
    state |= {name: torch.zeros((), dtype=torch.long) for name in missing}
    return Imported(
        architecture,
        translation.config,
        state,
        translation.build,
        tuple(dropped),
        tuple(reshaped),
        tuple(missing),
    )


def _fitted(key: str, tensor: Tensor, like: Tensor, title: str) -> Tensor:
    """Return a tensor as our network has it: a 1x1 convolution may be a linear layer there."""
    is_pointwise = tensor.ndim > 2 and all(side == 1 for side in tensor.shape[2:])
    fitted = tensor.flatten(1) if is_pointwise and like.ndim == 2 else tensor
    if fitted.shape != like.shape:
        raise ValueError(
            f"{key} has the shape {tuple(tensor.shape)}, a {title} of these widths "
            f"needs {tuple(like.shape)}; the file was made by other code"
        )
    if tensor.is_floating_point() and not tensor.isfinite().all():
        raise ValueError(f"{key} holds values that are not finite: the training went wrong")
    return fitted.to(like.dtype)
