"""ImageNet weights for the encoder: timm's, by their own names."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from napari_medseg.networks.msa2net.maxvit import MaxViT

_SPREAD = re.compile(r"^stages_(\d+)\.")  # as timm names them in a feature extractor


def load_imagenet(encoder: MaxViT, theirs: Mapping[str, Tensor]) -> None:
    """Load the weights of timm's ``maxvit_rmlp_small_rw_224``.

    The first convolution is made for red, green and blue: with other channels each gets their
    sum, divided by the number of channels, so that an image repeated in all of them gives the same
    numbers as a grey picture.

    Parameters
    ----------
    encoder : MaxViT
        Of the published widths and depths; changed in place.
    theirs : mapping of str to Tensor
        Its state dict.

    Raises
    ------
    ValueError
        If they are weights of another network or of other widths; the encoder stays as it was.
    """
    state = {
        _SPREAD.sub(r"stages.\1.", key): tensor
        for key, tensor in theirs.items()
        if not key.startswith("head.")
    }
    ours = encoder.state_dict()
    stem = state.get("stem.conv1.weight")
    if stem is None:
        some = ", ".join(list(theirs)[:3]) or "none"
        raise ValueError(
            "these are not the weights of timm's maxvit_rmlp_small_rw_224: there is no "
            f"stem.conv1.weight, the first tensors are {some}"
        )
    channels = ours["stem.conv1.weight"].shape[1]
    if stem.ndim == 4 and stem.shape[1] == 3 != channels:
        spread = stem.sum(1, keepdim=True) / channels
        state["stem.conv1.weight"] = spread.expand(-1, channels, -1, -1)
    missing = [key for key in ours if key not in state]
    odd = [key for key in ours if key in state and state[key].shape != ours[key].shape]
    unknown = [key for key in state if key not in ours]
    if missing or odd or unknown:
        first = (odd or missing or unknown)[0]
        raise ValueError(
            f"the ImageNet weights do not fit: {len(odd)} tensors have another shape, "
            f"{len(missing)} are missing, {len(unknown)} unknown, the first is {first}; they are "
            "for the presets base and large"
        )
    encoder.load_state_dict(state)
