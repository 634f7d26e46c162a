"""``napari-medseg`` alone and ``demo``: open the viewer, by way of the plugin's manifest."""

from __future__ import annotations

import argparse
import os
import sys
from types import ModuleType
from typing import cast

from napari_medseg.commands.terminal import say


def open_viewer(args: argparse.Namespace) -> int:
    """Open napari with the workbench docked, and return when it is closed."""
    _check_screen()
    napari = _import_napari()
    viewer = napari.Viewer(title="napari-medseg")
    viewer.window.add_plugin_dock_widget("napari-medseg", "Workbench")
    napari.run()
    return 0


def run_demo(args: argparse.Namespace) -> int:
    """Segment a sample in the viewer; with an output folder, save a screenshot and close."""
    _check_screen()
    _import_napari()
    from napari_medseg import demo

    made = demo.main(args.output, sample=args.sample, model=args.model)
    say(f"segmented the sample {made.sample!r} with {made.model} in {made.seconds:.1f} s")
    for path in (made.screenshot, made.labels):
        if path is not None:
            print(path)
    return 0


def _import_napari() -> ModuleType:
    try:
        import napari
        import qtpy.QtWidgets  # noqa: F401  # fails here, not in the middle of napari
    except ImportError as error:
        if type(error).__name__ != "QtBindingsNotFoundError" and "napari" in str(error.name or ""):
            raise
        raise OSError(
            "the viewer needs a Qt binding and none is installed; "
            "run: pip install 'napari-medseg[pyqt5]'"
        ) from error
    return cast("ModuleType", napari)


def _check_screen() -> None:
    """Say that there is no screen before Qt ends the process over it."""
    if not sys.platform.startswith("linux"):
        return
    if not any(os.environ.get(v) for v in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")):
        raise OSError(
            "the viewer needs a screen and there is none here (DISPLAY is not set); use the "
            "commands segment, train and evaluate, or put 'xvfb-run -a' before the command"
        )
