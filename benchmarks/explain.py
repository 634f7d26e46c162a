"""What looking inside a network costs, beside a plain forward pass.

LGMSNet's base network on an image of 256 x 256 RGB pixels with one class: a pass while the last
decoder stage is recorded, and a pass after recording ended, over a plain pass; then every overlay
of the catalogue over a plain pass, and every overlay of the four networks' small presets (images of
256 x 256 pixels, volumes of 32 x 32 x 32 voxels) over a pass of its network. Then what blending
costs: a layer's energy over the nine windows of an image of 256 x 256 pixels, over nine passes of
such a window, and over a part that two of them touch. CPU time on one thread, medians of
interleaved rounds. Last, what gradients take in memory: what is said beforehand over what tensors
hold.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from benchmarks.measure import interleaved, ratio, table
from napari_medseg.engine.card import LabelClass, ModelCard, Preprocessing
from napari_medseg.engine.inference_config import InferenceConfig
from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.explain.capture import record
from napari_medseg.explain.entries import catalogue
from napari_medseg.explain.feature_maps import summary
from napari_medseg.explain.layers import named_layers
from napari_medseg.explain.memory import held_bytes, working_bytes
from napari_medseg.explain.passing import run
from napari_medseg.explain.showing import Question, show
from napari_medseg.explain.view import View
from napari_medseg.explain.viewing import view_of
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
    there = [entry for entry in catalogue(segmenter) if not entry.why_not]
    for entry in there:
        path, _, kind = entry.key.rpartition(":")
        name = f"attention: {kind}" if path else kind  # the first of each kind
        if name not in ways and kind not in left_out and (keys is None or kind in keys):
            ways[name] = partial(show, segmenter, view, entry.key, question)
    named_layers(segmenter.network)  # found out once for a network
    ways["plain"]()
    seconds = interleaved(ways, rounds)
    plain = statistics.median(seconds["plain"])
    return {name: statistics.median(values) / plain for name, values in seconds.items()}


def blending(side: int = 256, rounds: int = ROUNDS) -> dict[str, list[float]]:
    """Return CPU times of nine windows alone, of their blended energy, and of a part of it."""
    segmenter, view = segmenter_of("lgmsnet", 2)
    volume, window = view.volume.with_array(view.volume.array[:, :side, :side]), side // 2
    look = partial(view_of, segmenter, volume, config=InferenceConfig(window=(window, window)))
    one, blended = look(), look(blend=True)
    part = blended.within((slice(0, window // 2), slice(0, window // 2 + 1)))
    layer = segmenter.network.feature_info[-1].name
    assert blended.windows is not None
    count = len(blended.windows)

    def alone() -> None:
        for _ in range(count):
            run(segmenter, one)

    return interleaved(
        {
            "windows": alone,
            "blended": partial(summary, segmenter, blended, layer),
            "a part": partial(summary, segmenter, part, layer),
        },
        rounds,
    )


def memory(side: int = 192) -> dict[str, float]:
    """Return what gradients are said to take over what tensors hold, by network."""
    found = {}
    for name, architecture in architectures().items():
        dims = min(architecture.spatial_dims)
        segmenter, _ = segmenter_of(name, dims)
        size = (side,) * 2 if dims == 2 else (side // 6, side // 3, side // 3)
        network = segmenter.network.eval()
        found[name] = working_bytes(network, size, ()) / max(held_bytes(network, size, ()))
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
    print("\nLGMSNet small, 256 x 256 in windows of 128 x 128: energy of the last stage")
    table(blending(), "windows")
    for name, share in memory().items():
        print(f"{name}: memory of gradients, said over held: {share:.2f}")
    left_out: tuple[str, ...] = ()
    for name, architecture in architectures().items():
        for dims in architecture.spatial_dims:
            print(f"\n{architecture.title} small, {dims}D: passes of the network per overlay")
            for key, passes in costs(*segmenter_of(name, dims), left_out=left_out).items():
                print(f"  {key:<28}{passes:8.2f}", flush=True)
            left_out = _MANY_PASSES
