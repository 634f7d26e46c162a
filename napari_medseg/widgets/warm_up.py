"""Bring torch into memory after the first paint, without stalling the window.

Importing torch on the GUI thread stops the window for more than a second, in a thread for a
quarter of one: the interpreter lock is held while its libraries are loaded, and a full garbage
collection walks all of its new objects. So the libraries are loaded first by a C call that
releases the lock, and what is in memory is taken out of the collector's sight.
"""

from __future__ import annotations

import ctypes
import gc
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_medseg.progress import Report, silent
from napari_medseg.widgets.background import Task
from napari_medseg.widgets.sessions import connect_while_alive
from napari_medseg.widgets.settings import load_settings, watch_settings

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

_LIBRARIES = ("libgomp*.so*", "libc10.so", "libtorch_cpu.so", "libtorch.so", "libtorch_python.so")
_devices: list[str] = []


class _Torch:
    """Emits ``ready()`` in the GUI thread when torch is in memory and its devices are known."""

    ready = Signal()


_torch = _Torch()


def start_warm_up() -> None:
    """Begin `warm_up` in the background; what it has done already it does not do twice."""
    task = Task(_work)
    task.returned.connect(_tell)
    task.start()


def when_warm(widget: QWidget, method: Callable[..., Any]) -> None:
    """Call `method` once `known_devices` says what there is, as long as `widget` lives."""
    connect_while_alive(widget, _torch.ready, method)


def _work(report: Report = silent) -> None:
    load_settings()
    warm_up(report)


def _tell(_nothing: object) -> None:
    watch_settings()
    _torch.ready.emit()


def warm_up(report: Report = silent) -> list[str]:
    """Import torch and return the devices it finds; quick when it is in memory already."""
    if "torch" not in sys.modules:
        _preload()
    from napari_medseg.engine.device import available_devices

    gc.freeze()
    _devices[:] = available_devices()
    return list(_devices)


def known_devices() -> list[str]:
    """Return the devices of this machine, fastest first; empty until torch is in memory."""
    return list(_devices)


def thaw() -> None:
    """Let the collector see everything again, so that a closed viewer's memory is given back."""
    gc.unfreeze()


def _preload() -> None:
    """Load torch's libraries without holding the interpreter lock; a failure costs only time."""
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None or not sys.platform.startswith("linux"):
        return
    folder = Path(spec.origin).parent / "lib"
    try:
        dlopen = ctypes.CDLL(None).dlopen
    except (OSError, AttributeError):
        return
    dlopen.argtypes, dlopen.restype = (ctypes.c_char_p, ctypes.c_int), ctypes.c_void_p
    for pattern in _LIBRARIES:
        for library in sorted(folder.glob(pattern)):
            dlopen(str(library).encode(), 1)  # RTLD_LAZY
