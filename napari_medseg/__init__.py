"""napari-medseg: segment medical images and volumes, in napari, on the command line, in Python.

The names below are imported when they are first used, so that ``import napari_medseg`` is quick
and needs neither torch nor Qt.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_medseg.engine.card import ModelCard
    from napari_medseg.engine.cases import Case
    from napari_medseg.engine.evaluate import evaluate
    from napari_medseg.engine.finetune import finetune
    from napari_medseg.engine.finetune_config import FineTuneConfig
    from napari_medseg.engine.inference_config import InferenceConfig
    from napari_medseg.engine.segmenter import Segmentation, Segmenter
    from napari_medseg.engine.training import train
    from napari_medseg.engine.training_config import TrainingConfig
    from napari_medseg.engine.zoo import models
    from napari_medseg.io import read_labels, read_volume, write_image, write_labels
    from napari_medseg.networks import architectures, create_network
    from napari_medseg.progress import Cancelled, Step
    from napari_medseg.volume import Volume

__version__ = "0.1.0"

_HOMES = {
    "Cancelled": "progress",
    "Case": "engine.cases",
    "FineTuneConfig": "engine.finetune_config",
    "InferenceConfig": "engine.inference_config",
    "ModelCard": "engine.card",
    "Segmentation": "engine.segmenter",
    "Segmenter": "engine.segmenter",
    "Step": "progress",
    "TrainingConfig": "engine.training_config",
    "Volume": "volume",
    "architectures": "networks",
    "create_network": "networks",
    "evaluate": "engine.evaluate",
    "finetune": "engine.finetune",
    "models": "engine.zoo",
    "read_labels": "io",
    "read_volume": "io",
    "train": "engine.training",
    "write_image": "io",
    "write_labels": "io",
}

__all__ = [
    "Cancelled",
    "Case",
    "FineTuneConfig",
    "InferenceConfig",
    "ModelCard",
    "Segmentation",
    "Segmenter",
    "Step",
    "TrainingConfig",
    "Volume",
    "architectures",
    "create_network",
    "evaluate",
    "finetune",
    "models",
    "read_labels",
    "read_volume",
    "train",
    "write_image",
    "write_labels",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
