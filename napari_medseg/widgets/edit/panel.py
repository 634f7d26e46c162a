"""The Edit panel: the classes, the tools that correct them, one button, one undo step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtGui import QHideEvent, QShowEvent
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_medseg.editing.tools import TOOLS
from napari_medseg.widgets.boxes import add_box_layer
from napari_medseg.widgets.classes.class_list import classes_of
from napari_medseg.widgets.classes.table import ClassTable
from napari_medseg.widgets.edit.changes import Changes
from napari_medseg.widgets.edit.edit_keys import bind_keys
from napari_medseg.widgets.edit.new_labels import add_labels
from napari_medseg.widgets.edit.obstacle import FIX_TIPS, Fix, Obstacle
from napari_medseg.widgets.edit.parts import companions
from napari_medseg.widgets.edit.range_row import RangeRow
from napari_medseg.widgets.edit.scrolled import Scrolled
from napari_medseg.widgets.edit.sight import images_under, labels_beside
from napari_medseg.widgets.edit.tool_grid import ToolGrid
from napari_medseg.widgets.edit.tool_pane import ToolPane
from napari_medseg.widgets.edit.tool_work import ToolWork
from napari_medseg.widgets.edit.where_row import WhereRow
from napari_medseg.widgets.image_kind import chosen_image
from napari_medseg.widgets.pieces import main_button, wrapped_label
from napari_medseg.widgets.sessions import unwrapped
from napari_medseg.widgets.settings import follow_preferences

if TYPE_CHECKING:
    from napari.viewer import Viewer


class EditPanel(QWidget):
    """Corrects the active labels with the tools of `editing`.

    Emits ``edit_wanted()`` when a key of a tool is pressed while the panel is not seen.
    """

    edit_wanted = Signal()

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = unwrapped(viewer)
        self._obstacle: Obstacle | None = None
        self._told = ""
        self.classes = ClassTable(self._viewer)
        self.where = WhereRow(self._viewer)
        self.tools = ToolGrid(TOOLS)
        self.pane = ToolPane()
        self.apply = main_button("Apply")
        self.hint = wrapped_label()
        self.fix = QPushButton()
        self.brush = RangeRow()
        self.work = ToolWork(self._viewer, self, self.classes, self.where, self.pane)
        self.changes = Changes(self._viewer, self)
        self._lay_out()
        self._connect()
        self._show_layer()

    def refresh(self) -> None:
        """Say what can be done now, what is missing if nothing can, and show the preview."""
        layer, tool = self.classes.layer, self.work.tool
        images = [] if layer is None else images_under(self._viewer, layer)
        others = [] if layer is None else labels_beside(self._viewer, layer)
        names = {} if layer is None else {c.value: c.name for c in classes_of(layer)}
        self.pane.show_layers(images, others, names)
        self.pane.show_clicks(len(self.work.clicks.points))
        self.brush.show_for(layer, images[0] if images else None)
        self.tools.show_reasons(self.work.reasons())
        self.tools.show_chosen("" if tool is None else tool.name)
        self.where.show_for(layer, tool)
        self._show_button()
        self.work.look()

    def showEvent(self, event: QShowEvent | None) -> None:
        super().showEvent(event)
        self.refresh()

    def hideEvent(self, event: QHideEvent | None) -> None:
        super().hideEvent(event)
        if event is not None and not event.spontaneous():  # a minimised window stays as it is
            self.work.end()

    def _lay_out(self) -> None:
        parts = (self.classes, self.where, self.tools, self.brush)
        above = Scrolled([*parts, *companions(self._viewer)])
        run = QHBoxLayout()
        run.addWidget(self.apply, 1)
        run.addWidget(self.pane.preview)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 4)
        layout.addWidget(above, 1)
        layout.addWidget(self.pane)
        layout.addWidget(self.hint)
        layout.addWidget(self.fix)
        layout.addLayout(run)

    def _connect(self) -> None:
        self.classes.layer_changed.connect(self._show_layer)
        self.classes.selected_changed.connect(self._forget)
        self.tools.chosen.connect(self._choose)
        self.pane.changed.connect(self._forget)
        self.pane.cleared.connect(self.work.clicks.clear)
        self.where.changed.connect(self._forget)
        self.apply.clicked.connect(self.work.apply)
        self.fix.clicked.connect(self._mend)
        self.work.changed.connect(self.refresh)
        self.work.told.connect(self._say)
        self.changes.happened.connect(self.refresh)
        follow_preferences(self, self._on_setting)
        bind_keys(
            self._viewer,
            self,
            tool=self._press,
            apply=self.work.apply,
            choose_class=self._choose_class,
        )

    def _show_button(self) -> None:
        tool = self.work.tool
        self._obstacle = found = self.work.obstacle()
        busy = self.work.run.busy
        self.apply.setText("Apply" if tool is None else f"Apply: {tool.title}")
        self.apply.setEnabled(found is None and not busy)
        tip = "The tool is at work" if busy else tool.tip if tool is not None else ""
        self.apply.setToolTip(tip if found is None else found.reason)
        reason = "" if found is None or found.plain else found.reason
        self.hint.setText(self._told or reason)
        self.hint.setVisible(bool(self.hint.text()))
        fix = Fix.NONE if found is None else found.fix
        self.fix.setText(fix.value)
        self.fix.setToolTip(FIX_TIPS[fix])
        self.fix.setVisible(fix is not Fix.NONE)

    def _show_layer(self, *_: object) -> None:
        self.changes.follow(self.classes.layer)
        self.work.end()
        self._forget()

    def _choose(self, name: str) -> None:
        self._told = ""
        self.work.choose(name)

    def _press(self, name: str) -> None:
        if not self.isVisible():
            self.edit_wanted.emit()
        self._told = ""
        self.work.press(name)

    def _choose_class(self, place: int) -> None:
        layer = self.classes.layer
        classes = [] if layer is None else classes_of(layer)
        if layer is not None and place <= len(classes):
            layer.selected_label = classes[place - 1].value

    def _forget(self, *_: object) -> None:
        """Take back what was said: something else is asked for now."""
        self._told = ""
        self.refresh()

    def _say(self, text: str) -> None:
        self._told = text
        self._show_button()

    def _on_setting(self, name: str) -> None:
        if name.startswith("keys."):
            self.tools.print_keys()

    def _mend(self) -> None:
        layer, image = self.classes.layer, chosen_image(self._viewer)
        if self._obstacle is None:
            return
        if self._obstacle.fix is Fix.LABELS and image is not None:
            add_labels(self._viewer, image)
        elif self._obstacle.fix is Fix.DRAW and layer is not None:
            add_box_layer(self._viewer, layer)
