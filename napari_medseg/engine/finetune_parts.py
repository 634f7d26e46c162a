"""Which weights learn, and how fast."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from napari_medseg.engine.finetune_config import FineTuneConfig
from napari_medseg.engine.replay import UNSEEN, Replay
from napari_medseg.networks.base import SegmentationNetwork

MIXTURES = 16
"""Batches of corrected and rehearsed images that the statistics of batch norms are taken from."""

_FEW, _SOME = 3, 10  # cases up to which only the head, or the decoder too, learns
_NORMS = (nn.modules.batchnorm._BatchNorm, nn.GroupNorm, nn.LayerNorm)


def trained_for(config: FineTuneConfig, cases: int, *, rehearses: bool = False) -> str:
    """Return what learns from so many cases: "head", "decoder" or "all".

    Parameters
    ----------
    config : FineTuneConfig
        May say it.
    cases : int
        To learn from.
    rehearses : bool
        Whether labels of earlier images are learnt besides; then more may learn, see
        ``docs/learning.md``.

    Source: with few cases tuning everything is worse than tuning little, Silva-Rodríguez et al.
    2023, arXiv:2303.17051; the numbers of cases are ours.
    """
    if config.trained != "auto":
        return config.trained
    if cases <= _FEW:
        return "head"
    return "all" if rehearses or cases > _SOME else "decoder"


def rehearses(config: FineTuneConfig, replay: Replay | None) -> bool:
    """Return whether a run learns labels of what the model knew."""
    if replay is None or not (config.supervised and config.rehearsal):
        return False
    known = replay.labels > (0 if config.new_classes else UNSEEN)
    return bool(config.replay and config.distillation and known.any())


def norm_parameters(network: nn.Module) -> set[str]:
    """Return the names of the scales and shifts of all norms."""
    return {
        f"{path}.{name}" if path else name
        for path, module in network.named_modules()
        if isinstance(module, _NORMS)
        for name, _ in module.named_parameters(recurse=False)
    }


def parameter_groups(
    network: SegmentationNetwork, trained: str, config: FineTuneConfig
) -> list[dict[str, Any]]:
    """Return the optimiser's groups, and freeze every other weight.

    Parameters
    ----------
    network : SegmentationNetwork
        ``requires_grad`` of its parameters is set.
    trained : str
        "head" (with the scales and shifts of all norms), "decoder" (these too) or "all".
    config : FineTuneConfig
        The learning rates.

    Returns
    -------
    list of dict
        ``params``, ``lr``, ``name``: the head and the norms, the decoder, the encoder.
    """
    factors = {"head": 1.0, "decoder": config.decoder_rate, "encoder": config.encoder_rate}
    learning = {"head": ("head",), "decoder": ("head", "decoder"), "all": tuple(factors)}[trained]
    norms = norm_parameters(network)
    chosen: dict[str, list[nn.Parameter]] = {part: [] for part in factors}
    for name, parameter in network.named_parameters():
        part = network.part_of(name)
        learns = part in learning or name in norms
        parameter.requires_grad_(learns)
        if learns:
            chosen["head" if name in norms else part].append(parameter)
    return [
        {"params": parameters, "lr": config.learning_rate * factors[part], "name": part}
        for part, parameters in chosen.items()
        if parameters
    ]


def recalibrates(network: nn.Module, config: FineTuneConfig, replay: Replay | None) -> bool:
    """Return whether the statistics of batch norms are taken anew before a run."""
    follows = config.replay and config.distillation and replay is not None
    return bool(config.recalibrate and config.supervised and follows and _batch_norms(network))


def recalibrate(network: nn.Module, batches: Iterable[Tensor]) -> None:
    """Take the running statistics of batch norms anew, as the mean over batches.

    Source: Li et al. 2017, Adaptive Batch Normalization, arXiv:1603.04779; of a mixture of the old
    and the new domain, so that both are served (ours).
    """
    norms = _batch_norms(network)
    if not norms:
        return
    network.eval()
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean of all batches
        norm.train()
    with torch.no_grad():
        for images in batches:
            network(images)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()


def _batch_norms(network: nn.Module) -> list[nn.modules.batchnorm._BatchNorm]:
    return [m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]


def set_mode(network: nn.Module, *, freeze_statistics: bool) -> None:
    """Let a network compute as it answers, no dropout; batch norms may go on counting."""
    network.eval()
    if freeze_statistics:
        return
    for norm in _batch_norms(network):
        norm.train()


def spare_group_norms(network: nn.Module) -> None:
    """Have group norms whose input does not learn see it in torch's own memory format.

    On a CPU torch 2.13 ends the program on the way back through one in 2D, channels last.
    """
    for module in network.modules():
        if isinstance(module, nn.GroupNorm):
            module.register_forward_pre_hook(_in_own_format)


def _in_own_format(_module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
    return None if inputs[0].requires_grad else (inputs[0].contiguous(),)
