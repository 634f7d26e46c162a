"""A viewer under a real window, and the beats of a timer in it: their gaps are what people feel."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

BEAT = 20  # ms
ZOOM = 100  # ms between two moves of the canvas
_SETTLE = 1.5  # seconds a fresh window gets to finish its own start


class Heartbeat:
    """Counts the beats of a timer in the GUI thread, and what that thread computed until each."""

    def __init__(self) -> None:
        from qtpy.QtCore import Qt, QTimer

        self.beats: list[float] = []
        self.worked: list[float] = []
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)
        self._timer.start(BEAT)

    def _beat(self) -> None:
        self.beats.append(time.perf_counter())
        self.worked.append(time.thread_time())

    def largest_gap(self, start: float, end: float) -> float:
        """Return the longest time without a beat that touches ``[start, end]``, in ms."""
        return largest_gap(self.beats, start, end)

    def largest_work(self, start: float, end: float) -> float:
        """Return the most that the GUI thread computed itself between two beats there, in ms."""
        inside = [w for b, w in zip(self.beats, self.worked, strict=True) if start <= b <= end]
        return float(np.diff(inside).max(initial=0.0)) * 1000


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
def zooming(viewer: Any, every: int = ZOOM) -> Iterator[None]:
    """Zoom the canvas in and out, a little every so many ms."""
    from qtpy.QtCore import QTimer

    camera = viewer.scene.camera
    middle, moves = camera.zoom, [0]

    def move() -> None:
        moves[0] += 1
        camera.zoom = middle * (1 + 0.2 * np.sin(moves[0] / 3))

    timer = QTimer()
    timer.timeout.connect(move)
    timer.start(every)
    try:
        yield
    finally:
        timer.stop()


def make_model(folder: Path, kind: str, window: Sequence[int]) -> Path:
    """Save a 2D or 3D LGMSNet with random weights; the speed is that of any."""
    import torch

    from napari_medseg.engine.card import LabelClass, ModelCard, Preprocessing
    from napari_medseg.engine.checkpoint import save_checkpoint
    from napari_medseg.networks import create_network

    torch.manual_seed(0)
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
        preprocessing=Preprocessing(window=tuple(window)),
    )
    path = folder / f"random-{kind}.safetensors"
    save_checkpoint(path, network, card)
    return path


def make_image(shape: Sequence[int]) -> np.ndarray:
    """Return a smooth random image, int16; sides are multiples of 16."""
    coarse = np.random.default_rng(0).normal(100, 60, [s // 16 for s in shape])
    return np.kron(coarse, np.ones((16,) * len(shape))).astype(np.int16)


def until(done: Callable[[], object], seconds: float) -> None:
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


def wait(seconds: float) -> None:
    """Let the window live for so long."""
    end = time.perf_counter() + seconds
    until(lambda: time.perf_counter() >= end, seconds + 1)


def open_viewer() -> Any:
    """Open napari in a window of a small laptop."""
    import napari

    viewer = napari.Viewer(show=True)
    viewer.window.resize(1366, 768)
    wait(_SETTLE)
    return viewer


def child(module: str, *words: str, seconds: float) -> dict[str, Any]:
    """Run one part of a benchmark in a process of its own and return what it measured.

    Raises
    ------
    RuntimeError
        If it failed or took longer than `seconds`.
    """
    command = [sys.executable, "-m", module, *words]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=seconds, env=environment
        )
    except subprocess.TimeoutExpired as error:
        raise RuntimeError(f"{' '.join(words)} took longer than {seconds:.0f} s") from error
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        raise RuntimeError(f"{' '.join(words)} failed:\n{done.stderr[-2000:]}")
    measured: dict[str, Any] = json.loads(lines[-1])
    return measured
