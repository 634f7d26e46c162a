"""The window that segments an image larger than memory into a file, which is seen filling in."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import ref

from napari.layers import Image, Labels
from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from napari_medseg.engine.card import ModelCard
from napari_medseg.io import Pyramid, open_pyramid
from napari_medseg.widgets.background import Task
from napari_medseg.widgets.large.blocks_work import Outcome, Request, run
from napari_medseg.widgets.layers import class_look, insert_above, same_grid
from napari_medseg.widgets.notices import show_failure
from napari_medseg.widgets.pieces import enable, main_button, wrapped_label
from napari_medseg.widgets.pyramids import pyramid_of
from napari_medseg.widgets.run_bar import RunBar
from napari_medseg.widgets.sessions import connect_while_alive, runner_of, session_of, unwrapped
from napari_medseg.widgets.taking_out import ask_path
from napari_medseg.widgets.volumes import KEY, place_of

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_medseg.widgets.large.filling import Filling

_EVERY = 500  # ms between two looks at what has been filled in
_DOES = "Segments the whole image piece by piece; you may go on working meanwhile"


class BlocksWindow(QWidget):
    """Asks where the labels go, runs the session's model, shows the labels as they come."""

    began = Signal(object)  # from the thread of the run to this one, as `filled` is
    filled = Signal()

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = unwrapped(viewer)
        self._session, self._runner = session_of(viewer), runner_of(viewer)
        self._image: Image | None = None
        self._labels: ref[Labels] | None = None
        self._ours = False  # whether what runs was started here
        self._note = ""
        self.what, self.hint = wrapped_label(), wrapped_label()
        self.path = QLineEdit()
        self.path.setToolTip("The file of labels; a name ending in .ome.zarr")
        self.choose = QPushButton("Choose…")
        self.choose.setToolTip("Choose another folder or name for the labels")
        self.start = main_button("Segment to this file")
        self.run_bar = RunBar(self._runner)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_EVERY)
        self._lay_out()
        self._connect()
        self.refresh()

    def show_image(self, image: Image) -> None:
        """Take an image layer, and propose a file beside its own."""
        self._image, self._note = image, ""
        pyramid = pyramid_of(image)
        if pyramid is not None:
            source, model = Path(pyramid.path), self._session.model
            name = "labels" if model is None else model.card.name
            stem = source.name.split(".")[0]
            self.path.setText(str(source.with_name(f"{stem} {name}.ome.zarr")))
        self.refresh()

    def refresh(self, *_: object) -> None:
        """Say what would be done, and what is in the way."""
        image, model = self._image, self._session.model
        there = image is not None and image in self._viewer.layers
        if not there or image is None or model is None:
            self.what.setText("")
        else:
            self.what.setText(
                f"{model.title} segments all of {image.name}, reading and writing piece by piece. "
                "The labels fill in while it runs. If it is stopped, or the computer is, press "
                "again to go on where it was."
            )
        reason = self._why_not(image if there else None)
        enable(self.start, reason, _DOES)
        self.hint.setText(self._note or ("" if self._runner.busy else reason))
        for part in (self.path, self.choose):
            part.setEnabled(not self._runner.busy)

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.addWidget(self.path, 1)
        row.addWidget(self.choose)
        layout = QVBoxLayout(self)
        layout.addWidget(self.what)
        layout.addLayout(row)
        layout.addWidget(self.start)
        layout.addWidget(self.hint)
        layout.addStretch(1)
        layout.addWidget(self.run_bar)

    def _connect(self) -> None:
        self.choose.clicked.connect(self._choose)
        self.start.clicked.connect(self._start)
        self.path.textChanged.connect(self._on_path)
        self.began.connect(self._show_labels)
        self.filled.connect(self._look_soon)
        self._timer.timeout.connect(self._look)
        self._runner.started.connect(self.refresh)
        self._runner.failed.connect(self._on_failed)
        self._runner.ended.connect(self._on_ended)
        connect_while_alive(self, self._session.events.model, self.refresh)
        layers = self._viewer.layers.events
        for event in (layers.removed, layers.renamed):
            connect_while_alive(self, event, self.refresh)

    def _why_not(self, image: Image | None) -> str:
        pyramid = None if image is None else pyramid_of(image)
        if self._runner.busy:
            return "A run is going; wait for it or cancel it below."
        if self._session.model is None:
            return "No model yet: choose one in the Model panel."
        if pyramid is None:
            return (
                "Open an image that lies in pieces (OME-Zarr) and choose it in the Segment panel."
            )
        if pyramid.time_points > 1:
            return "Images over time are segmented one point at a time from the command line."
        if not self.path.text().strip().lower().endswith((".ome.zarr", ".zarr")):
            return "Give the file a name that ends in .ome.zarr."
        return ""

    def _on_path(self) -> None:
        self._note = ""
        self.refresh()

    def _choose(self) -> None:
        name = Path(self.path.text()).name.removesuffix(".ome.zarr")
        path = ask_path(
            self, "Labels, block by block", name, {"OME-Zarr (*.ome.zarr)": ".ome.zarr"}
        )
        if path is not None:
            self.path.setText(str(path))

    def _start(self) -> None:
        self.refresh()
        image, model = self._image, self._session.model
        pyramid = None if image is None else pyramid_of(image)
        if not self.start.isEnabled() or pyramid is None or model is None or image is None:
            return
        try:
            whole = whole_image(pyramid, model.card)
        except (ValueError, OSError) as error:
            show_failure(error)
            return
        self._note, self._ours = "", True
        request = Request(
            model.path,
            self._session.device,
            whole,
            Path(self.path.text().strip()),
            self._session.ready_segmenter,
        )
        task = Task(partial(run, request, self.began.emit, self.filled.emit))
        task.returned.connect(self._finish)
        self._runner.start(task, f"{image.name} · {model.card.name}, block by block")

    def _show_labels(self, filling: Filling) -> None:
        """Put the labels above their image, or into the layer an earlier run made for the file."""
        image, model = self._image, self._session.model
        if image is None or model is None:
            return
        ours = {"blocks": str(filling.store.path)}
        for layer in self._viewer.layers:
            if (
                isinstance(layer, Labels)
                and layer.metadata.get(KEY, {}).get("blocks") == ours["blocks"]
            ):
                layer.data = filling.levels
                self._labels = ref(layer)
                return
        labels = Labels(
            filling.levels,
            multiscale=True,
            name=filling.store.path.name.removesuffix(".ome.zarr"),
            metadata={KEY: {**ours, "place": place_of(image)}},
            opacity=0.6,
            **same_grid(image),
            **class_look(model.card.classes),
        )
        insert_above(self._viewer, image, labels)
        self._labels = ref(labels)

    def _look_soon(self) -> None:
        if not self._timer.isActive():
            self._timer.start()

    def _look(self) -> None:
        labels = None if self._labels is None else self._labels()
        if labels is not None and labels in self._viewer.layers and labels.visible:
            labels.refresh(extent=False, thumbnail=False)

    def _finish(self, outcome: Outcome) -> None:
        self._session.loaded = outcome.loaded
        labels = None if self._labels is None else self._labels()
        if labels is not None and labels in self._viewer.layers:
            labels.refresh()
        result = outcome.result
        self._say(f"Done: written to {result.path}.", *result.notes)

    def _on_failed(self, reason: str) -> None:
        if self._ours:
            self._say(reason)

    def _on_ended(self, outcome: str) -> None:
        if self._ours and outcome == "cancelled":
            self._say("Cancelled. What is done is kept; press again to go on where it was.")
        self._ours = False
        self.refresh()

    def _say(self, *sentences: str) -> None:
        self._note = "\n".join(text[:1].upper() + text[1:] for text in sentences)
        self.refresh()


def whole_image(pyramid: Pyramid, card: ModelCard) -> Pyramid:
    """Return the image a model takes: all channels of the file if it wants so many, else this one.

    Raises
    ------
    ValueError, OSError
        If the file cannot be read any more.
    """
    if card.in_channels <= pyramid.channel_count:
        return pyramid
    found = open_pyramid(pyramid.path)
    return found if found is not None and found.channel_count == card.in_channels else pyramid
