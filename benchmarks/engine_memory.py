"""Extra memory of the streaming engine and of MONAI's sliding windows, each in its own process.

A 1x1x1 convolution to 14 classes on 512x512x150 voxels, windows of 96³, overlap 0.5: what is left
is the engine's own. Both get the same float32 tensor and end with uint8 labels. Goal: at most
0.20 x.
"""

from __future__ import annotations

import subprocess
import sys
import time

import torch
from torch import nn

from benchmarks.measure import extra_memory
from napari_medseg.engine.card import LabelClass, ModelCard, Preprocessing
from napari_medseg.engine.grid import Grid
from napari_medseg.engine.inference import infer
from napari_medseg.engine.inference_config import InferenceConfig
from napari_medseg.engine.preprocess import Prepared

SIZE, WINDOW, CLASSES = (150, 512, 512), (96, 96, 96), 14


def ours(network: nn.Module, image: torch.Tensor) -> int:
    """Segment with the streaming engine; return a checksum of the labels."""
    card = ModelCard(
        name="pointwise",
        architecture="none",
        config={"spatial_dims": 3},
        classes=tuple(LabelClass(value=i, name=f"class {i}") for i in range(1, CLASSES)),
        preprocessing=Preprocessing(window=WINDOW, normalise="none"),
    )
    answer = infer(
        network,
        card,
        Prepared(image, Grid(SIZE, SIZE)),
        InferenceConfig(exact=True),
        slice_axis=None,
        device=torch.device("cpu"),
    )
    return int(answer.readout.labels.sum(dtype="int64"))


def monai(network: nn.Module, image: torch.Tensor) -> int:
    """Segment with MONAI; return a checksum of the labels."""
    from monai.inferers import sliding_window_inference

    logits = sliding_window_inference(image[None], WINDOW, 1, network, overlap=0.5, mode="gaussian")
    return int(logits.argmax(1).to(torch.uint8).sum())


def measure(name: str) -> None:
    """Print extra MB, CPU seconds and checksum of one engine: what a process of its own does."""
    import monai.inferers  # noqa: F401  # its import is not the engine's memory

    torch.set_num_threads(1)
    torch.manual_seed(0)
    network, image = nn.Conv3d(1, CLASSES, 1).eval(), torch.randn(1, *SIZE)
    run = {"ours": ours, "monai": globals()["monai"]}[name]
    sums: list[int] = []
    with torch.inference_mode():
        network(image[None, :, :8, :8, :8])
        start = time.process_time()
        memory = extra_memory(lambda: sums.append(run(network, image)))
        print(memory, time.process_time() - start, sums[0])


def main() -> None:
    """Run both engines in fresh processes and print the ratio."""
    found = {}
    for name in ("ours", "monai"):
        command = [sys.executable, "-m", "benchmarks.engine_memory", name]
        out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        found[name] = [float(v) for v in out.split()]
        print(f"{name:<8}{found[name][0]:8.0f} MB extra{found[name][1]:8.1f} s CPU", flush=True)
    memory = found["ours"][0] / found["monai"][0]
    print(f"extra memory over MONAI's: {memory:.3f} x (goal: at most 0.20 x)")
    print(f"CPU time over MONAI's:     {found['ours'][1] / found['monai'][1]:.3f} x")
    same = "equal" if found["ours"][2] == found["monai"][2] else "NOT equal"
    print(f"the labels' checksums are {same}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure(sys.argv[1])
    else:
        main()
