"""What the kill test kills: processes that paint at random, and note each action they have done.

``python painting_process.py SEED FOLDER...``: one process after the other, each a fork of this one,
paints with its own FOLDER, where "process" holds its number and "done" how many actions it did.
"""

from __future__ import annotations

import mmap
import os
import struct
import sys
from pathlib import Path

import numpy as np

from napari_medseg.widgets.layers import apply_edit

SHAPE = (12, 64, 64)
ACTIONS = 4000


def actions(seed):
    """Yield actions for ever: functions of a layer; the same ones for the same seed."""
    rng = np.random.default_rng(seed)

    def stroke(layer, points, value):
        with layer.block_history():
            for point in points:
                layer.paint(point, value, refresh=False)

    while True:
        kind = rng.integers(10)
        points = [tuple(int(rng.integers(0, n)) for n in SHAPE) for _ in range(rng.integers(1, 6))]
        value = int(rng.integers(0, 5))
        if kind < 6:
            yield lambda layer, p=points, v=value: stroke(layer, p, v)
        elif kind == 6:
            yield lambda layer, p=points[0], v=value: layer.fill(p, v)
        elif kind == 7:
            yield lambda layer, v=value: apply_edit(
                layer, np.where(layer.data == v, (v + 1) % 5, layer.data), "Relabel"
            )
        elif kind == 8:
            yield lambda layer: layer.undo()
        else:
            yield lambda layer: layer.redo()


def prepared(layer):
    """Set the brush as the process and the test both have it."""
    layer.brush_size = 7
    layer.n_edit_dimensions = 2
    return layer


def paint(folder, seed):
    """Paint until somebody kills this process."""
    os.environ["NAPARI_MEDSEG_JOURNALS"] = str(folder / "journals")
    app = QApplication([])
    viewer = ViewerModel()
    follow(viewer)
    layer = prepared(viewer.add_labels(np.zeros(SHAPE, np.uint8)))
    (folder / "process").write_text(str(os.getpid()))
    with open(folder / "done", "r+b") as file:
        done = mmap.mmap(file.fileno(), 8)
        for number, act in zip(range(1, ACTIONS + 1), actions(seed), strict=False):
            act(layer)
            done[:8] = struct.pack("<q", number)
            if number % 50 == 0:
                app.processEvents()


if __name__ == "__main__":
    from napari.components import ViewerModel
    from qtpy.QtWidgets import QApplication

    from napari_medseg.widgets.keeping.following import follow

    for name in sys.argv[2:]:
        child = os.fork()
        if child == 0:
            paint(Path(name), int(sys.argv[1]))
            os._exit(1)  # nobody killed it
        os.waitpid(child, 0)
