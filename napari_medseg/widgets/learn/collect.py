"""Collecting a case: which image, which labels on it, what of them was reviewed."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import ref

from napari.layers import Image, Labels
from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QFormLayout, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_medseg.widgets.boxes import shown_slice
from napari_medseg.widgets.edit.sight import images_under
from napari_medseg.widgets.edit.version import version_of
from napari_medseg.widgets.image_choice import ImageChoice
from napari_medseg.widgets.keeping.origins import is_kept
from napari_medseg.widgets.keys import bind, with_key
from napari_medseg.widgets.layers import is_map
from napari_medseg.widgets.learn.case_list import count
from napari_medseg.widgets.painted import painted_of
from napari_medseg.widgets.pieces import enable, narrow_combo, wrapped_label
from napari_medseg.widgets.sessions import connect_while_alive, session_of, unwrapped
from napari_medseg.widgets.volumes import KEY, place_of, shown_step

if TYPE_CHECKING:
    from napari.utils.events import Event
    from napari.viewer import Viewer

_PAUSE = 250  # ms after a change before what was painted is counted


class Collect(QWidget):
    """Chooses what becomes a case; emits ``add_wanted()`` and ``changed()``."""

    add_wanted = Signal()
    changed = Signal()

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = unwrapped(viewer)
        self._session = session_of(viewer)
        self._known: dict[str, tuple[ref[Labels], object]] = {}
        self._busy = False
        self._offered: list[Labels] = []
        self.images = ImageChoice(self._viewer)
        self.labels_field = narrow_combo("The labels to learn from; they lie on the image")
        self.reviewed = wrapped_label()
        self.reviewed.setToolTip(
            "Each slice with painted or confirmed voxels counts as reviewed: what is unlabelled "
            "there is learnt as background. Nothing is learnt from the other slices"
        )
        self.slice_right = QPushButton(with_key("This slice is right", "slice_reviewed"))
        self.all_right = QPushButton("All of it is right")
        self.add = QPushButton("Add this image")
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(_PAUSE)
        self._later.timeout.connect(self.refresh)
        self._lay_out()
        self._connect()
        self.show_model()

    @property
    def labels(self) -> Labels | None:
        """The chosen labels."""
        at = self.labels_field.currentIndex()
        return self._offered[at] if 0 <= at < len(self._offered) else None

    def show_model(self) -> None:
        """Ask for the images that the session's model needs."""
        model = self._session.model
        self.images.set_model(None if model is None else model.card)
        self._show_labels()

    def note_added(self, key: str, labels: Labels, version: object) -> None:
        """Remember from which labels, and which state of them, a case was made."""
        self._known[key] = ref(labels), version

    def is_stale(self, key: str) -> bool:
        """Whether the labels a case was made from changed since, as far as this viewer knows."""
        known = self._known.get(key)
        layer = None if known is None else known[0]()
        return known is not None and layer is not None and version_of(layer) != known[1]

    def labels_of(self, key: str) -> Labels | None:
        """Return the labels a case was made from in this viewer."""
        known = self._known.get(key)
        return None if known is None else known[0]()

    def set_busy(self, busy: bool) -> None:
        """Say that a case is being added."""
        self._busy = busy
        self.refresh()

    def refresh(self) -> None:
        """Say what would be added, or what is missing."""
        labels = self.labels
        reason = self._why_not()
        self.reviewed.setText(reason or self._words(labels))
        nothing = not reason and labels is not None and not self._reviewed(labels)
        if nothing:
            self.reviewed.setText(
                "Nothing of these labels is reviewed yet: correct a few slices in Edit, or say "
                "here what is right already."
            )
        again = labels is not None and any(known[0]() is labels for known in self._known.values())
        self.add.setText("Update the case" if again else "Add this image")
        tip = "Keep image, labels and what you reviewed as an example to learn from"
        busy = "A case is being added" if self._busy else ""
        unseen = "Nothing is reviewed yet" if nothing else ""
        enable(self.add, reason or busy or unseen, tip)
        flat = labels is not None and len(place_of(labels).shape) == 2
        self.slice_right.setVisible(not flat)
        slice_why = reason or self._no_slice(labels)
        enable(self.slice_right, slice_why, "Mark the slice you see as reviewed and right")
        enable(self.all_right, reason, "Mark every slice as reviewed and right")
        self.changed.emit()

    def mark_slice(self) -> None:
        """Mark the shown slice of the labels as reviewed."""
        labels = self.labels
        box = None if labels is None else shown_slice(self._viewer, labels)
        if labels is None or box is None:
            return
        step = shown_step(labels, tuple(self._viewer.dims.point))
        painted_of(labels).mark_reviewed((*(slice(i, i + 1) for i in step), *box))
        self.refresh()

    def _mark_all(self) -> None:
        labels = self.labels
        if labels is not None:
            step = shown_step(labels, tuple(self._viewer.dims.point))
            rest = (slice(None),) * (labels.ndim - len(step))
            painted_of(labels).mark_reviewed((*(slice(i, i + 1) for i in step), *rest))
            self.refresh()

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Labels", self.labels_field)
        right = QHBoxLayout()
        right.addWidget(self.slice_right, 1)
        right.addWidget(self.all_right, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.images)
        column.addLayout(form)
        column.addWidget(self.reviewed)
        column.addLayout(right)
        column.addWidget(self.add)

    def _connect(self) -> None:
        self.images.changed.connect(self._show_labels)
        self.labels_field.currentIndexChanged.connect(self._on_labels)
        self.slice_right.clicked.connect(self.mark_slice)
        self.all_right.clicked.connect(self._mark_all)
        self.add.clicked.connect(self.add_wanted)
        bind(self._viewer, "slice_reviewed", self.mark_slice)
        layers = self._viewer.layers
        connect_while_alive(self, self._session.events.model, self.show_model)
        for event in (layers.events.inserted, layers.events.removed, layers.events.renamed):
            connect_while_alive(self, event, self._on_layers)
        connect_while_alive(self, layers.selection.events.active, self._on_active)
        connect_while_alive(self, self._viewer.dims.events.current_step, self._soon)
        connect_while_alive(self, self._viewer.dims.events.ndisplay, self._soon)
        for layer in layers:
            self._follow(layer)

    def _on_layers(self, event: Event) -> None:
        if event.type == "inserted":
            self._follow(event.value)
        self.images.refresh()
        self._show_labels()

    def _on_active(self, event: Event) -> None:
        layer = event.value
        if isinstance(layer, Image) and layer.visible and not is_map(layer):
            self.images.choose(layer)
        elif isinstance(layer, Labels) and is_kept(layer):
            self._choose_image_of(layer)
            self._show_labels(layer)

    def _choose_image_of(self, labels: Labels) -> None:
        """Take the image that labels were made for, if it can be told and is another one."""
        under = images_under(self._viewer, labels)
        chosen = [image for image in self.images.layers if image in under]
        known = max((_kinship(labels, image) for image in chosen), default=-1)
        nearest = max(under, key=lambda image: _kinship(labels, image), default=None)
        if nearest is not None and _kinship(labels, nearest) > known:
            self.images.choose(nearest)

    def _follow(self, layer: object) -> None:
        if isinstance(layer, Labels):
            connect_while_alive(self, layer.events.paint, self._soon)
            connect_while_alive(self, layer.events.set_data, self._soon)

    def _soon(self, *_: object) -> None:
        self._later.start()

    def _on_labels(self, *_: object) -> None:
        self.refresh()

    def _show_labels(self, chosen: Labels | None = None) -> None:
        """Offer the labels that lie on the image; the one that was chosen stays."""
        images = self.images.layers
        offered = [
            layer
            for layer in reversed(self._viewer.layers)
            if is_kept(layer) and images and images[0] in images_under(self._viewer, layer)
        ]
        offered.sort(key=lambda layer: -_kinship(layer, images[0]))
        before = chosen or self.labels
        if chosen is None and before in offered and offered:
            kept = _kinship(before, images[0]) >= _kinship(offered[0], images[0])
            before = before if kept else offered[0]
        self.labels_field.blockSignals(True)
        self.labels_field.clear()
        self._offered = offered
        self.labels_field.addItems([layer.name for layer in offered])
        self.labels_field.setCurrentIndex(offered.index(before) if before in offered else 0)
        self.labels_field.setPlaceholderText("none on this image yet")
        self.labels_field.setEnabled(bool(offered))
        self.labels_field.blockSignals(False)
        self.refresh()

    def _why_not(self) -> str:
        if self.images.empty:
            return "No image yet: open one, segment it, and correct what is wrong."
        if self.images.missing():
            return f"Choose the image for {self.images.missing()}."
        if self.labels is None:
            return "No labels lie on this image yet: segment it, or paint a few slices in Edit."
        return ""

    def _no_slice(self, labels: Labels | None) -> str:
        if labels is None or shown_slice(self._viewer, labels) is not None:
            return ""
        return "Go to a slice of the image in the 2D view"

    def _reviewed(self, labels: Labels) -> int:
        return painted_of(labels).count_reviewed

    def _words(self, labels: Labels | None) -> str:
        if labels is None:
            return ""
        painted = painted_of(labels)
        return (
            f"{count(painted.count_reviewed)} voxels painted or confirmed, "
            f"{count(painted.count_changed)} corrected."
        )


def _kinship(labels: Labels, image: Image) -> int:
    """Return how surely labels on the grid of an image belong to it: 2, 1 by name, 0."""
    if labels.metadata.get(KEY, {}).get("image") == str(image.unique_id):
        return 2
    return int(labels.name.startswith(image.name))
