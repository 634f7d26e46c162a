"""What is asked about: the logit of a class, over a region of the view."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.explain.classes import class_channel, class_mask, class_name
from napari_medseg.explain.view import View

Region = np.ndarray | Literal["here"] | None
"""Where a class is asked about, see `target_of`."""


@dataclass(frozen=True, eq=False)
class Target:
    """A class and where it is asked about.

    Parameters
    ----------
    channel : int
        Output channel of the network.
    name : str
        Of the class.
    region : Tensor
        ``(B, *S')`` bool: the voxels whose logits are summed.
    notes : tuple of str
        What a person should know of the choice.
    """

    channel: int
    name: str
    region: Tensor
    notes: tuple[str, ...] = ()

    def score(self, logits: Tensor, index: int) -> Tensor:
        """Sum the class's logits ``(1, K, *S')`` over the region of slice `index`."""
        return logits[0, self.channel][self.region[index].to(logits.device)].sum()


def target_of(
    segmenter: Segmenter,
    view: View,
    logits: Tensor | None,
    value: int,
    region: Region = None,
) -> Target:
    """Return what is asked about.

    Parameters
    ----------
    segmenter, view
        The model and what it sees.
    logits : Tensor or None
        ``(B, K, *S')`` of the view; needed where no region is given.
    value : int
        The class's label value; 0 is the background of a softmax model.
    region : ndarray, "here" or None
        ``(*S)`` bool of the image; "here" is the voxel ``view.at``; None is where the model finds
        the class in the view, or, where it does not, all of the view.

    Raises
    ------
    ValueError
        If there is no such class, or the region is outside of the view.
    """
    channel, name = class_channel(segmenter, value), class_name(segmenter, value)
    inside = view.covered()
    if isinstance(region, str):
        index, voxel = view.voxel()
        chosen = torch.zeros_like(inside)
        chosen[(index, *voxel)] = True
        return Target(channel, name, chosen)
    if region is not None:
        chosen = view.onto(np.asarray(region, np.uint8)) > 0
        if not chosen.any():
            raise ValueError(
                "the region chosen is not in the part of the image looked at; choose one there"
            )
        return Target(channel, name, chosen)
    assert logits is not None
    found = class_mask(segmenter, view, logits, None, value) & inside
    if found.any():
        return Target(channel, name, found)
    said = f"the model finds no {name} here; the evidence is for all voxels of the view"
    return Target(channel, name, inside, (said,))
