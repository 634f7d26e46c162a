"""*File > Open Sample*: phantoms made in code, with their exact labels as a second layer."""

from __future__ import annotations

from functools import partial
from typing import Any

from napari_medseg.engine.card import LabelClass
from napari_medseg.volume import Volume
from napari_medseg.widgets.layers import class_look
from napari_medseg.widgets.volumes import LayerData, from_labels, from_volume


def open_sample(key: str) -> list[LayerData]:
    """Return the layers of a sample; the exact labels are hidden at first."""
    from napari_medseg.samples import SAMPLES

    phantom = SAMPLES[key].make()
    volume: Volume = phantom.volume
    classes = [LabelClass(value=v, name=n, colour=c) for v, n, c in phantom.classes]
    labels, kwargs, kind = from_labels(
        volume.with_array(phantom.labels[None]), f"{key} · exact labels"
    )
    look: dict[str, Any] = {**kwargs, **class_look(classes), "visible": False, "opacity": 0.6}
    # the labels come first so that the image is selected; napari shows the last layer on top
    return [*from_volume(volume, key), (labels, look, kind)]


def __getattr__(name: str) -> Any:
    """Make ``open_KEY`` for the manifest, one command per sample."""
    if name.startswith("open_"):
        return partial(open_sample, name.removeprefix("open_"))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
