"""Whether the window lives while a model learns in it: curves, preview and a zooming canvas.

A case is added, its plan made, a step tried, and the model fine-tuned for a few steps with the live
preview on, as a person does it. Two fresh processes, one in 2D and one in 3D, take less than a
minute together on two cores. The goal of every part is that of a run: gaps of 150 ms at most, or
twice the idle gap of the same process.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.heartbeat import (
    BEAT,
    Heartbeat,
    child,
    make_image,
    make_model,
    open_viewer,
    until,
    wait,
    zooming,
)

SHAPES = {"2d": (128, 128), "3d": (32, 32, 32)}  # of the images; a patch is all of one
STEPS = {"2d": 16, "3d": 8}
_ZOOM = 400  # ms between two moves; where there is no GPU, drawing takes the run its cores
_SETTLED = 0.5  # seconds after the first preview: napari needs a while to insert its layer
_LONGEST = 90.0  # seconds, of one process
_PATIENCE = 45.0  # seconds, for one thing to happen


def learning(kind: str, folder: Path) -> dict[str, Any]:
    """Fine-tune in the viewer; return gaps in ms, and what the GUI thread itself computed."""
    from napari_medseg.widgets.learn import questions
    from napari_medseg.widgets.warm_up import known_devices

    questions.ask_copy = lambda name: True  # nobody is there to be asked
    os.environ["NAPARI_MEDSEG_JOURNALS"] = str(folder / "journals")  # and nothing of it is kept
    viewer = open_viewer()
    values = make_image(SHAPES[kind])
    image = viewer.add_image(values, name="image", scale=(1.0,) * values.ndim)
    labels = viewer.add_labels((values > np.median(values)).astype(np.uint8), name="image labels")
    wait(1)
    heart, times = Heartbeat(), {}
    with zooming(viewer, _ZOOM):
        wait(3)
        times["idle"] = heart.beats[0], heart.beats[-1]
        _, workbench = viewer.window.add_plugin_dock_widget("napari-medseg", "Workbench")
        until(known_devices, _PATIENCE)
        workbench.choose_model(folder / f"random-{kind}.safetensors")
        workbench.go_to("learn")
        panel = workbench.panel("learn")
        page, glimpses, steps = panel.cases, [], []

        def note(_points: object) -> None:
            if panel.run.going:
                steps.append(time.perf_counter())

        def follow(feed: Any, _resumed: bool) -> None:
            feed.glimpsed.connect(glimpses.append)
            feed.points.connect(note)

        panel.run.began.connect(follow)
        page.plan.form.config = page.plan.form.config.replace(
            steps=STEPS[kind], batch_size=1, validation="none", alphas=(1.0,)
        )
        viewer.layers.selection.active = labels
        page.collect.all_right.click()
        wait(1)
        adding = time.perf_counter()
        page.collect.add.click()
        hint = page.below.hint
        until(lambda: page.below.start.isEnabled() and "Takes about" in hint.text(), _PATIENCE)
        start = time.perf_counter()
        times["case, plan, trial step"] = adding, start - BEAT / 1000
        page.below.start.click()
        panel.running.preview.setChecked(True)
        until(lambda: steps and glimpses, _PATIENCE)
        shown = time.perf_counter()
        until(lambda: not panel.run.going, _PATIENCE)
        end = time.perf_counter()
        wait(1)
        times["start, first preview"] = start, shown + _SETTLED
        times["learning"] = shown + _SETTLED, steps[-1]
        times["scored, its page"] = steps[-1], end + 0.9
    drawn = len(panel.running.losses.points("corrections")[0])
    assert panel.page is panel.gate, panel.cases.below.hint.text()
    assert drawn > STEPS[kind] // 2, drawn
    assert glimpses, "no preview came"
    assert [layer.name for layer in viewer.layers][:2] == [image.name, labels.name]
    viewer.close()
    return {
        "gaps": {what: heart.largest_gap(*span) for what, span in times.items()},
        "own": {what: heart.largest_work(*span) for what, span in times.items()},
        "seconds": end - start,
        "previews": len(glimpses),
    }


def report_learning(kind: str, folder: Path) -> None:
    """Print the gaps of the heartbeat while a model learns."""
    make_model(folder, kind, SHAPES[kind])
    measured = child("benchmarks.viewer_learning", kind, str(folder), seconds=_LONGEST)
    size = "x".join(map(str, SHAPES[kind]))
    print(
        f"{kind}, {size}: {STEPS[kind]} steps in {measured['seconds']:.0f} s, "
        f"{measured['previews']} previews; largest gap in ms (of it the window's own work)"
    )
    for what, gap in measured["gaps"].items():
        own = measured["own"][what]
        print(f"  {what:<24}{gap:6.0f}  ({own:.0f}){gap / measured['gaps']['idle']:8.2f} x idle")
    sys.stdout.flush()


def main() -> None:
    """Print both."""
    os.environ.setdefault("NAPARI_ASYNC", "0")
    with tempfile.TemporaryDirectory() as name:
        for kind in SHAPES:
            report_learning(kind, Path(name))


if __name__ == "__main__":
    print(json.dumps(learning(sys.argv[1], Path(sys.argv[2]))))
