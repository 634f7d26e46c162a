"""The other maps a run gives when asked: probabilities and uncertainty, as image layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image, Labels, Layer

from napari_medseg.engine.card import ModelCard
from napari_medseg.widgets.layers import insert_above, same_grid
from napari_medseg.widgets.volumes import KEY

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_medseg.engine.segmenter import Segmentation


def show_maps(
    viewer: Viewer,
    image: Layer,
    above: Labels,
    result: Segmentation,
    card: ModelCard,
    step: tuple[int, ...] = (),
) -> list[Image]:
    """Put probabilities ``(K, *S)`` and uncertainty ``(*S)``, where there are any, on the image.

    They are hidden at first, so that the labels are seen; a click on the eye shows them. Maps of
    an earlier run with the same name are replaced.
    """
    maps: dict[str, np.ndarray] = {}
    if result.probabilities is not None:
        offset = 1 if card.activation == "softmax" else 0
        for index, label_class in enumerate(card.classes):
            maps[f"likely {label_class.name}"] = result.probabilities[offset + index]
    if result.uncertainty is not None:
        maps["unsure"] = result.uncertainty
    shown = []
    for what, values in maps.items():
        name = f"{above.name} · {what}"
        values = np.asarray(values).reshape((1,) * len(step) + values.shape)
        earlier = next((layer for layer in viewer.layers if layer.name == name), None)
        if isinstance(earlier, Image) and earlier.data.shape == values.shape:
            earlier.data = values
            shown.append(earlier)
            continue
        layer = Image(
            values,
            name=name,
            colormap="magma",
            contrast_limits=(0, 1),
            blending="additive",
            opacity=0.7,
            visible=False,
            metadata={KEY: {"map": what}},
            **same_grid(image, step),
        )
        insert_above(viewer, above, layer)
        shown.append(layer)
    return shown
