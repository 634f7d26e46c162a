"""The names in published checkpoints of MSA²Net."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from napari_medseg.networks.msa2net.config import MSA2NetConfig
from napari_medseg.networks.translation import Names, Translation, count, shape_of

_ENCODER = "backbone.backbone."

_STAGES: dict[str, str | None] = {
    "backbone.conv.": None,  # turns one channel into three, and is never called
    "backbone.backbone.head.": None,  # of the classifier the encoder was
    _ENCODER: "encoder.",
    "decoder_3.": None,  # never runs but for its enlarging
    "decoder_3.layer_up.expand.": "up32.linear.",
    "decoder_3.layer_up.norm.": "up32.norm.",
    "decoder_2.": "dec16.",
    "decoder_1.": "dec8.",
    "decoder_0.": "dec4.",
    "decoder_0.last_layer.": "head.",
}
_HEAD_STAGES: dict[str, str | None] = _STAGES | {
    "decoder_2.ag_attn.": None,  # this build adds the skip connection instead
}
_PARTS = {
    "x1_linear.": "linear.",
    "ag_attn_norm.": "norm.",
    "layer_up.expand.": "expand.linear.",
    "layer_up.norm.": "expand.norm.",
    # the gate
    "ag_attn.multi.local.dconv.": "gate.local.",
    "ag_attn.multi.local.proj.0.": "gate.local.6.",
    "ag_attn.multi.local.proj.1.": "gate.local.7.",
    "ag_attn.multi.global_.proj.": "gate.everywhere.",
    "ag_attn.multi.bn.": "gate.fuse_norm.",
    "ag_attn.selection.": "gate.selection.",
    "ag_attn.proj.": "gate.recalibrate.0.",
    "ag_attn.bn.": "gate.recalibrate.1.",
    "ag_attn.conv_block.0.": "gate.project.0.",
    "ag_attn.bn_2.": "gate.project.1.",
    # dual attention
    "tran_layer1.": "blocks.0.",
    "tran_layer2.": "blocks.1.",
    "attn.keys.": "places.key.",
    "attn.queries.": "places.query.",
    "attn.values.": "places.value.",
    "attn.reprojection.": "places.project.",
    "channel_attn.temperature": "channels.temperature",
    "channel_attn.qkv.": "channels.qkv.",
    "channel_attn.proj.": "channels.project.",
    "mlp1.fc1.": "feed_forward1.widen.",
    "mlp1.dwconv.dwconv.": "feed_forward1.depthwise.",
    "mlp1.fc2.": "feed_forward1.narrow.",
    "mlp2.fc1.": "feed_forward2.widen.",
    "mlp2.dwconv.dwconv.": "feed_forward2.depthwise.",
    "mlp2.fc2.": "feed_forward2.narrow.",
    # large kernels
    "layer_lka_1.": "blocks.0.",
    "layer_lka_2.": "blocks.1.",
    "layer_scale_1": "scale1",
    "layer_scale_2": "scale2",
    "attn.proj_1.": "enter.",
    "attn.proj_2.": "leave.",
    "attn.spatial_gating_unit.conv0.": "gate.near.",
    "attn.spatial_gating_unit.conv_spatial.": "gate.far.",
    "attn.spatial_gating_unit.conv1.": "gate.mix.",
    "mlp.fc1.": "widen.",
    "mlp.dwconv.dwconv.": "depthwise.",
    "mlp.fc2.": "narrow.",
}


def translate(theirs: Mapping[str, Tensor]) -> Translation:
    """Read shape and names off a published state.

    Two builds of the network were published: the paper's, and that of the code's last commit,
    where a class is defined twice and the second definition has large kernels at stride 16.

    Raises
    ------
    ValueError
        If a tensor is missing or unknown.
    """
    stages = f"{_ENCODER}stages."
    stem = shape_of(theirs, f"{_ENCODER}stem.conv1.weight", dims=4)
    as_in_paper = any(key.startswith("decoder_2.tran_layer1.") for key in theirs)
    config = MSA2NetConfig(
        in_channels=stem[1],
        num_classes=shape_of(theirs, "decoder_0.last_layer.weight", dims=4)[0],
        width=shape_of(theirs, f"{stages}0.blocks.0.conv.conv3_1x1.weight", dims=4)[0],
        stem_width=shape_of(theirs, f"{_ENCODER}stem.conv2.weight", dims=4)[0],
        depths=tuple(count(theirs, f"{stages}{stage}.blocks.") for stage in range(4)),
        layout="raw",
        build="paper" if as_in_paper else "head",
    )
    decoder = Names(_STAGES if as_in_paper else _HEAD_STAGES, _PARTS)
    names = {
        # the encoder has timm's names already
        key: key.replace(_ENCODER, "encoder.")
        if key.startswith(_ENCODER) and not key.startswith(f"{_ENCODER}head.")
        else decoder(key)
        for key in theirs
    }
    build = "as in the paper" if as_in_paper else "as in the last commit of the published code"
    return Translation(config, names, f"{build}; tokens taken for maps as the published code does")
