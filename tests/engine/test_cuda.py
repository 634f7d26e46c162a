"""The engine on a CUDA device gives the CPU's answer."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_medseg.engine.inference_config import InferenceConfig
from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.volume import Volume

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]


def noise(*shape):
    array = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    return Volume(array, (1.0,) * (len(shape) - 1), name="case 7")


@pytest.mark.parametrize(
    ("dims", "preprocessing", "shape"),
    [
        (3, {"window": (16, 16, 16)}, (1, 40, 30, 35)),
        (3, {"window": (16, 16, 16), "spacing": (0.8, 1.2, 1.0)}, (1, 40, 30, 35)),
        (2, {"size": (32, 32)}, (1, 9, 40, 50)),
    ],
)
@pytest.mark.parametrize(("precision", "equal"), [("float32", 0.999), ("auto", 0.98)])
def test_labels_equal_those_of_the_cpu(
    tiny_segmenter, dims, preprocessing, shape, precision, equal
):
    on_cpu = tiny_segmenter(dims, **preprocessing)
    wanted = on_cpu.segment(noise(*shape)).labels
    on_gpu = Segmenter(on_cpu.network, on_cpu.card, "cuda")
    result = on_gpu.segment(noise(*shape), InferenceConfig(precision=precision))
    assert (result.labels == wanted).mean() >= equal
    assert result.provenance["device"].startswith("cuda")
    assert result.provenance["precision"] == ("float32" if precision == "float32" else "mixed")


def test_a_full_device_ends_on_the_cpu(tiny_segmenter):
    base = tiny_segmenter(3, window=(16, 16, 16))
    segmenter = Segmenter(base.network, base.card, "cuda")

    def full(module, inputs):
        if inputs[0].is_cuda:
            raise torch.OutOfMemoryError("CUDA out of memory")

    segmenter.network.stem.register_forward_pre_hook(full)
    result = segmenter.segment(noise(1, 20, 20, 20))
    assert "the CPU instead" in result.notes[0]
    assert segmenter.network.device.type == "cuda"
