"""What looking inside a network costs, beside a plain forward pass.

LGMSNet's base network on an image of 256 x 256 RGB pixels with one class: a pass while the last
decoder stage is recorded, and a pass after recording ended, over a plain pass; then every overlay
of the catalogue over a plain pass, and every overlay of the four networks' small presets (images of
256 x 256 pixels, volumes of 32 x 32 x 32 voxels) over a pass of its network. CPU time on one
thread, medians of interleaved rounds.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from benchmarks.measure import interleaved, ratio, table
from napari_medseg.engine.card import LabelClass, ModelCard, Preprocessing
from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.explain.attention_maps import attention
from napari_medseg.explain.capture import record
from napari_medseg.explain.entries import catalogue
from napari_medseg.explain.layers import named_layers
from napari_medseg.explain.passing import run
from napari_medseg.explain.showing import Question, show
from napari_medseg.explain.view import View, view_of
from napari_medseg.networks import architectures, create_network
from napari_medseg.volume import Volume

ROUNDS = 9
GOAL = 1.15  # of a plain pass, while the last decoder stage is recorded
_SIDE = {2: 256, 3: 32}
_MANY_PASSES = ("integrated", "smooth", "occlusion")  # counted once, for the first network


def recording(
    side: int = 256, rounds: int = ROUNDS, preset: str = "base"
) -> dict[str, list[float]]:
    """Return CPU times of a plain pass, of one that is recorded, and of one after that."""
    torch.manual_seed(0)
    network = create_network("lgmsnet", preset=preset, in_channels=3, num_classes=1).eval()
    image = torch.randn(1, 3, side, side)
    last = network.feature_info[-1].name

    def plain() -> torch.Tensor:
        with torch.inference_mode():
            return network(image)

    def recorded() -> torch.Tensor:
        with torch.inference_mode(), record(network, [last]) as maps:
            answer = network(image)
        assert maps[last].shape[2:] == image.shape[2:]
        return answer

    if not torch.equal(plain(), recorded()):  # also finds the layers and warms up
        raise AssertionError("recording changed the answer")
    return interleaved({"plain": plain, "recorded": recorded, "after": plain}, rounds)


def segmenter_of(name: str, dims: int, preset: str = "small") -> tuple[Segmenter, View]:
    """Return an untrained model of one class and a view of noise."""
    torch.manual_seed(0)
    channels = 3 if dims == 2 else 2
    network = create_network(
        name, preset=preset, spatial_dims=dims, in_channels=channels, num_classes=2
    )
    card = ModelCard(
        name=name,
        architecture=name,
        config=network.config.to_dict(),
        classes=(LabelClass(value=1, name="class"),),
        preprocessing=Preprocessing(normalise="none"),
    )
    shape = (channels, *(_SIDE[dims],) * dims)
    values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    segmenter = Segmenter(network, card, "cpu")
    return segmenter, view_of(segmenter, Volume(values, (1.0,) * dims))


def costs(
    segmenter: Segmenter,
    view: View,
    keys: list[str] | None = None,
    *,
    left_out: tuple[str, ...] = (),
    rounds: int = 1,
) -> dict[str, float]:
    """Return the time of every entry of the catalogue that can be shown, over a plain pass."""
    middle = np.zeros(view.volume.shape, np.uint8)
    middle[tuple(slice(n // 4, n // 2) for n in middle.shape)] = 1
    question = Question(labels=middle)
    ways: dict[str, Callable[[], object]] = {"plain": partial(run, segmenter, view)}
    for entry in catalogue(segmenter):
        own = entry.key in segmenter.network.overlays
        if entry.why_not or own or entry.key in left_out:
            continue
        if keys is not None and entry.key not in keys:
            continue
        ways[entry.key] = partial(show, segmenter, view, entry.key, question)
    for kind, name in _one_of_each(segmenter).items():
        if keys is None or kind in keys:
            ways[f"attention: {kind}"] = partial(attention, segmenter, view, [name])
    named_layers(segmenter.network)  # found out once for a network
    ways["plain"]()
    seconds = interleaved(ways, rounds)
    plain = statistics.median(seconds["plain"])
    return {name: statistics.median(values) / plain for name, values in seconds.items()}


def _one_of_each(segmenter: Segmenter) -> dict[str, str]:
    """Return the first overlay of every kind a network has."""
    found: dict[str, str] = {}
    for name in segmenter.network.overlays:
        found.setdefault(name.rpartition(":")[2], name)
    return found


def main() -> None:
    """Print the cost of recording, with its goal, and of every overlay."""
    torch.set_num_threads(1)
    print("LGMSNet base, 256 x 256: recording the last decoder stage")
    seconds = recording()
    table(seconds, "plain")
    print(
        f"recorded over plain: {ratio(seconds, 'recorded', 'plain'):.3f} x (goal: at most {GOAL})"
    )
    left_out: tuple[str, ...] = ()
    for name, architecture in architectures().items():
        for dims in architecture.spatial_dims:
            print(f"\n{architecture.title} small, {dims}D: passes of the network per overlay")
            for key, passes in costs(*segmenter_of(name, dims), left_out=left_out).items():
                print(f"  {key:<28}{passes:8.2f}", flush=True)
            left_out = _MANY_PASSES
