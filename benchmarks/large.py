"""An image larger than memory, block by block: time beside the bare network calls, and memory.

2048 x 2048 x 256 voxels of uint16 (2 GB) in chunks of 64 x 256 x 256, a network of two
convolutions at a quarter of the resolution, windows of 64 x 128 x 128, overlap 0.25. The bare calls
are as many as the run makes, on a window in memory, half of them before it and half after. Goals:
wall clock over that of the bare calls at most 1.20 x, at most 400 MB of memory beyond what the
process has before. Then, on a small image: two dask workers give the labels of a run in memory bit
for bit, and a run that is killed goes on where it was.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from benchmarks.measure import extra_memory
from napari_medseg.engine.block_run import BlockRun
from napari_medseg.engine.blockwise import segment_blockwise
from napari_medseg.engine.card import LabelClass, ModelCard, Preprocessing
from napari_medseg.engine.checkpoint import save_checkpoint
from napari_medseg.engine.inference_config import InferenceConfig
from napari_medseg.engine.predictor import predictor
from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.io import open_pyramid, read_volume
from napari_medseg.networks import create_network
from napari_medseg.networks.base import Feature, SegmentationNetwork
from napari_medseg.networks.config import NetConfig

SIZE, CHUNKS, WINDOW, OVERLAP = (256, 2048, 2048), (64, 256, 256), (64, 128, 128), 0.25
CONFIG = InferenceConfig(exact=True, overlap=OVERLAP)
MEMORY = 120_000_000  # bytes beside the network's own


class Cheap(SegmentationNetwork):
    """Two convolutions, at a quarter of the resolution."""

    def __init__(self, config: NetConfig) -> None:
        super().__init__(config)
        self.first = nn.Conv3d(1, 32, 4, stride=4)
        self.head = nn.Conv3d(32, config.num_classes, 3, padding=1)

    @property
    def divisor(self) -> int:
        """Its first convolution takes steps of four voxels."""
        return 4

    @property
    def feature_info(self) -> list[Feature]:
        """Its one feature map."""
        return [Feature("first", 32, 4)]

    def forward(self, x: Tensor) -> Tensor:
        """Return logits ``(B, K, D, H, W)``."""
        coarse = self.head(torch.relu(self.first(x)))
        return functional.interpolate(coarse, scale_factor=4)


def cheap_segmenter() -> Segmenter:
    """Return the cheap network, with fixed values to normalise by."""
    torch.manual_seed(0)
    config = NetConfig(spatial_dims=3, in_channels=1, num_classes=2)
    card = ModelCard(
        name="cheap",
        architecture="none",
        config=config.to_dict(),
        classes=(LabelClass(value=1, name="bright"),),
        preprocessing=Preprocessing(window=WINDOW, normalise="fixed", mean=(900.0,), std=(300.0,)),
    )
    return Segmenter(Cheap(config), card, "cpu")


def write_image(path: Path, size: Sequence[int], chunks: Sequence[int]) -> None:
    """Write an OME-Zarr of noise, a chunk's worth repeated and brightened from place to place."""
    import zarr

    random = np.random.default_rng(0)
    noise = random.normal(900, 300, chunks).clip(0, 60000).astype(np.uint16)
    group = zarr.open_group(path, mode="w-", zarr_format=3)
    array: Any = group.create_array("0", shape=tuple(size), dtype=np.uint16, chunks=tuple(chunks))
    for place in np.ndindex(*(-(-n // c) for n, c in zip(size, chunks, strict=True))):
        box = tuple(
            slice(p * c, min((p + 1) * c, n)) for p, c, n in zip(place, chunks, size, strict=True)
        )
        shape = tuple(side.stop - side.start for side in box)
        array[box] = noise[tuple(slice(0, n) for n in shape)] + np.uint16(20 * sum(place))
    axes = [{"name": a, "type": "space", "unit": "millimeter"} for a in "zyx"]
    scale = [{"type": "scale", "scale": [1.0, 1.0, 1.0]}]
    dataset = {"path": "0", "coordinateTransformations": scale}
    multiscale: Any = {"name": "image", "axes": axes, "datasets": [dataset]}
    group.attrs["ome"] = {"version": "0.5", "multiscales": [multiscale]}


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds `work` took, by the wall and of this process' CPU time."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def measure(image: Path, out: Path) -> None:
    """Print, as JSON, what a fresh process found: seconds, memory, windows."""
    torch.set_num_threads(1)
    segmenter, pyramid = cheap_segmenter(), open_pyramid(image)
    assert pyramid is not None
    run = BlockRun.of(segmenter, pyramid, CONFIG)
    blocks = run.cut(MEMORY)
    windows = sum(run.windows(blocks.column(index)) for index in range(blocks.columns))
    predict = predictor(segmenter.network, segmenter.card, run.plan, flips=False)
    tile = torch.randn(1, *WINDOW)

    def bare(calls: int) -> None:
        with segmenter.running():
            for _ in range(calls):
                predict(tile)

    bare(2)
    found: dict[str, tuple[float, float]] = {}

    def blockwise() -> None:
        found["run"] = timed(
            lambda: segment_blockwise(segmenter, pyramid, out, CONFIG, memory=MEMORY)
        )

    before = timed(lambda: bare(windows // 2))
    memory = extra_memory(blockwise)
    after = timed(lambda: bare(windows - windows // 2))
    bare_calls = [a + b for a, b in zip(before, after, strict=True)]
    whole = len(run.plan.tiling)
    print(
        json.dumps(
            {
                "bare": bare_calls,
                "run": found["run"],
                "memory": memory,
                "windows": windows,
                "whole": whole,
            }
        )
    )


def main() -> None:
    """Measure, check workers and resuming, and remove everything."""
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "image.ome.zarr"
        write_image(image, SIZE, CHUNKS)
        found = json.loads(_child("measure", image, Path(folder) / "labels.ome.zarr"))
    for name in ("bare", "run"):
        print(f"{name:<5}{found[name][0]:8.1f} s wall{found[name][1]:8.1f} s CPU")
    wall, cpu = (found["run"][i] / found["bare"][i] for i in range(2))
    again = found["windows"] / found["whole"]
    print(f"windows computed over those of a run in memory: {again:.3f} x")
    print(f"wall over the bare calls: {wall:.3f} x (goal: at most 1.20 x); CPU time: {cpu:.3f} x")
    print(f"extra memory: {found['memory']:.0f} MB (goal: at most 400 MB)")
    with tempfile.TemporaryDirectory() as folder:
        check_small(Path(folder))


def check_small(folder: Path) -> None:
    """Compare two workers, and a run that is killed and goes on, with a run in memory."""
    image, model = folder / "image.ome.zarr", folder / "model.safetensors"
    write_image(image, (32, 96, 96), (16, 32, 32))
    _save_model(model)
    expected = Segmenter.load(model, "cpu").segment(read_volume(image), CONFIG).labels
    out = folder / "workers.ome.zarr"
    segment_blockwise(model, image, out, CONFIG, device="cpu", workers=2, memory=1)
    same = np.array_equal(read_volume(out).array[0], expected)
    print(f"labels of two dask workers: {'equal' if same else 'NOT equal'} to a run in memory")
    out = folder / "killed.ome.zarr"
    killed = subprocess.run(_command("killed", model, image, out), check=False).returncode
    result = segment_blockwise(model, image, out, CONFIG, device="cpu", memory=1)
    same = np.array_equal(read_volume(out).array[0], expected)
    print(
        f"killed by signal {-killed} after {KILLED_AFTER} of {result.blocks} blocks: "
        f"{result.resumed} were kept, labels {'equal' if same else 'NOT equal'} to a run in memory"
    )


KILLED_AFTER = 7


def be_killed(model: Path, image: Path, out: Path) -> None:
    """Segment until some blocks are written, then die without a word."""
    written = []

    def count(box: object) -> None:
        written.append(box)
        if len(written) == KILLED_AFTER:
            os.kill(os.getpid(), signal.SIGKILL)

    segment_blockwise(model, image, out, CONFIG, device="cpu", memory=1, on_block=count)


def _save_model(path: Path) -> None:
    torch.manual_seed(0)
    network = create_network(
        "lgmsnet",
        preset="small",
        spatial_dims=3,
        in_channels=1,
        num_classes=2,
        widths=(4, 4, 8, 8, 8),
    )
    card = ModelCard(
        name="small",
        architecture="lgmsnet",
        config=network.config.to_dict(),
        classes=(LabelClass(value=1, name="bright"),),
        preprocessing=Preprocessing(window=(16, 32, 32)),
    )
    save_checkpoint(path, network, card)


def _command(*words: object) -> list[str]:
    return [sys.executable, "-m", "benchmarks.large", *map(str, words)]


def _child(*words: object) -> str:
    return subprocess.run(_command(*words), check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    if len(sys.argv) > 1:
        work = measure if sys.argv[1] == "measure" else be_killed
        work(*map(Path, sys.argv[2:]))
    else:
        main()
