"""Logits of 14 classes back onto the input's grid: plane by plane, whole, and nnU-Net's way.

96x128x128 to 150x256x256 voxels, then labels. nnU-Net's way is its default: skimage's `resize` of
order 1 for each class in float64, then argmax (its loop written again, not its package).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from skimage.transform import resize

from benchmarks.measure import extra_memory, interleaved, table
from napari_medseg.engine.card import LabelClass, ModelCard
from napari_medseg.engine.readout import Readout
from napari_medseg.engine.resample import AxisMap, Resampler

NETWORK, INPUT, CLASSES = (96, 128, 128), (150, 256, 256), 14


def ours(logits: torch.Tensor) -> np.ndarray:
    """Resample and decide plane by plane."""
    classes = tuple(LabelClass(value=i, name=f"class {i}") for i in range(1, CLASSES))
    readout = Readout(INPUT, ModelCard(name="m", architecture="x", config={}, classes=classes))
    axes = [AxisMap.of(n, m, slice(0, m)) for n, m in zip(INPUT, NETWORK, strict=True)]
    Resampler(axes, 0, readout)(logits, (0, 0, 0))
    return readout.labels


def whole(logits: torch.Tensor) -> np.ndarray:
    """Interpolate all classes of the whole volume with torch."""
    large = F.interpolate(logits[None], INPUT, mode="trilinear", align_corners=False)[0]
    return large.argmax(0).to(torch.uint8).numpy()


def nnunet(logits: torch.Tensor) -> np.ndarray:
    """Resize class by class with skimage, as nnU-Net's default does."""
    each = [
        resize(c.astype(float), INPUT, order=1, mode="edge", anti_aliasing=False)
        for c in logits.numpy()
    ]
    return np.stack(each).argmax(0).astype(np.uint8)


def main() -> None:
    """Print time, memory and agreement."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    coarse = torch.randn(1, CLASSES, 12, 16, 16)
    logits = F.interpolate(coarse, NETWORK, mode="trilinear")[0].contiguous()
    ways: dict[str, Callable[[torch.Tensor], np.ndarray]] = {
        "ours": ours,
        "torch whole + argmax": whole,
        "nnU-Net's way": nnunet,
    }
    with torch.inference_mode():
        found: dict[str, np.ndarray] = {}
        memory = {
            n: extra_memory(lambda w=w, n=n: found.update({n: w(logits)})) for n, w in ways.items()
        }
        seconds = interleaved({n: lambda w=w: w(logits) for n, w in ways.items()}, 3)
    table(seconds, "nnU-Net's way")
    for name, labels in found.items():
        same = 100 * float((labels == found["torch whole + argmax"]).mean())
        print(f"{name:<28}{memory[name]:8.0f} MB extra  {same:.5f} % equal to whole")
