"""What a training step minimises: a loss on the answer, and what an architecture adds to it."""

from __future__ import annotations

from torch import Tensor, nn

from napari_medseg.engine.distillation import stage_distillation
from napari_medseg.engine.losses import Loss, loss_of
from napari_medseg.networks.base import SegmentationNetwork
from napari_medseg.networks.gladnet.network import GLADNet


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
        """Run the network and return what to minimise.

        Parameters
        ----------
        network : SegmentationNetwork
            In training mode.
        images : Tensor
            ``(B, C, *S)``.
        targets : Tensor
            ``(B, K, *S)`` or ``(B, *S)``, see `losses`.
        valid : Tensor, optional
            ``(B, 1, *S)``, True where the target is known.
        progress : float
            Share of the run's steps that are done, for terms that grow or fade.
        """
        return self.loss(network(images), targets, valid)


class StageDistilled(Objective):
    """GLAD-Net's: its encoder stages also follow its decoder stages, as its config says."""

    def forward(
        self,
        network: SegmentationNetwork,
        images: Tensor,
        targets: Tensor,
        valid: Tensor | None = None,
        progress: float = 1.0,
    ) -> Tensor:
        """Run the network and return what to minimise; see `Objective`."""
        assert isinstance(network, GLADNet)
        config = network.config
        logits, encoder, decoder = network.forward_stages(images)
        loss = self.loss(logits, targets, valid)
        if not config.cssd_stages:
            return loss
        stages = range(1, config.cssd_stages + 1)
        return loss + stage_distillation(
            encoder,
            decoder,
            [config.cssd_weight**stage if config.cssd_decay else 1.0 for stage in stages],
            valid,
            detach=config.cssd_detach,
            normalise=config.cssd_normalise,
        )


_OF_ARCHITECTURE: dict[str, type[Objective]] = {"gladnet": StageDistilled}


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
