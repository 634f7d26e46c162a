"""What a person feels: how fast the workbench opens, and whether the window lives while it works.

Every part runs in fresh processes of its own, under a real window (Xvfb where there is no screen):

* opening: `add_plugin_dock_widget` until the dock is painted; goal 0.3 s without torch in memory;
* heartbeat: a timer of 20 ms beside a canvas that zooms ten times a second. Its largest gap while
  nothing runs, while torch is warmed up (goal 60 ms), between the first and the last window of a
  run (goal 150 ms, or twice the idle gap of the same process), and while layers are inserted; that
  of learning is in `benchmarks.viewer_learning`;
* throughput: the same run in the viewer and without one, in interleaved rounds; goal 0.8 x. With
  a canvas that stands still, and with the zooming one: where there is no GPU, drawing that takes
  most of a core away from the run, which the share of a core used while idle shows.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
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

SHAPES = {"2d": ((768, 768), (256, 256)), "3d": ((96, 128, 128), (64, 64, 64))}
_LONGEST = 1200.0  # seconds; a run that takes longer is reported as failed
_SETTLE = 1.5  # seconds
_HERE = "benchmarks.viewer"


def opening() -> dict[str, Any]:
    """Return the seconds until the workbench is painted, and whether torch came with it."""
    from qtpy.QtWidgets import QApplication

    viewer = open_viewer()
    start = time.perf_counter()
    viewer.window.add_plugin_dock_widget("napari-medseg", "Workbench")
    built = time.perf_counter()
    QApplication.processEvents()
    painted = time.perf_counter()
    result = {"built": built - start, "painted": painted - start, "torch": "torch" in sys.modules}
    viewer.close()
    return result


def in_viewer(kind: str, folder: Path) -> dict[str, Any]:
    """Segment in the viewer with a zooming canvas; return gaps in ms and the run's seconds."""
    from napari_medseg.widgets.warm_up import known_devices

    viewer = open_viewer()
    shape = SHAPES[kind][0]
    viewer.add_image(make_image(shape), name="image", scale=(1.0,) * len(shape))
    wait(_SETTLE)
    heart = Heartbeat()
    with zooming(viewer):
        start, used = time.perf_counter(), time.process_time()
        wait(4)  # idle, before anything of ours is there
        idle = heart.largest_gap(heart.beats[0], heart.beats[-1])
        drawing = (time.process_time() - used) / (time.perf_counter() - start)
        _, workbench = viewer.window.add_plugin_dock_widget("napari-medseg", "Workbench")
        wait(0.5)
        warming = time.perf_counter()
        until(known_devices, _LONGEST)
        wait(0.5)
        warm = time.perf_counter()
        workbench.choose_model(folder / f"random-{kind}.safetensors")
        wait(1)
        runs = [_run(workbench, heart) for _ in range(2)]  # the first one loads the model
    still = _run(workbench, heart)
    layers = [layer.name for layer in viewer.layers]
    assert len(layers) == 2, layers
    viewer.close()
    return {
        "idle": idle,
        "share drawing": drawing,
        "seconds, still": still["seconds"],
        "windows, still": still["windows"],
        "warm-up": heart.largest_gap(warming, warm),
        **{f"{what}, run {n + 1}": run[what] for n, run in enumerate(runs) for what in run},
    }


def _run(workbench: Any, heart: Heartbeat) -> dict[str, float]:
    windows: list[float] = []
    outcomes: list[str] = []

    def note(step: Any) -> None:
        if step.unit in ("window", "slice"):
            windows.append(time.perf_counter())

    workbench.runner.progressed.connect(note)
    workbench.runner.ended.connect(outcomes.append)
    start = time.perf_counter()
    workbench.segment.segment.click()
    until(lambda: outcomes, _LONGEST)
    end = time.perf_counter()
    workbench.runner.progressed.disconnect(note)
    workbench.runner.ended.disconnect(outcomes.append)
    if outcomes != ["done"] or len(windows) < 5:
        raise RuntimeError(f"the run ended as {outcomes} after {len(windows)} windows")
    wait(1)
    return {
        "seconds": end - start,
        "before the windows": heart.largest_gap(start, windows[0]),
        "windows": heart.largest_gap(windows[0], windows[-1]),
        "layers": heart.largest_gap(windows[-1], end + 0.9),
    }


