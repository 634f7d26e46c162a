"""How the model is run, behind *More*: every field has a good default."""

from __future__ import annotations

from qtpy.QtWidgets import QWidget

from napari_medseg.engine.card import ModelCard
from napari_medseg.engine.inference_config import InferenceConfig
from napari_medseg.widgets.forms import ConfigForm

_FIELDS = ("overlap", "flips", "crop_to_body", "exact", "probabilities", "uncertainty")
_WORDS = {
    "flips": "Average over mirrored copies",
    "crop_to_body": "Leave out the air around the body",
    "exact": "Exact mode",
    "probabilities": "Also show how likely each class is",
    "uncertainty": "Also show where the model is unsure",
}
_TIPS = {
    "overlap": "How much neighbouring windows share, 0 to 0.9. More is smoother and slower.",
    "flips": "Often a little better, 4 times slower on images and 8 times on volumes.",
    "crop_to_body": "Faster; what lies in the air is background.",
    "exact": "No shortcuts, for comparing with other programs; slower.",
    "probabilities": "Adds an image layer per class, 0 to 1; needs memory on large volumes.",
    "uncertainty": "Adds an image layer: 0 where the model is sure, 1 where it is not.",
}
_ONE_WAY = (
    "This model never saw a mirrored image when it was trained; averaging over mirrored copies "
    "would harm its answer"
)


class RunOptions(ConfigForm[InferenceConfig]):
    """The form of an `InferenceConfig`, with what a model cannot do greyed out."""

    def __init__(self) -> None:
        super().__init__(InferenceConfig(), _FIELDS, words=_WORDS, tips=_TIPS)

    def show_for(self, card: ModelCard | None) -> None:
        """Offer what the model of `card` can do; without a model everything."""
        flips = self.findChild(QWidget, "flips")
        mirrored = card is None or card.mirrored
        if not mirrored:
            self.config = self.config.replace(flips=False)
        flips.setEnabled(mirrored)
        flips.setToolTip(_TIPS["flips"] if mirrored else _ONE_WAY)
