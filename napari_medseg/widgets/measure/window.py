"""The window of measures: sizes, diameters and grey values of the labels one works on."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from napari.layers import Labels
from qtpy.QtGui import QShowEvent

from napari_medseg.measures.files import write_csv
from napari_medseg.measures.table import Measure, Measures
from napari_medseg.progress import Step
from napari_medseg.widgets.active_labels import FollowsLabels
from napari_medseg.widgets.background import Runner, Task
from napari_medseg.widgets.classes.class_list import classes_of
from napari_medseg.widgets.classes.stored import class_signals
from napari_medseg.widgets.layers import stepped
from napari_medseg.widgets.measure.layout import MeasureParts
from napari_medseg.widgets.measure.request import (
    MeasureRequest,
    images_under,
    measured,
    names_of,
    request_of,
)
from napari_medseg.widgets.measure.saving import SURFACE_KINDS, TABLE_KINDS, save_surface
from napari_medseg.widgets.measure.words import SURFACE_TIP, found_words, why_no_surface
from napari_medseg.widgets.notices import show_failure
from napari_medseg.widgets.pieces import enable
from napari_medseg.widgets.review.jump import go_to
from napari_medseg.widgets.sessions import Connectable, connect_while_alive, when_gone
from napari_medseg.widgets.taking_out import ask_path, copy_text, say_written

if TYPE_CHECKING:
    from napari.viewer import Viewer


class MeasureWindow(FollowsLabels):
    """Measures the labels one works on, in a thread: when it is opened, and at *Update*.

    Parameters
    ----------
    viewer : Viewer
        Whose active Labels layer is measured.
    """

    def __init__(self, viewer: Viewer) -> None:
        super().__init__(viewer)
        self.parts = parts = MeasureParts(self)
        self.runner = Runner()  # of its own: what is measured need not wait for a model
        self._asked: MeasureRequest | None = None  # what the thread measures now
        self._request: MeasureRequest | None = None  # what the table shows
        self._measures: Measures | None = None
        self._stale = self._again = False
        self.runner.progressed.connect(self._say_step)
        self.runner.ended.connect(self._end)
        parts.update.clicked.connect(self._press_update)
        parts.surface.toggled.connect(self._note_change)
        parts.image.activated.connect(self._note_change)
        parts.kind.buttonClicked.connect(self._show)
        parts.table.told.connect(self._go_to)
        parts.copy.clicked.connect(self._copy)
        parts.save.clicked.connect(self._save)
        parts.export.clicked.connect(self._export)
        layers = self.viewer.layers.events
        for signal in (layers.inserted, layers.removed):
            connect_while_alive(self, signal, self._offer_images)
        when_gone(self, self.runner.cancel)
        self.look_for_layer()

    def show_layer(self, layer: Labels | None) -> None:
        """Measure other labels from now on."""
        self.runner.cancel()
        self._asked = self._request = self._measures = None
        self._stale = self._again = False
        self._offer_images()
        name = "" if layer is None else layer.name
        self.parts.subject.say(name, f"The labels that are measured: {name}" if name else "")
        self._show()
        if self.isVisible():
            self.measure()

    def signals_of(self, layer: Labels) -> list[tuple[Connectable, Callable[..., Any]]]:
        """Return what calls which method while the layer is measured."""
        return [
            (stepped(layer), self._note_change),
            (layer.events.data, self._note_change),
            (class_signals(layer).changed, self._rename),
        ]

    def showEvent(self, event: QShowEvent | None) -> None:
        super().showEvent(event)
        if self._measures is None:
            self.measure()

    def measure(self) -> None:
        """Measure the labels as they are now, after what may still run."""
        layer = self.layer
        if layer is None or self.runner.busy:
            self._again = layer is not None
            return
        image, surface = self.parts.image.image, self.parts.surface.isChecked()
        try:
            request = request_of(self.viewer, layer, image, surface=surface)
        except (ValueError, OSError) as error:
            show_failure(error)
            return
        self._asked, self._stale, self._again = request, False, False
        task = Task(partial(measured, request))
        task.returned.connect(self._take)
        self.runner.start(task, "Measure")
        self._refresh()

    def _take(self, found: tuple[MeasureRequest, Measures]) -> None:
        request, measures = found
        if request is self._asked:
            self._request, self._measures = request, measures
            self._show()

    def _end(self, _outcome: str) -> None:
        if self._again:
            self.measure()
        self._refresh()

    def _say_step(self, step: Step) -> None:
        self.parts.status.say(f"{step.unit.capitalize()} {step.done + 1} of {step.total} …")

    def _press_update(self) -> None:
        if self.runner.busy:
            self._asked, self._again, self._stale = None, False, True
            self.runner.cancel()
        else:
            self.measure()

    def _note_change(self, *_: object) -> None:
        self._stale = True
        self._refresh()

    def _rename(self) -> None:
        layer, measures = self.layer, self._measures
        if layer is not None and measures is not None:
            self._measures = measures.renamed(names_of(layer))
            self._show()

    def _offer_images(self, _event: object = None) -> None:
        layer = self.layer
        other = self.parts.image.offer([] if layer is None else images_under(self.viewer, layer))
        if other and self._measures is not None:
            self._note_change()

    def _show(self, *_: object) -> None:
        layer, by_object = self.layer, self.parts.objects.isChecked()
        colours = {} if layer is None else {c.value: c.colour for c in classes_of(layer)}
        self.parts.table.show_measures(self._measures, colours, by_object=by_object)
        self._refresh()

    def _go_to(self, row: Measure | None) -> None:
        layer, request = self.layer, self._request
        if row is not None and layer is not None and request is not None:
            centre = [round(c) for c in row.centre]
            if len(centre) == 3:
                centre[request.axis] = row.slice_index
            box = tuple(slice(first, last + 1) for first, last in row.box)
            here = tuple(slice(s, s + 1) for s in request.step)
            go_to(self.viewer, layer, (*request.step, *centre), (*here, *box))
        self._refresh()

    def _copy(self) -> None:
        copy_text(self.parts.table.as_text())
        self.parts.status.say("Copied: paste it into a spreadsheet")

    def _save(self) -> None:
        layer, measures = self.layer, self._measures
        if layer is None or measures is None:
            return
        by_object = self.parts.objects.isChecked()
        name = f"{layer.name} {'objects' if by_object else 'classes'}"
        path = ask_path(self, "Save the table", name, TABLE_KINDS)
        if path is None:
            return
        try:
            write_csv(path, measures, by_object=by_object)
        except (ValueError, OSError) as error:
            show_failure(error)
        else:
            say_written(path)

    def _export(self) -> None:
        row, request = self.parts.table.row, self._request
        if row is None or request is None:
            return
        name = f"{row.name} {row.number}" if row.number else row.name
        path = ask_path(self, f"Export the surface of {name}", name, SURFACE_KINDS)
        if path is None or self.runner.busy:
            return
        task = Task(partial(save_surface, request, row, path, self.parts.smooth.value()))
        task.returned.connect(say_written)
        self.runner.start(task, "Export a surface")
        self._refresh()

    def _refresh(self) -> None:
        """Say where things are, and what can be done now."""
        parts, measures, runs = self.parts, self._measures, self.runner.busy
        by_object = parts.objects.isChecked()
        why = "" if self.layer is not None else "No labels yet: segment an image or paint some"
        empty = why or ("" if parts.table.rows.rowCount() else "Nothing is measured yet")
        busy = "Wait until it is measured" if runs else ""
        surface = why_no_surface(measures, parts.table.row, stale=self._stale)
        parts.update.setText("Cancel" if runs else "Update")
        enable(parts.update, why, "Stop" if runs else "Measure the labels as they are now")
        enable(parts.copy, empty, "Copy the table as one sees it, for a spreadsheet")
        enable(parts.save, empty, "Save the table for spreadsheets, as comma-separated values")
        enable(parts.export, why or busy or surface, SURFACE_TIP)
        parts.smooth.setEnabled(parts.export.isEnabled())
        if not runs:
            parts.status.say(why or found_words(measures, stale=self._stale, by_object=by_object))
        elif measures is None:
            parts.status.say("Measuring …")
