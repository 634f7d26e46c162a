"""Published checkpoints, read into our networks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from napari_medseg.networks.lgmsnet.config import LGMSNetConfig

_LGMSNET_STAGES = {
    "stem.conv.": "stem.",
    "encoder4.0.": "enc4.",
    "encoder5.0.": "enc5.",
    "Up_conv5.": "dec5.",
    "Up_conv4.0.conv.": "dec4.0.",
    "Up_conv4.1.": "dec4.1.",
    "Up_conv3.conv.": "dec3.",
    "Up_conv2.conv.": "dec2.",
    "Up5.up.": "up5.",
    "Up4.up.": "up4.",
    "Up3.up.": "up3.",
    "Up2.up.": "up2.",
    "Conv_1x1.": "head.",
}
_LGMSNET_STAGE = re.compile("|".join(map(re.escape, _LGMSNET_STAGES)))

_LGMSNET_PARTS = {
    # local multi-scale block
    "local_dwc.": "scales.0.",
    "global_dwc_s.": "scales.1.",
    "global_dwc_m.": "scales.2.",
    "global_dwc_l.": "scales.3.",
    "norm_act.0.": "norm.",
    "conv_1x1_bn.": "reduce.",
    "conv_nxn_bn.": "expand.",
    # global multi-scale block
    "conv1.": "embed.0.",
    "conv2.": "embed.1.",
    "conv_spilt.dwconv3x3.": "local.spatial.",
    "conv_spilt.dwconv3x3x3.": "local.spatial.",
    "conv_spilt.bn1.": "local.norm1.",
    "conv_spilt.dwconv1x1.": "local.scale.",
    "conv_spilt.dwconv1x1x1.": "local.scale.",
    "conv_spilt.bn2.": "local.norm2.",
    "transformer.layers.0.0.norm.": "transformer.attention.norm.",
    "transformer.layers.0.0.to_qkv.": "transformer.attention.qkv.",
    "transformer.layers.0.0.to_out.0.": "transformer.attention.project.",
    "transformer.layers.0.1.net.0.": "transformer.feed_forward.0.",
    "transformer.layers.0.1.net.1.": "transformer.feed_forward.1.",
    "transformer.layers.0.1.net.4.": "transformer.feed_forward.3.",
    "conv3.": "mix.",
    "conv4.": "fuse.",
}
_LGMSNET_PART = re.compile(
    r"(?<=\.)(" + "|".join(map(re.escape, sorted(_LGMSNET_PARTS, key=len, reverse=True))) + ")"
)


def import_lgmsnet(checkpoint: Mapping[str, Any]) -> tuple[LGMSNetConfig, dict[str, Tensor]]:
    """Read a checkpoint of the published LGMSNet, 2-D or 3-D.

    Dimensions, channels, classes, widths and depths are read off the shapes. The published 2-D
    network was trained on BGR images, standardised with ImageNet's statistics and then divided by
    255 once more; its model card must say the same.

    Parameters
    ----------
    checkpoint : mapping
        What ``torch.load`` returns: the tensors themselves or a dict with a ``state_dict``.

    Returns
    -------
    config : LGMSNetConfig
        Configuration to build the network with; always ``variant="reference"``.
    state : dict of str to Tensor
        For its ``load_state_dict``.

    Raises
    ------
    ValueError
        If it is no LGMSNet of the published shape.
    """
    theirs = _tensors(checkpoint)
    if "stem.conv.0.weight" not in theirs or "Conv_1x1.weight" not in theirs:
        some = ", ".join(list(theirs)[:3]) or "nothing"
        raise ValueError(
            f"not a published LGMSNet: expected stem.conv.0.weight and Conv_1x1.weight, found "
            f"{some}; choose a checkpoint of SegmsNet or SegmsNet3D"
        )
    # an encoder stage numbers its blocks from 0; its last number is the projection
    depths = tuple(
        max(int(key.split(".")[1]) for key in theirs if key.startswith(f"encoder{level}."))
        for level in (1, 2, 3)
    )
    stem = theirs["stem.conv.0.weight"]
    config = LGMSNetConfig(
        spatial_dims=stem.ndim - 2,
        in_channels=stem.shape[1],
        num_classes=theirs["Conv_1x1.weight"].shape[0],
        widths=(
            stem.shape[0],
            theirs[f"encoder2.{depths[1]}.0.weight"].shape[0],
            theirs[f"encoder3.{depths[2]}.0.weight"].shape[0],
            theirs["encoder4.0.conv1.0.weight"].shape[0],
            theirs["encoder5.0.conv1.0.weight"].shape[0],
        ),
        depths=depths,
    )
    return config, {_our_name(key): _our_shape(key, tensor) for key, tensor in theirs.items()}


def _tensors(checkpoint: Mapping[str, Any]) -> dict[str, Tensor]:
    """Unwrap ``{"state_dict": ...}`` and drop the ``module.`` of data-parallel training."""
    state = checkpoint.get("state_dict", checkpoint)
    return {key.removeprefix("module."): t for key, t in state.items() if isinstance(t, Tensor)}


def _our_name(key: str) -> str:
    if key.startswith("encoder") and key[7] in "123":
        stage, rest = f"enc{key[7]}.", key[9:]
    else:
        found = _LGMSNET_STAGE.match(key)
        if found is None:
            raise ValueError(f"not a published LGMSNet: it has no tensor {key!r}")
        stage, rest = _LGMSNET_STAGES[found.group()], key[found.end() :]
    return _LGMSNET_PART.sub(lambda part: _LGMSNET_PARTS[part.group()], f".{stage}{rest}")[1:]


def _our_shape(key: str, tensor: Tensor) -> Tensor:
    """Turn a 1x1 convolution into the linear layer it is; depthwise ones stay."""
    is_pointwise = tensor.ndim > 2 and all(side == 1 for side in tensor.shape[2:])
    return tensor.flatten(1) if is_pointwise and "dwconv" not in key else tensor
