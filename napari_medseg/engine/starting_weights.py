"""Start a training from a model that was trained before."""

from __future__ import annotations

import logging
from pathlib import Path

from napari_medseg.engine.card import ModelCard
from napari_medseg.engine.checkpoint import file_hash, load_checkpoint, read_card
from napari_medseg.networks.base import SegmentationNetwork

_LOG = logging.getLogger(__name__)


def start_from(network: SegmentationNetwork, architecture: str, path: str | Path) -> None:
    """Give a network the weights of a trained model of the same shape.

    Parameters
    ----------
    network : SegmentationNetwork
        Changed in place.
    architecture : str
        Its name in the registry.
    path : str or Path
        The model's ``.safetensors``.

    Raises
    ------
    ValueError
        If the file is no model, or one of another shape.
    OSError
        If it cannot be read.
    """
    path = Path(path)
    trained, card = load_checkpoint(path)
    there, wanted = trained.state_dict(), network.state_dict()
    odd = [
        key
        for key in there.keys() | wanted.keys()
        if key not in there or key not in wanted or there[key].shape != wanted[key].shape
    ]
    if card.architecture != architecture or odd:
        raise ValueError(
            f"{path.name} holds a {card.architecture} with {len(odd)} tensors unlike those of the "
            f"{architecture} to be trained; choose the architecture, preset, channels and classes "
            "it has, or start without it"
        )
    network.load_state_dict(there)
    _LOG.info("the training starts from %s", path.name)


def made_from(card: ModelCard, path: str | Path) -> ModelCard:
    """Say in the card of a training which model it started from, and how that one was made."""
    (training,) = card.history
    training = {**training, "what": f"trained on from {Path(path).stem}"}
    history = (*read_card(path).history, training)
    return card.replace(parent=file_hash(path), history=history)
