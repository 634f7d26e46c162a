"""The strip that offers work which was not saved; there only while there is some."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_medseg.widgets.keeping.following import offers_of
from napari_medseg.widgets.strips import Strip

if TYPE_CHECKING:
    from napari.viewer import Viewer


class RestoreStrip(Strip):
    """Offers what an earlier sitting did not save.

    Parameters
    ----------
    viewer : Viewer
        Whose images are looked after.
    """

    def __init__(self, viewer: Viewer) -> None:
        super().__init__(viewer, "medseg_restore")
        self._offers = offers_of(viewer)
        self.restore = self.add_button(
            "Restore",
            "Bring it back into the labels as one step that can be undone",
            self._offers.restore,
        )
        self.discard = self.add_button(
            "Discard", "Delete it; it cannot be brought back then", self._offers.discard
        )
        self.later = self.add_button(
            "Later", "Ask again when the image is opened the next time", self._offers.later
        )
        self._offers.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Say what is offered now, or hide."""
        offer, count = self._offers.first(), len(self._offers.found)
        if offer is not None:
            more = f" ({count - 1} more)" if count > 1 else ""
            self.text.setText(f"{offer.words()}{more}")
            self.text.setToolTip(f"Kept in {offer.claim.path}")
        self.setVisible(offer is not None)
