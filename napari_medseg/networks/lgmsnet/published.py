"""The names in published checkpoints of LGMSNet, 2-D and 3-D."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from napari_medseg.networks.lgmsnet.config import LGMSNetConfig
from napari_medseg.networks.translation import Names, Translation, count, shape_of

_STAGES: dict[str, str | None] = {
    "stem.conv.": "stem.",
    "encoder1.": "enc1.",
    "encoder2.": "enc2.",
    "encoder3.": "enc3.",
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
_PARTS = {
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
_OUR_NAME = Names(_STAGES, _PARTS)


def translate(theirs: Mapping[str, Tensor]) -> Translation:
    """Read shape and names off a published state of SegmsNet or SegmsNet3D.

    Raises
    ------
    ValueError
        If a tensor is missing or unknown.
    """
    dims = theirs["stem.conv.0.weight"].ndim
    if dims not in (4, 5):
        raise ValueError(
            f"stem.conv.0.weight has {dims} dimensions instead of 4 or 5; the file was made by "
            "other code"
        )
    stem = shape_of(theirs, "stem.conv.0.weight", dims=dims)
    # an encoder stage numbers its blocks from 0; its last number is the projection
    depths = tuple(count(theirs, f"encoder{level}.") - 1 for level in (1, 2, 3))
    config = LGMSNetConfig(
        spatial_dims=dims - 2,
        in_channels=stem[1],
        num_classes=shape_of(theirs, "Conv_1x1.weight", dims=dims)[0],
        widths=(
            stem[0],
            shape_of(theirs, f"encoder2.{depths[1]}.0.weight", dims=dims)[0],
            shape_of(theirs, f"encoder3.{depths[2]}.0.weight", dims=dims)[0],
            shape_of(theirs, "encoder4.0.conv1.0.weight", dims=dims)[0],
            shape_of(theirs, "encoder5.0.conv1.0.weight", dims=dims)[0],
        ),
        depths=depths,
    )
    names = {key: _OUR_NAME(key) for key in theirs}
    return Translation(config, names, f"SegmsNet{'3D' if dims == 5 else ''}")
