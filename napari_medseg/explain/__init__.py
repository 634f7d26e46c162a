"""What a network sees and why: arrays with their place in the image, no drawing.

Every verb takes a segmenter and a `View`, what the network sees at once, and gives overlays,
tables or curves. `catalogue` lists what a model can show, `show` computes an entry of it. The
names below are imported when they are first used.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    "activation_ratio": "analyses",
    "attention": "attention_maps",
    "catalogue": "entries",
    "changes": "voxel",
    "channel_redundancy": "analyses",
    "class_attention": "hidden_attention",
    "compare": "comparison",
    "features": "feature_maps",
    "grad_cam": "gradients",
    "input_gradients": "gradients",
    "layers_of": "layers",
    "levels": "coarse_answers",
    "log_amplitude": "analyses",
    "modality_importance": "evidence",
    "occlusion": "evidence",
    "probabilities": "evidence",
    "receptive_field": "gradients",
    "record": "capture",
    "show": "showing",
    "spline_curves": "splines",
    "summary": "feature_maps",
    "uncertainty": "evidence",
    "view_of": "viewing",
    "why": "voxel",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
