"""Which other models the one at hand can be compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox

from napari_medseg.engine.card import ModelCard
from napari_medseg.explain.comparable import why_not_comparable
from napari_medseg.session import ChosenModel
from napari_medseg.widgets.model_choice import model_choice_of

if TYPE_CHECKING:
    from napari.viewer import Viewer


def offer_others(combo: QComboBox, viewer: Viewer, model: ChosenModel | None) -> None:
    """List the models at hand that can be asked the same; the chosen one stays chosen."""
    before = combo.currentData()
    combo.clear()
    for row in model_choice_of(viewer).rows if model is not None else ():
        assert model is not None  # else there are no rows
        if row.card is None or row.path == model.path or row.origin == "download":
            continue
        if _can_be_asked(row.card, model.card):
            combo.addItem(row.title, str(row.path))
            combo.setItemData(combo.count() - 1, row.title, Qt.ItemDataRole.ToolTipRole)
    combo.setCurrentIndex(max(combo.findData(before), 0))


def _can_be_asked(card: ModelCard, other: ModelCard) -> bool:
    """Whether a model takes the images another one takes, and answers so that they compare."""
    same = (card.spatial_dims, card.in_channels) == (other.spatial_dims, other.in_channels)
    return same and not why_not_comparable(card, other)
