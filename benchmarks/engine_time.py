"""The streaming engine and MONAI's sliding windows over the bare forward passes of the same tiles.

A real 3D network (LGMSNet, random weights, 14 classes) on 192x192x128 voxels, windows of 96³,
overlap 0.5, exact mode. Goals: labels equal for 99.9999 % of the voxels, at most 1.08 x the time of
the forward passes.
"""

from __future__ import annotations

import itertools

import numpy as np
import torch
from monai.inferers import sliding_window_inference

from benchmarks.measure import interleaved, ratio, table
from napari_medseg.engine.allocator import keep_memory
from napari_medseg.engine.card import LabelClass, ModelCard, Preprocessing
from napari_medseg.engine.inference_config import InferenceConfig
from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.engine.windows import window_starts
from napari_medseg.networks import architectures
from napari_medseg.volume import Volume


def make_segmenter(classes: int, window: int, widths: tuple[int, ...]) -> Segmenter:
    """Return an LGMSNet with random weights that takes the image as it is."""
    torch.manual_seed(0)
    recipe = architectures()["lgmsnet"]
    config = recipe.config(spatial_dims=3, in_channels=1, num_classes=classes, widths=widths)
    card = ModelCard(
        name="random",
        architecture="lgmsnet",
        config=config.to_dict(),
        classes=tuple(LabelClass(value=i, name=f"class {i}") for i in range(1, classes)),
        preprocessing=Preprocessing(window=(window,) * 3, normalise="none"),
    )
    return Segmenter(recipe.build(config).eval(), card, "cpu")


def compare(
    size: tuple[int, ...] = (128, 192, 192),
    window: int = 96,
    *,
    classes: int = 14,
    widths: tuple[int, ...] = (8, 16, 32, 64, 64),
    rounds: int = 3,
) -> tuple[dict[str, list[float]], float]:
    """Return the seconds of each variant and the share of voxels with equal labels."""
    segmenter = make_segmenter(classes, window, widths)
    array = np.random.default_rng(0).normal(size=(1, *size)).astype(np.float32)
    volume, image = Volume(array, (1.0,) * 3), torch.from_numpy(array)[None]
    labels: dict[str, np.ndarray] = {}

    def bare() -> None:
        starts = [window_starts(s, window, 0.5) for s in size]
        for d, h, w in itertools.product(*starts):
            at = (slice(d, d + window), slice(h, h + window), slice(w, w + window))
            segmenter.network(image[(slice(None), slice(None), *at)])

    def ours() -> None:
        labels["ours"] = segmenter.segment(volume, InferenceConfig(exact=True)).labels

    def monai() -> None:
        logits = sliding_window_inference(
            image, (window,) * 3, 1, segmenter.network, overlap=0.5, mode="gaussian"
        )
        labels["monai"] = logits.argmax(1)[0].to(torch.uint8).numpy()

    # all three with the allocator's switch, which is worth more than what is compared here
    with torch.inference_mode(), keep_memory():
        segmenter.network(image[..., :window, :window, :window])
        variants = {"forward passes": bare, "ours": ours, "MONAI + argmax": monai}
        seconds = interleaved(variants, rounds)
    return seconds, float((labels["ours"] == labels["monai"]).mean())


def main() -> None:
    """Print times, ratios and agreement."""
    torch.set_num_threads(1)
    seconds, equal = compare()
    table(seconds, "forward passes")
    over = ratio(seconds, "ours", "forward passes")
    print(f"labels equal to MONAI's: {100 * equal:.5f} % (goal: at least 99.9999 %)")
    print(f"over the forward passes: {over:.3f} x (goal: at most 1.08 x)")
