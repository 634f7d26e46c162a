"""The strip that offers work which was not saved; there only while there is some."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout

from napari_medseg.widgets.keeping.following import offers_of
from napari_medseg.widgets.pieces import wrapped_label
from napari_medseg.widgets.theme import colour, follow_theme

if TYPE_CHECKING:
    from napari.viewer import Viewer


class RestoreStrip(QFrame):
    """Offers what an earlier sitting did not save; it takes no focus and covers nothing.

    Parameters
    ----------
    viewer : Viewer
        Whose images are looked after.
    """

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer, self._offers = viewer, offers_of(viewer)
        self.setObjectName("medseg_restore")
        self.text = wrapped_label()
        self.restore = _button(
            "Restore", "Bring it back into the labels as one step that can be undone"
        )
        self.discard = _button("Discard", "Delete it; it cannot be brought back then")
        self.later = _button("Later", "Ask again when the image is opened the next time")
        buttons = QHBoxLayout()
        for button, act in (
            (self.restore, self._offers.restore),
            (self.discard, self._offers.discard),
            (self.later, self._offers.later),
        ):
            button.clicked.connect(_without_state(act))
            buttons.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 4, 4, 4)
        layout.setSpacing(2)
        layout.addWidget(self.text)
        layout.addLayout(buttons)
        self._offers.changed.connect(self.refresh)
        follow_theme(viewer, self, self._paint)
        self.refresh()

    def refresh(self) -> None:
        """Say what is offered now, or hide."""
        offer, count = self._offers.first(), len(self._offers.found)
        if offer is not None:
            more = f" ({count - 1} more)" if count > 1 else ""
            self.text.setText(f"{offer.words()}{more}")
            self.text.setToolTip(f"Kept in {offer.claim.path}")
        self.setVisible(offer is not None)

    def _paint(self) -> None:
        edge = colour(self._viewer, "warning").name()
        self.setStyleSheet(f"#medseg_restore {{ border-left: 4px solid {edge}; }}")


def _button(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return button


def _without_state(act: Callable[[], Any]) -> Callable[[bool], None]:
    def press(_checked: bool) -> None:
        act()

    return press
