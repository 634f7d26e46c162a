"""What a person feels: how fast the workbench opens, and whether the window lives while it works.

Every part runs in fresh processes of its own, under a real window (Xvfb where there is no screen):

* opening: `add_plugin_dock_widget` until the dock is painted; goal 0.3 s without torch in memory;
* heartbeat: a timer of 20 ms beside a canvas that zooms ten times a second. Its largest gap while
  nothing runs, while torch is warmed up (goal 60 ms), between the first and the last window of a
  run (goal 150 ms, or twice the idle gap of the same process), and while layers are inserted;
  the same between the first and the last step of a fine-tuning, with its curves and its preview;
* throughput: the same run in the viewer and without one, in interleaved rounds; goal 0.8 x. With
  a canvas that stands still, and with the zooming one: where there is no GPU, drawing that takes
  most of a core away from the run, which the share of a core used while idle shows.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

BEAT = 20  # ms
ZOOM = 100  # ms between two moves of the canvas
SHAPES = {"2d": ((768, 768), (256, 256)), "3d": ((96, 128, 128), (64, 64, 64))}
LONGEST = 1200.0  # seconds; a run that takes longer is reported as failed
SETTLE = 1.5  # seconds a fresh window gets to finish its own start


class Heartbeat:
    """Counts the beats of a timer in the GUI thread; the gaps between them are what people feel."""

    def __init__(self) -> None:
        from qtpy.QtCore import Qt, QTimer

        self.beats: list[float] = []
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(lambda: self.beats.append(time.perf_counter()))
        self._timer.start(BEAT)

    def largest_gap(self, start: float, end: float) -> float:
        """Return the longest time without a beat that touches ``[start, end]``, in ms."""
        return largest_gap(self.beats, start, end)


def largest_gap(beats: Sequence[float], start: float, end: float) -> float:
    """Return the longest time between two beats that touches ``[start, end]``, in ms.

    Parameters
    ----------
    beats : sequence of float
        Times of the beats in seconds, ascending.
    """
    inside = [b for b in beats if start <= b <= end]
    before = [b for b in beats if b < start]
    after = [b for b in beats if b > end]
    times = np.asarray(before[-1:] + inside + after[:1])
    return float(np.diff(times).max(initial=0.0)) * 1000


@contextmanager
def _zooming(viewer: Any) -> Iterator[None]:
    """Zoom the canvas in and out, ten times a second."""
    from qtpy.QtCore import QTimer

    camera = viewer.scene.camera
    middle, moves = camera.zoom, [0]

    def move() -> None:
        moves[0] += 1
        camera.zoom = middle * (1 + 0.2 * np.sin(moves[0] / 3))

    timer = QTimer()
    timer.timeout.connect(move)
    timer.start(ZOOM)
    try:
        yield
    finally:
        timer.stop()


def make_model(folder: Path, kind: str) -> Path:
    """Save a 2D or 3D LGMSNet with random weights and small windows; the speed is that of any."""
    import torch

    from napari_medseg.engine.card import LabelClass, ModelCard, Preprocessing
    from napari_medseg.engine.checkpoint import save_checkpoint
    from napari_medseg.networks import create_network

    torch.manual_seed(0)
    window = SHAPES[kind][1]
    network = create_network(
        "lgmsnet",
        spatial_dims=len(window),
        in_channels=1,
        num_classes=3,
    )
    card = ModelCard(
        name=f"random-{kind}",
        architecture="lgmsnet",
        config=network.config.to_dict(),
        classes=tuple(LabelClass(value=v, name=f"class {v}") for v in (1, 2)),
        preprocessing=Preprocessing(window=window),
    )
    path = folder / f"random-{kind}.safetensors"
    save_checkpoint(path, network, card)
    return path


def make_image(kind: str) -> np.ndarray:
    """Return a smooth random image, int16."""
    shape = SHAPES[kind][0]
    coarse = np.random.default_rng(0).normal(100, 60, [s // 16 for s in shape])
    return np.kron(coarse, np.ones((16,) * len(shape))).astype(np.int16)


def _until(done: Callable[[], object], seconds: float = LONGEST) -> None:
    """Let the window live until `done()`.

    Raises
    ------
    TimeoutError
        If that takes longer than `seconds`.
    """
    from qtpy.QtCore import QEventLoop, QTimer

    loop, timer, end = QEventLoop(), QTimer(), time.perf_counter() + seconds
    timer.timeout.connect(lambda: loop.quit() if done() or time.perf_counter() > end else None)
    timer.start(BEAT)
    loop.exec_() if hasattr(loop, "exec_") else loop.exec()
    timer.stop()
    if not done():
        raise TimeoutError(f"nothing happened for {seconds:.0f} s")


def _wait(seconds: float) -> None:
    end = time.perf_counter() + seconds
    _until(lambda: time.perf_counter() >= end, seconds + 1)


def _open_viewer() -> Any:
    import napari

    viewer = napari.Viewer(show=True)
    viewer.window.resize(1366, 768)
    _wait(SETTLE)
    return viewer


def opening() -> dict[str, Any]:
    """Return the seconds until the workbench is painted, and whether torch came with it."""
    from qtpy.QtWidgets import QApplication

    viewer = _open_viewer()
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

    viewer = _open_viewer()
    viewer.add_image(make_image(kind), name="image", scale=(1.0,) * len(SHAPES[kind][0]))
    _wait(SETTLE)
    heart = Heartbeat()
    with _zooming(viewer):
        start, used = time.perf_counter(), time.process_time()
        _wait(4)  # idle, before anything of ours is there
        idle = heart.largest_gap(heart.beats[0], heart.beats[-1])
        drawing = (time.process_time() - used) / (time.perf_counter() - start)
        _, workbench = viewer.window.add_plugin_dock_widget("napari-medseg", "Workbench")
        _wait(0.5)
        warming = time.perf_counter()
        _until(known_devices)
        _wait(0.5)
        warm = time.perf_counter()
        workbench.choose_model(folder / f"random-{kind}.safetensors")
        _wait(1)
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
    _until(lambda: outcomes)
    end = time.perf_counter()
    workbench.runner.progressed.disconnect(note)
    workbench.runner.ended.disconnect(outcomes.append)
    if outcomes != ["done"] or len(windows) < 5:
        raise RuntimeError(f"the run ended as {outcomes} after {len(windows)} windows")
    _wait(1)
    return {
        "seconds": end - start,
        "before the windows": heart.largest_gap(start, windows[0]),
        "windows": heart.largest_gap(windows[0], windows[-1]),
        "layers": heart.largest_gap(windows[-1], end + 0.9),
    }


def learning(kind: str, folder: Path, steps: int = 20) -> dict[str, Any]:
    """Fine-tune in the viewer with a zooming canvas, curves and preview; return gaps in ms."""
    from napari_medseg.widgets.learn import questions
    from napari_medseg.widgets.warm_up import known_devices

    questions.ask_copy = lambda name: True  # nobody is there to be asked
    os.environ["NAPARI_MEDSEG_JOURNALS"] = str(folder / "journals")  # and nothing of it is kept
    viewer = _open_viewer()
    values = make_image(kind)
    image = viewer.add_image(values, name="image", scale=(1.0,) * values.ndim)
    labels = viewer.add_labels((values > np.median(values)).astype(np.uint8), name="image labels")
    _wait(SETTLE)
    heart = Heartbeat()
    with _zooming(viewer):
        _wait(4)
        idle = heart.largest_gap(heart.beats[0], heart.beats[-1])
        _, workbench = viewer.window.add_plugin_dock_widget("napari-medseg", "Workbench")
        _until(known_devices)
        workbench.choose_model(folder / f"random-{kind}.safetensors")
        workbench.go_to("learn")
        panel = workbench.panel("learn")
        page = panel.cases
        page.plan.form.config = page.plan.form.config.replace(
            steps=steps, batch_size=1, validation="none", alphas=(1.0,)
        )
        viewer.layers.selection.active = labels
        page.collect.all_right.click()
        _wait(1)
        adding = time.perf_counter()
        page.collect.add.click()
        _until(lambda: page.below.start.isEnabled())
        start = time.perf_counter()
        page.below.start.click()
        panel.running.preview.setChecked(True)
        _until(lambda: panel.running.losses.names)
        learning = time.perf_counter()
        _until(lambda: not panel.run.going)
        end = time.perf_counter()
        _wait(1)
    drawn = len(panel.running.losses.points("corrections")[0])
    assert panel.page is panel.gate, panel.cases.below.hint.text()
    assert drawn > steps // 2, drawn
    assert [layer.name for layer in viewer.layers][:2] == [image.name, labels.name]
    viewer.close()
    return {
        "idle": idle,
        "case and plan": heart.largest_gap(adding, start - BEAT / 1000),
        "start": heart.largest_gap(start, learning),
        "learning": heart.largest_gap(learning, end),
        "its page": heart.largest_gap(end, end + 0.9),
        "seconds": end - start,
    }


def without_viewer(kind: str, folder: Path) -> dict[str, Any]:
    """Return the seconds of the same run in this process, without a viewer; the second of two."""
    from napari_medseg.engine.inference_config import InferenceConfig
    from napari_medseg.engine.segmenter import Segmenter
    from napari_medseg.volume import Volume

    segmenter = Segmenter.load(folder / f"random-{kind}.safetensors", device="auto")
    image = make_image(kind)
    volume = Volume(image[np.newaxis], (1.0,) * image.ndim)
    seconds = []
    for _ in range(2):
        start = time.perf_counter()
        segmenter.segment(volume, InferenceConfig())
        seconds.append(time.perf_counter() - start)
    return {"seconds": seconds[-1]}


def _child(*words: str) -> dict[str, Any]:
    """Run one part in a process of its own and return what it measured."""
    command = [sys.executable, "-m", "benchmarks.viewer", *words]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=LONGEST, env=environment
    )
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        raise RuntimeError(f"{' '.join(words)} failed:\n{done.stderr[-2000:]}")
    measured: dict[str, Any] = json.loads(lines[-1])
    return measured


def report_opening(rounds: int = 5) -> None:
    """Print how long the workbench takes to open, its modules compiled as after a first start."""
    opened = [_child("opening") for _ in range(rounds + 1)][1:]
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
        beside.append(_child("in-viewer", kind, str(folder)))
        bare.append(_child("without-viewer", kind, str(folder)))
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
    over = statistics.median(gap / own for gap, own in zip(gaps, idle, strict=True))
    spread = f"({min(gaps):.0f}-{max(gaps):.0f})"
    print(f"  {what:<28}{statistics.median(gaps):6.0f}  {spread:<12}{over:6.2f} x idle")


def report_learning(kind: str, folder: Path, rounds: int = 3) -> None:
    """Print the gaps of the heartbeat while a model learns."""
    measured = [_child("learning", kind, str(folder)) for _ in range(rounds)]
    seconds = statistics.median(m.pop("seconds") for m in measured)
    print(
        f"{kind}, fine-tuning in {seconds:.0f} s: largest gap in ms, median of {rounds} (min-max)"
    )
    for what in measured[0]:
        _print_gaps(what, [m[what] for m in measured], [m["idle"] for m in measured])


def main() -> None:
    """Print everything."""
    os.environ.setdefault("NAPARI_ASYNC", "0")
    report_opening()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind in SHAPES:
            make_model(folder, kind)
            report_heartbeat(kind, folder)
            report_learning(kind, folder)


if __name__ == "__main__":
    part, *rest = sys.argv[1:]
    if part == "opening":
        print(json.dumps(opening()))
    elif part == "in-viewer":
        print(json.dumps(in_viewer(rest[0], Path(rest[1]))))
    elif part == "learning":
        print(json.dumps(learning(rest[0], Path(rest[1]))))
    else:
        print(json.dumps(without_viewer(rest[0], Path(rest[1]))))
