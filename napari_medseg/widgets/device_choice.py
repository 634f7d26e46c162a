"""Where the model runs: the devices of this machine and how much memory they have left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QFormLayout, QVBoxLayout, QWidget

from napari_medseg.host_memory import host_memory
from napari_medseg.progress import Report
from napari_medseg.session import Session
from napari_medseg.widgets.background import Runner, Task
from napari_medseg.widgets.context_strip import device_words
from napari_medseg.widgets.pieces import ElidedLabel, narrow_combo
from napari_medseg.widgets.sessions import connect_while_alive
from napari_medseg.widgets.warm_up import known_devices, when_warm

if TYPE_CHECKING:
    from napari_medseg.engine.device import DeviceMemory

_GB = 1 << 30
_LITTLE = 2 * _GB  # free bytes below which a run may have to make do


class DeviceChoice(QWidget):
    """Lets a person choose a device; the choice is the session's."""

    def __init__(self, session: Session, runner: Runner) -> None:
        super().__init__()
        self._session = session
        self._found: dict[str, DeviceMemory] = {}
        self._task: Task | None = None
        self.combo = narrow_combo(
            "Where the model runs. Automatic takes the fastest device: a GPU if there is one"
        )
        self.memory = ElidedLabel()
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Runs on", self.combo)
        form.addRow("", self.memory)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(form)
        self.combo.activated.connect(self._choose)
        runner.ended.connect(self._after_run)
        when_warm(self, self.refresh)
        connect_while_alive(self, session.events.device, self.refresh)
        self.refresh()

    def refresh(self, *_: object) -> None:
        """List the devices; which GPUs there are is known once torch is in memory."""
        names = ["auto", *(known_devices() or ["cpu"])]
        if self._session.device not in names:
            names.append(self._session.device)
        self.combo.blockSignals(True)
        self.combo.clear()
        for name in names:
            found = self._found.get(name)
            title = f" ({found.title})" if found is not None and found.title else ""
            self.combo.addItem(device_words(name) + title, name)
        self.combo.setCurrentIndex(names.index(self._session.device))
        self.combo.blockSignals(False)
        self._say_memory()
        if known_devices() and self.isVisible() and self._task is None:
            self._ask()

    def showEvent(self, event: QShowEvent | None) -> None:
        super().showEvent(event)
        self.refresh()

    def _choose(self) -> None:
        self._session.device = self.combo.currentData()

    def _after_run(self, _outcome: str) -> None:
        if self.isVisible():
            self.refresh()

    def _ask(self) -> None:
        """Ask the devices for their memory in a thread: a GPU's driver may have to wake up."""
        self._task = task = Task(_describe)
        task.returned.connect(self._got)
        task.finished.connect(self._done)
        task.start()

    def _got(self, found: list[DeviceMemory]) -> None:
        titled = {one.device for one in self._found.values()}
        self._found = {one.device: one for one in found}
        if set(self._found) != titled:
            self.refresh()
        self._say_memory()

    def _done(self) -> None:
        self._task = None

    def _say_memory(self) -> None:
        device = self._session.device
        if device == "auto":
            device = (known_devices() or ["cpu"])[0]
        known = self._found.get(device)
        free, total = (known.free, known.total) if known is not None else (None, None)
        if device == "cpu":
            free, total = host_memory()
        self.memory.say(*memory_words(device, free, total))


def memory_words(device: str, free: int | None, total: int | None) -> tuple[str, str]:
    """Return a line and a tooltip about the memory of a device."""
    if free is None:
        return "", "How much memory this device has is not known"
    of = f" of {total / _GB:.0f}" if total else ""
    line = f"{free / _GB:.1f}{of} GB of memory free"
    if free >= _LITTLE:
        return line, f"{device_words(device)}: {line}"
    tip = (
        f"{device_words(device)} has little memory left: a run takes smaller windows or moves to "
        "the CPU, and is slower. Close other programs to help"
    )
    return f"only {line}: a run may be slow", tip


def _describe(report: Report) -> list[DeviceMemory]:
    from napari_medseg.engine.device import describe_devices

    return describe_devices(report)
