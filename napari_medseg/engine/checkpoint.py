"""Checkpoints: one safetensors file, the model card as JSON in its header."""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path
from typing import TYPE_CHECKING

from napari_medseg.engine.card import ModelCard
from napari_medseg.io.atomic import atomic_path
from napari_medseg.networks import architectures

if TYPE_CHECKING:
    from napari_medseg.networks.base import SegmentationNetwork

CARD_KEY = "napari_medseg_card"
SUFFIX = ".safetensors"
_LARGEST_HEADER = 100_000_000  # bytes, the limit of the safetensors format


def save_checkpoint(
    path: str | Path, network: SegmentationNetwork, card: ModelCard, *, half: bool = False
) -> None:
    """Write weights and card to one file; an older file stays until the new one is whole.

    Parameters
    ----------
    path : str or Path
        Ends in ``.safetensors``.
    network : SegmentationNetwork
        Its ``state_dict`` is written.
    card : ModelCard
        Must describe `network`.
    half : bool
        Store the weights in half precision; statistics of norms (vectors) stay float32.

    Raises
    ------
    ValueError
        If the card is for another network.
    OSError
        If the file cannot be written.
    """
    import torch
    from safetensors.torch import save

    if network.config.to_dict() != card.config:
        raise ValueError(f"the card of {card.name!r} does not describe this network's config")
    tensors = {}
    for key, value in network.state_dict().items():
        value = value.detach().cpu().contiguous()
        if half and value.is_floating_point() and value.ndim > 1:
            value = value.to(torch.float16)
        tensors[key] = value.clone()
    with atomic_path(path) as temporary:
        temporary.write_bytes(save(tensors, metadata={CARD_KEY: card.to_json()}))


def read_card(path: str | Path) -> ModelCard:
    """Read the card alone: neither torch nor the weights are needed.

    Raises
    ------
    ValueError
        If the file is no checkpoint of napari-medseg, is cut off, or its card is not valid.
    OSError
        If the file cannot be read.
    """
    path = Path(path)
    metadata = _header(path).get("__metadata__", {})
    if CARD_KEY not in metadata:
        raise ValueError(
            f"{path.name} holds weights but no model card, so what it segments is not known; "
            "only checkpoints written by napari-medseg can be opened here"
        )
    try:
        card = ModelCard.from_json(metadata[CARD_KEY])
    except ValueError as error:
        raise ValueError(f"the model card in {path.name} is not valid: {error}") from error
    if card.architecture not in architectures():
        raise ValueError(
            f"{path.name} is a model of architecture {card.architecture!r}, which this version "
            f"does not have; it has {', '.join(architectures())}"
        )
    return card


def load_checkpoint(path: str | Path) -> tuple[SegmentationNetwork, ModelCard]:
    """Build the network a checkpoint describes and load its weights, in float32 on the CPU.

    Raises
    ------
    ValueError
        If the file is no checkpoint of napari-medseg, is cut off, or weights and card disagree.
    OSError
        If the file cannot be read.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = Path(path)
    card = read_card(path)
    architecture = architectures()[card.architecture]
    network = architecture.build(architecture.config.from_dict(card.config))
    try:
        tensors = load_file(path, device="cpu")
    except SafetensorError as error:
        raise ValueError(cut_off(path)) from error
    expected = network.state_dict()
    missing, extra = expected.keys() - tensors.keys(), tensors.keys() - expected.keys()
    odd = [k for k in expected.keys() & tensors.keys() if expected[k].shape != tensors[k].shape]
    if missing or extra or odd:
        raise ValueError(
            f"the weights in {path.name} do not fit its card ({architecture.title}): "
            f"{len(missing)} missing, {len(extra)} unknown, {len(odd)} of another shape; "
            "the file was made by another version or changed by hand"
        )
    network.load_state_dict({k: v.to(expected[k].dtype) for k, v in tensors.items()})
    return network.eval(), card


def file_hash(path: str | Path) -> str:
    """Return the sha256 of a file, by which provenance and lineage name it."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _header(path: Path) -> dict[str, dict[str, str]]:
    """Read the JSON header of a safetensors file and check that all of its bytes are there."""
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    not_ours = (
        f"{path.name} is not a napari-medseg model: a {SUFFIX} file written by "
        "'napari-medseg train' or saved from the viewer is needed"
    )
    with path.open("rb") as file:
        start = file.read(8)
        if len(start) < 8:
            raise ValueError(not_ours)
        (length,) = struct.unpack("<Q", start)
        if not 2 <= length <= _LARGEST_HEADER:
            raise ValueError(not_ours)
        text = file.read(length)
    if not text.startswith(b"{"):
        raise ValueError(not_ours)
    if len(text) < length:
        raise ValueError(cut_off(path))
    try:
        header: dict[str, dict[str, str]] = json.loads(text)
        ends = [int(v["data_offsets"][1]) for k, v in header.items() if k != "__metadata__"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(not_ours) from error
    if path.stat().st_size < 8 + length + max(ends, default=0):
        raise ValueError(cut_off(path))
    return header


def cut_off(path: Path) -> str:
    """Return what to say of weights that are not all there."""
    return f"{path.name} is cut off or damaged; copy or download it again"
