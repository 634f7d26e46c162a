"""A run from request to answers: in order, with what goes wrong said and the rest done."""

from __future__ import annotations

import numpy as np
import pytest

from napari_medseg.engine.inference_config import InferenceConfig
from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.progress import Cancelled
from napari_medseg.volume import Volume
from napari_medseg.widgets.segmenting import Part, Request, run


def run_all(request, *arguments):
    """Run and return all answers, and the outcome."""
    answers = []
    outcome = run(request, answers.append, *arguments)
    return [*answers, *([outcome.last] if outcome.last else [])], outcome


def volume(seed=0, fill=None):
    array = np.random.default_rng(seed).normal(100, 20, (1, 8, 16, 16)).astype(np.float32)
    return Volume(array if fill is None else np.full_like(array, fill), (1.0,) * 3, name="v")


@pytest.fixture
def ask(made_models):
    """Make a request for parts of a model; ``segmenter`` counts as loaded if given."""

    def make(*parts, model="tiny-volume", segmenter=None):
        path = made_models / f"{model}.safetensors"
        return Request(path, "cpu", parts, InferenceConfig(), segmenter)

    return make


def test_every_part_is_answered_in_order_by_one_model(ask):
    parts = [Part(f"image {i}", (volume(i),)) for i in range(3)]
    answers, outcome = run_all(ask(*parts))
    assert [a.index for a in answers] == [0, 1, 2]
    assert len({id(a.loaded.segmenter) for a in answers}) == 1
    assert (outcome.done, outcome.failures) == (3, {})
    expected = answers[0].loaded.segmenter.segment(volume(2)).labels
    np.testing.assert_array_equal(answers[2].segmentation.labels, expected)


def test_a_box_gives_its_part_of_the_whole(ask):
    box = (slice(2, 5), slice(0, 7), slice(9, 16))
    answers, _ = run_all(ask(Part("a", (volume(),)), Part("a", (volume(),), box)))
    whole, part = (answer.segmentation.labels for answer in answers)
    np.testing.assert_array_equal(part, whole[box])


def test_one_image_that_fails_does_not_stop_the_others(ask):
    bad = Part("empty scan", (volume(fill=np.nan),))
    answers, outcome = run_all(ask(Part("a", (volume(),)), bad, Part("b", (volume(1),))))
    assert [a.index for a in answers] == [0, 2]
    assert outcome.done == 2
    assert "no finite value" in outcome.failures["empty scan"]


def test_the_only_image_raises(ask):
    with pytest.raises(ValueError, match="no finite value"):
        run(ask(Part("a", (volume(fill=np.nan),))), print)


def test_a_model_that_is_gone_stops_everything(ask):
    request = ask(Part("a", (volume(),)), Part("b", (volume(),)), model="gone")
    with pytest.raises(OSError, match=r"gone\.safetensors"):
        run(request, print)


def test_progress_counts_images_where_there_are_several_and_windows_where_there_is_one(ask):
    steps = []
    run(ask(Part("a", (volume(),)), Part("b", (volume(1),))), lambda _: None, steps.append)
    counted = [s for s in steps if s.unit == "image"]
    assert {s.total for s in counted} == {2}
    assert sorted({s.done for s in counted}) == [0, 1]
    assert [s.note for s in counted if s.note] == [
        "a: reading the image …",
        "b: reading the image …",
    ]
    steps.clear()
    run(ask(Part("a", (volume(),))), lambda _: None, steps.append)
    assert steps[-1].unit == "window"


def test_cancel_keeps_what_is_done(ask):
    answers = []

    def stop(step):
        if step.unit == "image" and step.done == 1:
            raise Cancelled

    with pytest.raises(Cancelled):
        run(ask(Part("a", (volume(),)), Part("b", (volume(1),))), answers.append, stop)
    assert [a.index for a in answers] == [0]


def test_a_model_in_memory_is_not_read_again(ask, made_models):
    segmenter = Segmenter.load(made_models / "tiny-volume.safetensors", "cpu")
    answers, _ = run_all(ask(Part("a", (volume(),)), segmenter=segmenter))
    assert answers[0].loaded.segmenter is segmenter


def test_a_channel_that_is_not_there_is_nan_for_the_engine(ask, made_models):
    segmenter = Segmenter.load(made_models / "tiny-brain.safetensors", "cpu")
    seen = []

    def segment(given, config, report, *, box):
        seen.append(given)
        raise ValueError("enough")

    segmenter.segment = segment
    with pytest.raises(ValueError, match="enough"):
        run(ask(Part("a", (None, volume())), model="tiny-brain", segmenter=segmenter), print)
    (given,) = seen
    assert np.isnan(given.array[0]).all()
    np.testing.assert_array_equal(given.array[1], volume().array[0])


def test_a_panel_that_is_gone_does_not_turn_the_run_into_an_error(ask):
    def gone(_answer):
        raise RuntimeError("wrapped C/C++ object of type SegmentRun has been deleted")

    assert run(ask(Part("a", (volume(),)), Part("b", (volume(),))), gone).done == 2
