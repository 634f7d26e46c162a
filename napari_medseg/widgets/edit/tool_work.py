"""The tool in hand: chosen, clicked with, previewed and applied."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Labels
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QWidget

from napari_medseg.config import Config
from napari_medseg.editing.tool import Tool
from napari_medseg.editing.tools import TOOLS
from napari_medseg.widgets.classes.class_list import classes_of
from napari_medseg.widgets.classes.stored import locked_of
from napari_medseg.widgets.classes.table import ClassTable
from napari_medseg.widgets.edit.clicks import Clicks
from napari_medseg.widgets.edit.edit_run import Edit, EditRun
from napari_medseg.widgets.edit.fields import at_least_a_voxel, proposed_range
from napari_medseg.widgets.edit.job import Job
from napari_medseg.widgets.edit.obstacle import (
    Obstacle,
    Shown,
    no_class,
    no_labels,
    no_part,
    why_not_tool,
)
from napari_medseg.widgets.edit.preview import Preview
from napari_medseg.widgets.edit.sight import job_of
from napari_medseg.widgets.edit.tool_pane import ToolPane
from napari_medseg.widgets.edit.where_row import WhereRow
from napari_medseg.widgets.notices import sentence
from napari_medseg.widgets.volumes import place_of

if TYPE_CHECKING:
    from napari.viewer import Viewer


class ToolWork(QWidget):
    """Takes a tool in hand and applies it to the active labels. It is never shown.

    Emits ``changed()`` when another tool is in hand or an edit begins or ends, and ``told(text)``
    with what a person should know.
    """

    changed = Signal()
    told = Signal(str)

    def __init__(
        self, viewer: Viewer, panel: QWidget, table: ClassTable, where: WhereRow, pane: ToolPane
    ) -> None:
        super().__init__(panel)
        self.hide()
        self._viewer = viewer
        self._table, self._where, self._pane = table, where, pane
        self._proposed: set[tuple[object, ...]] = set()
        self._again: list[str] = []  # tools asked for while an edit is on its way
        self.tool: Tool | None = None
        self.clicks = Clicks(viewer, panel)
        self.preview = Preview(viewer, self)
        self.run = EditRun(viewer, self)
        self.clicks.changed.connect(self.changed)
        self.clicks.left.connect(self.leave)
        self.preview.said.connect(self.told)
        self.run.ended.connect(self._end)
        pane.range_wanted.connect(self.propose_range)

    def choose(self, name: str) -> None:
        """Take a tool in hand; one without options and clicks acts at once. No name: none."""
        tool = TOOLS.get(name)
        reason = self.reasons().get(name, "")
        if tool is None or reason:
            self.leave()
            self.told.emit(reason)
            return
        self._take(tool)
        if _acts_at_once(tool):
            self.apply()

    def press(self, name: str) -> None:
        """Do what the key of a tool does: take it in hand, or apply it where it is."""
        if self.tool is not None and self.tool.name == name:
            self.apply()
        else:
            self.choose(name)

    def leave(self) -> None:
        """Have no tool in hand."""
        self._take(None)

    def end(self) -> None:
        """Have no tool in hand, and take the preview off the list of layers."""
        self.leave()
        self.preview.end()

    def apply(self) -> None:
        """Apply the tool in hand as one undo step; while another edit is on its way, after it."""
        layer, tool = self._table.layer, self.tool
        if tool is not None and self.run.busy:
            self._again.append(tool.name)
            return
        found = self.obstacle()
        if found is not None or layer is None or tool is None:
            self.told.emit(found.reason if found is not None else "")
            return
        try:
            job = self._job(layer, tool)
        except ValueError as error:
            self.told.emit(sentence(error))
            return
        self.run.start(Edit(layer, job, self._step_name(tool)), self.preview.answer_to(layer, job))
        self.changed.emit()

    def look(self) -> None:
        """Outline what the tool in hand would do now, if that can be seen."""
        layer, tool = self._table.layer, self.tool
        unseen = self._viewer.dims.ndisplay == 3 or not self._pane.preview.isChecked()
        if layer is None or tool is None or unseen or self.run.busy or self.obstacle() is not None:
            self.preview.hide()
            return
        try:
            self.preview.show(layer, self._job(layer, tool))
        except ValueError as error:
            self.preview.hide()
            self.told.emit(sentence(error))

    def propose_range(self) -> None:
        """Let the tool in hand begin with grey values that fit this class and slice."""
        layer, tool = self._table.layer, self.tool
        image = self._pane.chosen_image
        if layer is None or tool is None or image is None:
            return
        form = self._pane.form(tool)
        job = self._job(layer, tool, tool.options())
        found = proposed_range(job)
        if found is None:
            self.told.emit("This slice is all of one grey; type the range you want.")
            return
        form.config = form.config.replace(low=found[0], high=found[1])
        self._pane.changed.emit()

    def reasons(self) -> dict[str, str]:
        """Return why tools cannot be taken in hand, by their name; empty where they can."""
        layer = self._table.layer
        wrong = no_labels(self._viewer, layer)
        if wrong is not None or layer is None:
            return dict.fromkeys(TOOLS, wrong.reason if wrong is not None else "")
        shown = Shown.of(self._viewer, layer)
        return {name: why_not_tool(tool, shown) for name, tool in TOOLS.items()}

    def obstacle(self) -> Obstacle | None:
        """Return what is in the way of Apply, or None."""
        layer, tool = self._table.layer, self.tool
        wrong = no_labels(self._viewer, layer)
        if wrong is not None or layer is None:
            return wrong
        if tool is None:
            return Obstacle("Choose a tool first.", plain=True)
        reason = why_not_tool(tool, Shown.of(self._viewer, layer))
        if reason:
            return Obstacle(reason)
        if not self._every_label(tool):
            wrong = no_class(tool, self._table.selected, locked_of(layer))
            if wrong is not None:
                return wrong
        if "points" in tool.needs and not self.clicks.points:
            return Obstacle("Click on the image first; Escape leaves.", plain=True)
        return no_part(self._viewer, layer, tool, self._where.scope)

    def _every_label(self, tool: Tool) -> bool:
        return self._where.every_label and tool.all_labels and not tool.any_label

    def _job(self, layer: Labels, tool: Tool, options: Config | None = None) -> Job:
        return job_of(
            self._viewer,
            layer,
            tool,
            options or self._pane.options,
            label=self._table.selected,
            every_label=self._every_label(tool),
            where=self._where.scope,
            locked=locked_of(layer),
            image=self._pane.chosen_image,
            other=self._pane.chosen_other,
            points=self.clicks.points if "points" in tool.needs else (),
        )

    def _step_name(self, tool: Tool) -> str:
        layer, value = self._table.layer, self._table.selected
        if tool.any_label or layer is None:
            return tool.title
        names = {c.value: c.name for c in classes_of(layer)}
        return f"{tool.title}: {'all' if self._every_label(tool) else names.get(value, value)}"

    def _take(self, tool: Tool | None) -> None:
        self.tool = tool
        self.clicks.stop()
        layer = self._table.layer
        if tool is not None and layer is not None and "points" in tool.needs:
            self.clicks.start(layer)
        self._pane.show_tool(tool)
        self.changed.emit()
        if tool is not None:
            self._propose_once(tool)

    def _propose_once(self, tool: Tool) -> None:
        """Begin with options that fit, the first time a tool is in hand for a class and image."""
        layer, image = self._table.layer, self._pane.chosen_image
        about = tool.name, id(layer), id(image), self._table.selected
        if layer is None or about in self._proposed:
            return
        self._proposed.add(about)
        form = self._pane.form(tool)
        form.config = at_least_a_voxel(form.config, place_of(layer).spacing)
        if "low" in tool.options.__dataclass_fields__ and image is not None:
            self.propose_range()
        self.changed.emit()

    def _end(self, text: str, changed: int) -> None:
        if changed:
            self.clicks.clear()
        self.told.emit(text)
        self.changed.emit()
        if self._again:
            name = self._again.pop(0)
            if self.tool is not None and self.tool.name == name:
                self.apply()


def _acts_at_once(tool: Tool) -> bool:
    """Whether there is nothing to choose or click before a tool is applied."""
    return not tool.options.__dataclass_fields__ and "points" not in tool.needs