def without_viewer(kind: str, folder: Path) -> dict[str, Any]:
    """Return the seconds of the same run in this process, without a viewer; the second of two."""
    from napari_medseg.engine.inference_config import InferenceConfig
    from napari_medseg.engine.segmenter import Segmenter
    from napari_medseg.volume import Volume

    segmenter = Segmenter.load(folder / f"random-{kind}.safetensors", device="auto")
    image = make_image(SHAPES[kind][0])
    volume = Volume(image[np.newaxis], (1.0,) * image.ndim)
    seconds = []
    for _ in range(2):
        start = time.perf_counter()
        segmenter.segment(volume, InferenceConfig())
        seconds.append(time.perf_counter() - start)
    return {"seconds": seconds[-1]}


def report_opening(rounds: int = 5) -> None:
    """Print how long the workbench takes to open, its modules compiled as after a first start."""
    opened = [child(_HERE, "opening", seconds=_LONGEST) for _ in range(rounds + 1)][1:]
    painted = [o["painted"] for o in opened]
    print(
        f"workbench opens in {statistics.median(painted):.3f} s "
        f"({min(painted):.3f}-{max(painted):.3f}, {rounds} fresh processes; goal 0.3); "
        f"torch in memory: {'yes' if any(o['torch'] for o in opened) else 'no'}"
    )


def report_heartbeat(kind: str, folder: Path, rounds: int = 3) -> None:
    """Print the gaps of the heartbeat and the throughput beside a run without a viewer."""
    beside, bare = [], []
    for _ in range(rounds):
        beside.append(child(_HERE, "in-viewer", kind, str(folder), seconds=_LONGEST))
        bare.append(child(_HERE, "without-viewer", kind, str(folder), seconds=_LONGEST))
    size = "x".join(map(str, SHAPES[kind][0]))
    print(f"{kind}, {size}: largest gap of a {BEAT} ms timer in ms, median of {rounds} (min-max)")
    for what in (key for key in beside[0] if not key.startswith(("seconds", "share"))):
        _print_gaps(what, [b[what] for b in beside], [b["idle"] for b in beside])
    drawing = statistics.median(b["share drawing"] for b in beside)
    print(f"  zooming alone takes {drawing:.2f} of a core")
    for what, key in (("still", "seconds, still"), ("zooming", "seconds, run 2")):
        pairs = [(a["seconds"], b[key]) for a, b in zip(bare, beside, strict=True)]
        print(
            f"  seconds without a viewer {statistics.median(a for a, _ in pairs):.1f}, in a "
            f"{what} one {statistics.median(b for _, b in pairs):.1f}: throughput "
            f"{statistics.median(a / b for a, b in pairs):.2f} x (goal 0.8)"
        )


def _print_gaps(what: str, gaps: Sequence[float], idle: Sequence[float]) -> None:
    """Print the median of gaps in ms, their spread, and how many idle gaps they are."""
    over = statistics.median(gap / own for gap, own in zip(gaps, idle, strict=True))
    spread = f"({min(gaps):.0f}-{max(gaps):.0f})"
    print(f"  {what:<28}{statistics.median(gaps):6.0f}  {spread:<12}{over:6.2f} x idle")


def main() -> None:
    """Print everything."""
    os.environ.setdefault("NAPARI_ASYNC", "0")
    report_opening()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind in SHAPES:
            make_model(folder, kind, SHAPES[kind][1])
            report_heartbeat(kind, folder)


if __name__ == "__main__":
    part, *rest = sys.argv[1:]
    if part == "opening":
        print(json.dumps(opening()))
    elif part == "in-viewer":
        print(json.dumps(in_viewer(rest[0], Path(rest[1]))))
    else:
        print(json.dumps(without_viewer(rest[0], Path(rest[1]))))
