"""What a training step minimises: a loss on the answer, and what an architecture adds to it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from napari_medseg.engine.distillation import stage_distillation
from napari_medseg.engine.losses import Loss, loss_of
from napari_medseg.engine.multi_scale import gates, levels_loss, levels_of, multi_scale_distillation
from napari_medseg.networks.base import SegmentationNetwork
from napari_medseg.networks.gladnet.network import GLADNet
from napari_medseg.networks.msd_kmamba.network import MSDKMamba

_GROWING = 0.1  # share of a run over which the self-distillation reaches its weight
_MEMORY = 0.9  # of a level's gate, per step
_LARGEST_SHARE = 0.3  # of the self-distillation's gradient in that of the labels


class Objective(nn.Module):
    """The loss of the network's answer; an architecture that learns from itself adds to it.

    A module, so that what a subclass remembers from step to step (its buffers) is saved and
    resumed with the run.

    Parameters
    ----------
    loss : callable
        ``(logits, target, valid) -> scalar``, see `losses`.
    """

    def __init__(self, loss: Loss) -> None:
        super().__init__()
        self.loss = loss

    def forward(
        self,
        network: SegmentationNetwork,
        images: Tensor,
        targets: Tensor,
        valid: Tensor | None = None,
        progress: float = 1.0,
    ) -> Tensor:
        """Run the network and return what to minimise, see `answer`."""
        return self.answer(network, images, targets, valid, progress)[0]

    def answer(
        self,
        network: SegmentationNetwork,
        images: Tensor,
        targets: Tensor,
        valid: Tensor | None = None,
        progress: float = 1.0,
    ) -> tuple[Tensor, Tensor]:
        """Run the network and return what to minimise, and its logits ``(B, K, *S)``.

        Parameters
        ----------
        network : SegmentationNetwork
            As it is to learn.
        images : Tensor
            ``(B, C, *S)``.
        targets : Tensor
            ``(B, K, *S)`` or ``(B, *S)``, see `losses`.
        valid : Tensor, optional
            ``(B, 1, *S)``, how much each voxel counts, 0 where the target is not known.
        progress : float
            Share of the run's steps that are done, for terms that grow or fade.
        """
        logits = network(images)
        return self.loss(logits, targets, valid), logits


class StageDistilled(Objective):
    """GLAD-Net's: its encoder stages also follow its decoder stages, as its config says."""

    def answer(
        self,
        network: SegmentationNetwork,
        images: Tensor,
        targets: Tensor,
        valid: Tensor | None = None,
        progress: float = 1.0,
    ) -> tuple[Tensor, Tensor]:
        """Run the network and return what to minimise, and its logits; see `Objective`."""
        assert isinstance(network, GLADNet)
        config = network.config
        logits, encoder, decoder = network.forward_stages(images)
        loss = self.loss(logits, targets, valid)
        if not config.cssd_stages:
            return loss, logits
        stages = range(1, config.cssd_stages + 1)
        distilled = stage_distillation(
            encoder,
            decoder,
            [config.cssd_weight**stage if config.cssd_decay else 1.0 for stage in stages],
            valid,
            detach=config.cssd_detach,
            normalise=config.cssd_normalise,
        )
        return loss + distilled, logits


class MultiScaleDistilled(Objective):
    """MSD-KMamba's: every level learns, and follows the answer where that is right and better.

    The gate of each level is averaged over steps, so that single images do not rule it, and is a
    buffer. The self-distillation grows over the first tenth of the run and is held to
    `_LARGEST_SHARE` of the supervised gradient in the layer that all levels share.
    """

    gates: Tensor

    def __init__(self, loss: Loss) -> None:
        super().__init__(loss)
        self.register_buffer("gates", torch.full((4,), 0.5))

    def answer(
        self,
        network: SegmentationNetwork,
        images: Tensor,
        targets: Tensor,
        valid: Tensor | None = None,
        progress: float = 1.0,
    ) -> tuple[Tensor, Tensor]:
        """Run the network and return what to minimise, and its logits; see `Objective`."""
        assert isinstance(network, MSDKMamba)
        teacher, students = network.forward_students(images)
        # a few channels side by side are slow to sum over; the losses do little else
        teacher, students = teacher.contiguous(), [s.contiguous() for s in students]
        sizes = [s.shape[2:] for s in students]
        levels = levels_of(targets, valid, sizes, teacher.shape[1])
        supervised = levels_loss(students, levels, self.loss)
        if network.fuse is not None:
            supervised = supervised + self.loss(teacher, targets, valid)
        weight = network.config.distillation * min(1.0, progress / _GROWING) ** 2
        if not weight:
            return supervised, teacher
        self.gates.lerp_(gates(teacher, students, levels), 1 - _MEMORY)
        distilled = weight * multi_scale_distillation(teacher, students, levels, self.gates)
        voxels = images[:, 0].numel()
        balance = _balance(distilled, supervised, network.head.weight, voxels)
        return supervised + distilled * balance, teacher


def _balance(added: Tensor, main: Tensor, weight: Tensor, voxels: int) -> Tensor:
    """Return the factor, at most 1, that keeps one gradient in `weight` well below another."""
    if not torch.is_grad_enabled():
        return torch.ones_like(main)
    # in half precision the gradient of one voxel may be too small and that of all too large
    scale = voxels**0.5
    of_added, of_main = (
        torch.autograd.grad(value * scale, weight, retain_graph=True)[0].float().norm()
        for value in (added, main)
    )
    factor = _LARGEST_SHARE * of_main / of_added.clamp(min=1e-12)
    return factor.nan_to_num(nan=0.0).clamp(max=1)


_OF_ARCHITECTURE: dict[str, type[Objective]] = {
    "gladnet": StageDistilled,
    "msd_kmamba": MultiScaleDistilled,
}


def objective_of(architecture: str, loss: str, activation: str) -> Objective:
    """Return what a network of an architecture is trained with.

    Parameters
    ----------
    architecture : str
        Its name in the registry.
    loss : str
        See `losses.loss_of`.
    activation : str
        "sigmoid" or "softmax".

    Raises
    ------
    ValueError
        If there is no such loss.
    """
    return _OF_ARCHITECTURE.get(architecture, Objective)(loss_of(loss, activation))
