"""The choice of the image whose grey values are measured, or none."""

from __future__ import annotations

from collections.abc import Sequence

from napari.layers import Image
from qtpy.QtWidgets import QComboBox

_NONE = "none"


class ImageField(QComboBox):
    """Offers images; the first one is taken unless a person chooses."""

    def __init__(self) -> None:
        super().__init__()
        self.setToolTip(
            "The image whose grey values are measured; it lies on the labels voxel by voxel"
        )
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(16)
        self._images: list[Image] = []
        self.addItem(_NONE)

    @property
    def image(self) -> Image | None:
        """What is chosen."""
        at = self.currentIndex() - 1
        return self._images[at] if 0 <= at < len(self._images) else None

    def offer(self, images: Sequence[Image]) -> bool:
        """Offer these images; a chosen one stays chosen if it is among them.

        Returns
        -------
        bool
            Whether another one is chosen now.
        """
        before, images = self.image, list(images)
        if images == self._images:
            return False
        without = before is None and bool(self._images)  # a person wants none
        self._images = images
        self.clear()
        self.addItems([_NONE, *(image.name for image in images)])
        kept = images.index(before) + 1 if before in images else min(len(images), 1)
        self.setCurrentIndex(0 if without else kept)
        return self.image is not before
