"""The review strip: next doubtful place, why it is doubtful, looks right, how far one is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari.layers import Labels
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
)

from napari_medseg.widgets.active_labels import FollowsLabels
from napari_medseg.widgets.keys import bind, key_of
from napari_medseg.widgets.layers import why_not_editable
from napari_medseg.widgets.notices import show_failure
from napari_medseg.widgets.pieces import ElidedLabel, wrapped_label
from napari_medseg.widgets.review.jump import go_to
from napari_medseg.widgets.review.marker import Marker
from napari_medseg.widgets.review.queue import ReviewQueue, queue_of
from napari_medseg.widgets.review.request import why_not_mirrored
from napari_medseg.widgets.review.search_run import start_search
from napari_medseg.widgets.review.words import (
    BACK_TIP,
    FIND_TIP,
    MIRRORED_TIP,
    NEXT_TIP,
    RIGHT_TIP,
    progress,
    words,
)
from napari_medseg.widgets.sessions import (
    Connectable,
    connect_while_alive,
    runner_of,
    session_of,
    when_gone,
)

if TYPE_CHECKING:
    from napari.viewer import Viewer


class ReviewStrip(FollowsLabels):
    """Leads a person through the doubtful places of the Labels layer one works on."""

    def __init__(self, viewer: Viewer) -> None:
        super().__init__(viewer)
        self.session, self.runner = session_of(self.viewer), runner_of(self.viewer)
        self.marker = Marker(self.viewer, self)
        self.search = QPushButton("Find doubtful places")
        self.mirrored = QCheckBox("mirrored, too")
        self.back = QPushButton()
        self.onward = QPushButton()
        self.right = QPushButton()
        self.why = wrapped_label()
        self.bar = QProgressBar()
        self.progress = ElidedLabel()
        self._lay_out()
        self.search.clicked.connect(self._find)
        self.back.clicked.connect(self.go_back)
        self.onward.clicked.connect(self.go_on)
        self.right.clicked.connect(self.looks_right)
        self.runner.started.connect(self._show)
        self.runner.ended.connect(self._show)
        for event in (self.session.events.model, self.session.events.images):
            connect_while_alive(self, event, self._show_mirrored)
        for action, method in (
            ("next_place", self.go_on),
            ("previous_place", self.go_back),
            ("looks_right", self.looks_right),
        ):
            bind(self.viewer, action, method)
        when_gone(self, self.marker.hide)
        self.look_for_layer()

    @property
    def queue(self) -> ReviewQueue | None:
        """The places of the layer one works on; None without a layer."""
        return None if self.layer is None else queue_of(self.layer)

    def go_on(self) -> None:
        """Jump to the next open place."""
        if self.queue is not None and self.queue.places:
            self.queue.next()
            self._jump()

    def go_back(self) -> None:
        """Jump to the place before."""
        if self.queue is not None and self.queue.places:
            self.queue.previous()
            self._jump()

    def looks_right(self) -> None:
        """Note that the place is right, and go on to the next one."""
        if self.queue is not None and self.queue.looks_right() is not None:
            self._jump()

    def show_layer(self, layer: Labels | None) -> None:
        """Show the queue of another layer."""
        self.marker.hide()
        self._show()
        self._show_mirrored()

    def signals_of(self, layer: Labels) -> list[tuple[Connectable, Callable[..., Any]]]:
        """Follow the queue of the layer one works on."""
        return [(queue_of(layer).changed, self._show)]

    def _jump(self) -> None:
        queue, layer = self.queue, self.layer
        if queue is None or layer is None or queue.place is None:
            return
        box = queue.box_of(queue.place)
        go_to(self.viewer, layer, (*queue.step, *queue.place.centre), box)
        self.marker.show(layer, box)

    def _find(self) -> None:
        layer = self.layer
        if layer is not None:
            mirrored = self.mirrored.isEnabled() and self.mirrored.isChecked()
            try:
                start_search(self.viewer, layer, mirrored=mirrored)
            except ValueError as error:
                show_failure(error)

    def _show(self, *_: object) -> None:
        queue = self.queue
        places = () if queue is None else queue.places
        place = None if queue is None else queue.place
        reason = self._why_not()
        self.search.setEnabled(not reason)
        self.search.setToolTip(reason or FIND_TIP)
        self.search.setText("Find doubtful places" if not places else "Find anew")
        at, count = (0 if queue is None else queue.current + 1), len(places)
        left = 0 if queue is None else count - queue.done
        none = "" if places else "Find the doubtful places first"
        self._set(self.onward, none or ("" if left else "All places are looked at"), NEXT_TIP)
        self._set(self.back, none or ("" if at > 1 else "There is no place before"), BACK_TIP)
        self._set(
            self.right, none or ("" if place is not None else "Go to a place first"), RIGHT_TIP
        )
        if place is None:
            self.marker.hide()
        said = words(queue, self.layer)
        self.why.setText(said)
        self.why.setToolTip(said)  # two lines may not be enough
        self.bar.setRange(0, max(len(places), 1))
        self.bar.setValue(0 if queue is None else queue.done)
        self.progress.say(progress(queue))

    def _why_not(self) -> str:
        if self.layer is None:
            return "There are no labels yet"
        if self.runner.busy:
            return "Wait until the run is done, or cancel it below"
        return why_not_editable(self.layer)

    def _show_mirrored(self, *_: object) -> None:
        layer = self.layer
        reason = "There are no labels yet" if layer is None else why_not_editable(layer)
        if layer is not None and not reason:
            reason = why_not_mirrored(self.viewer, layer)
        self._set(self.mirrored, reason, MIRRORED_TIP)

    @staticmethod
    def _set(widget: QPushButton | QCheckBox, reason: str, tip: str) -> None:
        widget.setEnabled(not reason)
        widget.setToolTip(reason or tip)

    def _lay_out(self) -> None:
        self.back.setText(f"Back  [{key_of('previous_place')}]")
        self.onward.setText(f"Next place  [{key_of('next_place')}]")
        self.right.setText(f"Looks right  [{key_of('looks_right')}]")
        for button in (self.back, self.right):
            button.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.why.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.why.setFixedHeight(2 * self.fontMetrics().lineSpacing() + 10)
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(6)
        self.bar.setToolTip("How many of the places were looked at")
        title = QLabel("<b>Review</b>")
        title.setToolTip("Go through the places where these labels may be wrong")
        top, walk = QHBoxLayout(), QHBoxLayout()
        top.addWidget(title)
        top.addStretch(1)
        top.addWidget(self.mirrored)
        top.addWidget(self.search)
        walk.addWidget(self.back)
        walk.addWidget(self.onward, 1)
        walk.addWidget(self.right)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 2, 0, 0)
        column.setSpacing(2)
        column.addLayout(top)
        column.addLayout(walk)
        column.addWidget(self.why)
        column.addWidget(self.bar)
        column.addWidget(self.progress)
