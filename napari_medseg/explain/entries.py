"""What can be shown of a model, in plain words, and why the rest cannot."""

from __future__ import annotations

from dataclasses import dataclass

from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.explain.attention_maps import OF_PLACE
from napari_medseg.explain.coarse_answers import has_levels
from napari_medseg.explain.feature_maps import SUMMARIES
from napari_medseg.explain.gradients import deepest_layers
from napari_medseg.explain.hidden_attention import scanning_blocks
from napari_medseg.explain.layers import default_layer, named_layers
from napari_medseg.explain.splines import spline_layers
from napari_medseg.networks import architectures

CLASS = ":class"  # after the path of a block: its attention for a class
GROUPS = ("Feature maps", "Attention", "Evidence", "Curves")
_FEATURES = {
    "features": "channels one by one, the strongest first",
    "separation": "channels one by one, those that tell the class first",
    **SUMMARIES,
}
_EVIDENCE = {
    "grad_cam": ("which places speak for the class (Seg-Grad-CAM)", {"layer", "class"}),
    "integrated": ("which voxels speak for and against the class", {"class"}),
    "smooth": ("which voxels matter to the class", {"class"}),
    "occlusion": ("what covering a part of the image changes", {"class"}),
    "probabilities": ("probability of each class", set()),
    "uncertainty": ("how unsure the model is", set()),
    "receptive_field": ("which voxels the answer at the chosen one depends on", {"place"}),
    "levels": ("where the coarser answers of the network differ from its last", set()),
    "channels": ("what leaving out a channel of the image changes", set()),
}
_CURVES = {
    "splines": ("learnt curves, with the inputs they saw", {"layer"}),
    "redundancy": ("how much the channels of each layer repeat each other", set()),
    "activation": ("how much stronger each layer answers inside the class", {"class"}),
    "frequencies": ("how much of each layer's maps is fine detail", set()),
}
# attention of one network that others lack: what is greyed there
_OF_NETWORKS = {
    "kernels": ("which size of kernel answers", ("lgmsnet",)),
    "saliency": ("which places are looked at from across the image", ("lgmsnet",)),
    "branches": ("attention or convolution", ("lgmsnet",)),
    "selection": ("which of two sources is taken, per channel", ("gladnet",)),
    "channel": ("weight of each channel of a skip connection", ("gladnet",)),
    "spatial": ("weight of each place of a skip connection", ("gladnet",)),
    "entropy": ("how widely each place looks", ("gladnet",)),
    "attention": ("where the chosen place looks", ("lgmsnet", "gladnet", "msd_kmamba")),
    "encoder": ("encoder or decoder", ("msa2net",)),
    "kept": ("how much of the encoder's map is let through", ("msa2net",)),
    "context": ("which places make up the global context", ("msa2net",)),
    "large_kernel": ("weight of each place by its surroundings", ("msa2net",)),
    "matrix": ("which channel listens to which", ("msa2net",)),
    "window": ("which places are looked at within windows", ("msa2net",)),
    "grid": ("which places are looked at across the image", ("msa2net",)),
    "reach": ("how far a voxel's state is remembered", ("msd_kmamba",)),
    "orders": ("share of each order of reading", ("msd_kmamba",)),
    "class": ("where the chosen place looks for the class", ("msd_kmamba",)),
    "scales": ("share of each resolution in the answer", ("msd_kmamba",)),
}


@dataclass(frozen=True)
class Entry:
    """One thing to look at.

    Parameters
    ----------
    key : str
        For `showing.show`.
    group : str
        One of `GROUPS`.
    words : str
        For people.
    needs : frozenset of str
        What has to be chosen: "layer", "class", "place".
    why_not : str
        Why this model or image does not have it; empty if it does.
    """

    key: str
    group: str
    words: str
    needs: frozenset[str] = frozenset()
    why_not: str = ""


def catalogue(segmenter: Segmenter) -> list[Entry]:
    """Return all there is to look at, group by group; what this model lacks says why.

    The first time for a network, its layers are found out by running noise of a small size.
    """
    entries = [
        Entry(
            key,
            GROUPS[0],
            words,
            frozenset({"layer", "class"} if key == "separation" else {"layer"}),
        )
        for key, words in _FEATURES.items()
    ]
    entries += _attention(segmenter)
    several = segmenter.card.in_channels > 1
    for key, (words, needs) in _EVIDENCE.items():
        lacks = "" if several or key != "channels" else "the model takes a single channel"
        if key == "levels" and not has_levels(segmenter.network):
            lacks = "the model answers at one resolution only"
        entries.append(Entry(key, GROUPS[2], words, frozenset(needs), lacks))
    for key, (words, needs) in _CURVES.items():
        lacks = ""
        if key == "splines" and not spline_layers(segmenter.network):
            lacks = "the model has no learnt curves: these are of GLAD-Net and MSD-KMamba"
        entries.append(Entry(key, GROUPS[3], words, frozenset(needs), lacks))
    return entries


def layer_choices(segmenter: Segmenter, key: str) -> list[str]:
    """Return the layers an entry can be asked for, best known first; empty where it needs none."""
    if key == "splines":
        return list(spline_layers(segmenter.network))
    if key not in _FEATURES and key != "grad_cam":
        return []
    layers = named_layers(segmenter.network).values()
    return [y.name for y in layers if y.stage] + [y.name for y in layers if not y.stage]


def first_layer(segmenter: Segmenter, key: str) -> str:
    """Return the layer that an entry is of where none is named."""
    if key == "grad_cam":
        return deepest_layers(segmenter.network)[0].name
    if key == "splines":
        return next(iter(spline_layers(segmenter.network)))
    return default_layer(segmenter.network).name


def _attention(segmenter: Segmenter) -> list[Entry]:
    entries = []
    own = segmenter.network.overlays
    for key, words in own.items():
        path, _, kind = key.rpartition(":")
        needs = frozenset({"place"} if kind in OF_PLACE else ())
        entries.append(Entry(key, GROUPS[1], f"{path}: {words}", needs))
    for path in scanning_blocks(segmenter.network):
        words = f"{path}: what the chosen voxel takes from each voxel for or against the class"
        entries.append(Entry(path + CLASS, GROUPS[1], words, frozenset({"place", "class"})))
    has = {entry.key.rpartition(":")[2] for entry in entries}
    titles = {name: record.title for name, record in architectures().items()}
    for kind, (words, of) in _OF_NETWORKS.items():
        if kind in has:
            continue
        if segmenter.card.architecture in of:
            why_not = "this model was made without it"
        else:
            verb = "has" if len(of) == 1 else "have"
            why_not = f"only {' and '.join(titles[name] for name in of)} {verb} this"
        entries.append(Entry(kind, GROUPS[1], words, why_not=why_not))
    return entries
