"""The Model panel: which model, what it is, and where it runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import (
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_medseg.engine.card import ModelCard
from napari_medseg.engine.checkpoint import SUFFIX, read_card
from napari_medseg.engine.zoo import models
from napari_medseg.session import ChosenModel
from napari_medseg.widgets.context_strip import device_words
from napari_medseg.widgets.model_words import card_page, one_line
from napari_medseg.widgets.notices import show_failure
from napari_medseg.widgets.pieces import narrow_combo, wrapped_label
from napari_medseg.widgets.sessions import session_of
from napari_medseg.widgets.warm_up import known_devices

if TYPE_CHECKING:
    from napari.viewer import Viewer

_PATH = Qt.ItemDataRole.UserRole


class ModelPanel(QWidget):
    """Lists the models at hand and shows the card of the chosen one."""

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._session = session_of(viewer)
        self._known: dict[str, ChosenModel] = {}
        self._opened: dict[str, ChosenModel] = {}
        self._items: list[QListWidgetItem] = []
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search models")
        self.search.setToolTip("Show only models with these letters: organ, modality, 2D, name")
        self.search.setClearButtonEnabled(True)
        self.open_button = QPushButton("Open…")
        self.open_button.setToolTip(f"Open a model file (*{SUFFIX}) made by MedSeg")
        self.list = QListWidget()
        self.list.setToolTip("The models at hand; click one to use it")
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setMinimumHeight(120)
        self.card = wrapped_label(rich=True)
        self.device = narrow_combo("Where the model runs; the fastest device is chosen by itself")
        self._lay_out()
        self.search.textChanged.connect(self._filter)
        self.open_button.clicked.connect(self._ask_for_file)
        self.list.currentItemChanged.connect(self._choose_item)
        self.device.activated.connect(self._choose_device)
        self.show_devices()
        self.refresh()

    def refresh(self) -> None:
        """List what the model folders hold now; the choice stays."""
        entries = models()
        self._known = {
            name: ChosenModel(Path(name) if e.origin == "download" else e.path, e.card)
            for name, e in entries.items()
        }
        self._known.update(self._opened)
        self.list.blockSignals(True)
        self.list.clear()
        self._items = []
        for name, model in self._known.items():
            item = QListWidgetItem(f"{name}\n{one_line(model.card)}")
            item.setData(_PATH, name)
            item.setToolTip(model.card.description or one_line(model.card))
            self.list.addItem(item)
            self._items.append(item)
        self.list.blockSignals(False)
        self._filter()
        self.show_chosen()

    def show_chosen(self) -> None:
        """Mark the session's model in the list and show its card."""
        chosen = self._session.model
        self.list.blockSignals(True)
        self.list.setCurrentItem(None)
        for item in self._items:
            if chosen is not None and self._known[item.data(_PATH)].path == chosen.path:
                self.list.setCurrentItem(item)
        self.list.blockSignals(False)
        if chosen is not None:
            self.card.setText(card_page(chosen.card, chosen.path))
        elif self._known:
            self.card.setText("<p>Choose a model above.</p>")
        else:
            self.card.setText(
                "<p>No models yet: open a model file, or train one with "
                "<i>napari-medseg train</i>.</p>"
            )

    def choose_file(self, path: Path) -> None:
        """Use the checkpoint `path`; the list shows it from now on.

        Raises
        ------
        ValueError, OSError
            If it is no model that can be used here.
        """
        self.use(ChosenModel(path, read_card(path)))

    def use(self, model: ChosenModel) -> None:
        """Make `model` the session's model."""
        if model.path not in [m.path for m in self._known.values()]:
            name = model.path.stem
            self._opened[name if name not in self._known else str(model.path)] = model
        self._session.model = model
        self.refresh()

    def choose_fitting(self, spatial_dims: int, channels: int) -> None:
        """Choose the first model for such images, or the first of all; nothing if one is chosen."""
        if self._session.model is not None or not self._known:
            return
        fitting = [m for m in self._known.values() if fits(m.card, spatial_dims, channels)]
        self._session.model = (fitting or list(self._known.values()))[0]
        self.show_chosen()

    def show_devices(self) -> None:
        """List the devices; which GPUs there are is known once torch is in memory."""
        names = ["auto", *(known_devices() or ["cpu"])]
        if self._session.device not in names:
            names.append(self._session.device)
        self.device.clear()
        for name in names:
            self.device.addItem(device_words(name), name)
        self.device.setCurrentIndex(names.index(self._session.device))

    def showEvent(self, event: QShowEvent | None) -> None:
        super().showEvent(event)
        self.refresh()
        self.show_devices()

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.addWidget(self.search)
        top.addWidget(self.open_button)
        device = QFormLayout()
        device.addRow("Runs on", self.device)
        layout = QVBoxLayout(self)
        layout.addLayout(top)
        layout.addWidget(self.list)
        layout.addLayout(device)
        layout.addWidget(self.card)
        layout.addStretch(1)

    def _filter(self) -> None:
        words = self.search.text().lower().split()
        for item in self._items:
            item.setHidden(not all(w in item.text().lower() for w in words))

    def _ask_for_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self, "Open a model", "", f"MedSeg models (*{SUFFIX})"
        )
        if path:
            try:
                self.choose_file(Path(path))
            except (ValueError, OSError) as error:
                show_failure(error)

    def _choose_item(self, item: QListWidgetItem | None) -> None:
        if item is not None:
            self._session.model = self._known[item.data(_PATH)]
            self.show_chosen()

    def _choose_device(self) -> None:
        self._session.device = self.device.currentData()


def fits(card: ModelCard, spatial_dims: int, channels: int) -> bool:
    """Whether a model takes such images; a 2D model goes through a volume slice by slice."""
    return card.in_channels == channels and card.spatial_dims <= spatial_dims
