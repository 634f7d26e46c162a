"""Plans, strategies, and what happens when memory is full."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from napari_medseg.engine.inference import is_out_of_memory
from napari_medseg.engine.inference_config import InferenceConfig
from napari_medseg.engine.plan import make_plan
from napari_medseg.volume import Volume


def noise(*shape, spacing=None):
    array = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    return Volume(array, spacing or (1.0,) * (len(shape) - 1), name="case 7")


def plan_of(segmenter, size, slice_axis=None, device="cpu", **config):
    return make_plan(
        segmenter.card,
        InferenceConfig(**config),
        size,
        slice_axis=slice_axis,
        divisor=segmenter.network.divisor,
        device=torch.device(device),
    )


def full_above(segmenter, voxels, error=torch.OutOfMemoryError):
    """Let the network fail for inputs of more than `voxels` voxels, batch included."""

    def check(module, inputs):
        if inputs[0][:, 0].numel() > voxels:
            raise error("CUDA out of memory. Tried to allocate 9.00 GiB")

    segmenter.network.stem.register_forward_pre_hook(check)


class TestPlan:
    def test_the_card_names_the_window(self, tiny_segmenter):
        segmenter = tiny_segmenter(3, window=(30, 32, 32))
        plan = plan_of(segmenter, (50, 60, 70))
        assert plan.window == (32, 32, 32)  # a multiple of the divisor

    def test_without_a_window_the_image_is_taken_whole(self, tiny_segmenter):
        plan = plan_of(tiny_segmenter(3), (50, 60, 70))
        assert plan.window == (52, 60, 72)
        assert plan.is_whole

    def test_the_user_may_ask_for_another(self, tiny_segmenter):
        segmenter = tiny_segmenter(3, window=(32, 32, 32))
        assert plan_of(segmenter, (50, 60, 70), strategy="whole").is_whole
        assert plan_of(segmenter, (50, 60, 70), window=(16, 16, 16)).window == (16, 16, 16)
        assert plan_of(tiny_segmenter(3), (150, 150, 150), strategy="windows").window == (96,) * 3

    def test_a_window_of_the_wrong_number_of_sides_is_named(self, tiny_segmenter):
        with pytest.raises(ValueError, match="has 2 sides, 'tiny' needs 3"):
            plan_of(tiny_segmenter(3), (50, 60, 70), window=(16, 16))

    def test_a_3d_model_has_no_slices(self, tiny_segmenter):
        with pytest.raises(ValueError, match="cannot go slice by slice"):
            plan_of(tiny_segmenter(3), (50, 60, 70), strategy="slices")

    def test_slices_go_in_batches_of_about_one_size(self, tiny_segmenter):
        plan = plan_of(tiny_segmenter(2), (256, 17, 256), slice_axis=1)
        assert plan.window == (256, 4, 256)
        assert len(plan.tiling) == 5

    def test_mixed_precision_is_automatic_on_cuda_only(self, tiny_segmenter):
        segmenter = tiny_segmenter(3)
        assert plan_of(segmenter, (8, 8, 8), device="cuda").mixed
        assert not plan_of(segmenter, (8, 8, 8)).mixed
        assert not plan_of(segmenter, (8, 8, 8), device="cuda", precision="float32").mixed

    def test_the_ladder_ends_on_the_cpu(self, tiny_segmenter):
        plan = plan_of(tiny_segmenter(3, window=(96, 96, 96)), (200, 200, 200), device="cuda")
        steps = []
        while plan is not None:
            steps.append((plan.window[0], plan.sums_on_cpu, plan.device.type))
            plan = plan.lighter()
        assert steps == [
            (96, False, "cuda"),
            (48, False, "cuda"),
            (32, False, "cuda"),
            (32, True, "cuda"),
            (32, True, "cpu"),
        ]

    def test_a_resized_image_is_never_cut(self, tiny_segmenter):
        segmenter = tiny_segmenter(2, size=(64, 64))
        plan = plan_of(segmenter, (1, 64, 64), slice_axis=0)
        assert plan.lighter() is None

    def test_what_was_done_is_one_sentence(self, tiny_segmenter):
        plan = plan_of(tiny_segmenter(3, window=(96, 96, 96)), (200,) * 3, device="cuda")
        lighter = plan.lighter()
        assert plan.difference(lighter) == (
            "the memory of cuda was full: used smaller windows 48x48x48"
        )
        slow = dataclasses.replace(plan, device=torch.device("cpu"))
        assert "the CPU instead" in plan.difference(slow)


class TestMemory:
    @pytest.mark.parametrize("error", [torch.OutOfMemoryError, RuntimeError])
    def test_a_smaller_window_is_tried_and_said_once(self, tiny_segmenter, error):
        segmenter = tiny_segmenter(3, window=(8, 64, 64))
        steps = []
        full_above(segmenter, 8 * 32 * 32, error)
        result = segmenter.segment(noise(1, 8, 64, 64), report=steps.append)
        assert result.notes == ("the memory of cpu was full: used smaller windows 8x32x32",)
        assert [s.note for s in steps if s.note] == list(result.notes)
        assert result.provenance["window"] == [8, 32, 32]
        assert result.labels.shape == (8, 64, 64)

    def test_a_smaller_batch_of_slices_is_the_same_answer(self, tiny_segmenter):
        volume = noise(1, 8, 64, 64)
        wanted = tiny_segmenter(2).segment(volume).labels
        segmenter = tiny_segmenter(2)
        full_above(segmenter, 2 * 64 * 64)
        result = segmenter.segment(volume)
        np.testing.assert_array_equal(result.labels, wanted)
        assert result.notes == ("the memory of cpu was full: used fewer slices at once",)

    def test_no_memory_at_all_is_one_sentence(self, tiny_segmenter):
        segmenter = tiny_segmenter(3, window=(8, 64, 64))
        full_above(segmenter, 0)
        with pytest.raises(OSError, match="not enough memory on cpu for an image of 9x64x64"):
            segmenter.segment(noise(1, 9, 64, 64))

    def test_probabilities_that_do_not_fit_are_refused_before_the_run(
        self, tiny_segmenter, monkeypatch
    ):
        monkeypatch.setattr("napari_medseg.engine.inference.free_memory", lambda _: 1000)
        segmenter = tiny_segmenter(3)
        with pytest.raises(OSError, match="the probabilities need"):
            segmenter.segment(noise(1, 8, 8, 8), InferenceConfig(probabilities=True))
        assert not segmenter.network.seen

    def test_sums_that_do_not_fit_an_accelerator_are_held_by_the_host(
        self, tiny_segmenter, monkeypatch
    ):
        monkeypatch.setattr("napari_medseg.engine.plan.free_memory", lambda _: 10_000)
        plan = plan_of(tiny_segmenter(3, window=(8, 8, 8)), (64, 64, 64), device="cuda")
        assert plan.sums_on_cpu
        assert not plan_of(tiny_segmenter(3), (64, 64, 64)).sums_on_cpu

    def test_other_errors_are_not_taken_for_full_memory(self, tiny_segmenter):
        segmenter = tiny_segmenter(3)
        segmenter.network.stem.register_forward_pre_hook(lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            segmenter.segment(noise(1, 8, 8, 8))
        assert not is_out_of_memory(RuntimeError("sizes do not match"))

    def test_the_words_of_the_cpu_are_known(self):
        text = "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate"
        assert is_out_of_memory(RuntimeError(text))
        assert is_out_of_memory(RuntimeError("DefaultCPUAllocator: not enough memory"))


class TestPrecision:
    def test_an_overflow_in_mixed_precision_is_run_again_in_float32(self, tiny_segmenter):
        segmenter = tiny_segmenter(3)

        def overflow(module, inputs, output):
            return output * float("nan") if output.dtype == torch.bfloat16 else output

        segmenter.network.head.register_forward_hook(overflow)
        result = segmenter.segment(noise(1, 8, 8, 8), InferenceConfig(precision="mixed"))
        assert result.notes == ("mixed precision overflowed: used float32",)
        assert result.provenance["precision"] == "float32"

    def test_an_answer_that_is_no_number_is_refused(self, tiny_segmenter):
        segmenter = tiny_segmenter(3)
        segmenter.network.head.bias.data[1] = float("nan")
        with pytest.raises(ValueError, match="is not a number"):
            segmenter.segment(noise(1, 8, 8, 8))
