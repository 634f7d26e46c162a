"""*File > Open Sample*: phantoms made in code, with their exact labels as a second layer."""

from __future__ import annotations

from typing import Any

from napari_medseg.engine.card import LabelClass
from napari_medseg.widgets.layers import class_look
from napari_medseg.widgets.volume_layers import LayerData, from_labels, from_volume


def open_sample(key: str) -> list[LayerData]:
    """Return the layers of a sample; its exact labels are hidden at first."""
    from napari_medseg.samples import SAMPLES

    phantom = SAMPLES[key].make()
    classes = [LabelClass(value=v, name=n, colour=c) for v, n, c in phantom.classes]
    truth = phantom.volume.with_array(phantom.labels[None])
    labels, kwargs, kind = from_labels(truth, f"{key} · exact labels")
    look: dict[str, Any] = {**kwargs, **class_look(classes), "visible": False, "opacity": 0.6}
    return [(labels, look, kind), *from_volume(phantom.volume, key)]  # the image is selected then


def colonoscopy() -> list[LayerData]:
    """Return the layers of the colonoscopy phantom."""
    return open_sample("colonoscopy")


def hippocampus() -> list[LayerData]:
    """Return the layers of the hippocampus phantom."""
    return open_sample("hippocampus")


def dermoscopy() -> list[LayerData]:
    """Return the layers of the dermoscopy phantom."""
    return open_sample("dermoscopy")


def ultrasound() -> list[LayerData]:
    """Return the layers of the ultrasound phantom."""
    return open_sample("ultrasound")


def ct() -> list[LayerData]:
    """Return the layers of the CT phantom."""
    return open_sample("ct")


def brain_mri() -> list[LayerData]:
    """Return the layers of the brain MRI phantom."""
    return open_sample("brain_mri")
