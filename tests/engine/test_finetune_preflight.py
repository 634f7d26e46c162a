"""What is said before a model learns."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_medseg.engine.finetune_config import FineTuneConfig
from napari_medseg.engine.finetune_patches import examples_of
from napari_medseg.engine.finetune_preflight import NOTE, STOP, WARNING, preflight
from napari_medseg.engine.replay import Replay
from napari_medseg.volume import Volume

CONFIG = FineTuneConfig()


@pytest.fixture
def found(small_model):
    """Return the findings about some cases: ``found(cases, config, replay)``."""

    def look(cases, config=CONFIG, replay=None, **preprocessing):
        dims = cases[0].volume.spatial_dims if cases else 2
        return preflight(small_model(dims=dims, **preprocessing), cases, config, replay=replay)

    return look


def said(findings, severity, words):
    return [f for f in findings if f.severity == severity and words in f.text]


def knowing(model, patches, guards=()):
    """Return a replay of the given cases."""
    images = [examples_of(case, model.card)[0].image for case in patches]
    held = [examples_of(case, model.card)[0].image for case in guards]
    empty = torch.zeros(images[0].shape[1:], dtype=torch.int32)
    return Replay(
        torch.stack(images).half().float(),
        torch.stack([empty] * len(images)),
        tuple((image.half().float(), empty) for image in held),
        "",
    )


def test_good_cases_are_warned_of_nothing_but_the_missing_examples(found, corrected):
    findings = found([corrected(0), corrected(1)])
    assert [f.severity for f in findings] == [WARNING]
    assert "forgetting cannot be measured" in findings[0].text


def test_no_case_and_nothing_reviewed_stop(found, corrected):
    assert said(found([]), STOP, "add at least one")
    case = corrected()
    blank = replace(case, reviewed=np.zeros_like(case.reviewed), changed=None)
    assert said(found([blank, corrected(1)]), STOP, "review a slice")


def test_what_was_changed_counts_as_reviewed(found, corrected):
    case = corrected()
    painted = replace(case, reviewed=np.zeros_like(case.reviewed))
    assert not said(found([painted, corrected(1)]), STOP, "")


def test_a_case_without_corrections_is_noted(found, corrected):
    same = replace(corrected(), changed=np.zeros((32, 32), bool))
    assert said(found([same, corrected(1)]), NOTE, "only confirms")


def test_an_unknown_label_stops_unless_it_is_a_new_class(found, corrected):
    case = corrected()
    labels = case.labels.copy()
    labels[2, 2:9] = 9
    odd = replace(case, labels=labels)
    (finding,) = said(found([odd, corrected(1)]), STOP, "hold 9")
    assert "1 one, 4 four" in finding.text
    assert finding.case == case.name
    assert not said(found([odd], FineTuneConfig(new_classes=("9=cyst",))), STOP, "")
    labels[2, 2:9], labels[30, 2:9] = 0, 9  # where nobody looked
    assert not said(found([odd, corrected(1)]), STOP, "")


def test_classes_that_no_case_shows_are_named(found, corrected):
    case = corrected()
    one = replace(case, labels=np.where(case.labels == 4, 0, case.labels))
    assert said(found([one, one]), NOTE, "No case shows four")
    config = FineTuneConfig(new_classes=("9=cyst",))
    assert said(found([case], config), STOP, "new class cyst (value 9)")


def test_an_image_the_model_cannot_take_stops_and_the_others_are_still_looked_at(found, corrected):
    case = corrected()
    two = replace(case, volume=Volume(np.repeat(case.volume.array, 2, 0), (1.0, 1.0)), name="two")
    flat = replace(case, volume=Volume(np.ones((1, 32, 32), np.float32), (1.0, 1.0)), name="flat")
    findings = found([two, flat, corrected(1)])
    assert [f.case for f in said(findings, STOP, "channels")] == ["two"]
    assert [f.case for f in said(findings, STOP, "nothing to segment")] == ["flat"]
    assert said(findings, NOTE, "different numbers of channels: 1 and 2")


def test_one_case_alone_and_the_same_image_twice_are_warned_of(found, corrected):
    assert said(found([corrected()]), WARNING, "With one case")
    (finding,) = said(found([corrected(0), replace(corrected(0), name="b")]), WARNING, "the same")
    assert finding.case == "b"


def test_images_that_the_model_knew_are_found_again(found, corrected, small_model):
    cases = [corrected(i) for i in range(3)]
    replay = knowing(small_model(), patches=[cases[0]], guards=[cases[1]])
    findings = found(cases, replay=replay)
    assert [f.case for f in said(findings, WARNING, "guard what the model knew")] == ["case 1"]
    assert [f.case for f in said(findings, NOTE, "trained on this image already")] == ["case 0"]
    assert not said(findings, WARNING, "no examples")


def test_examples_of_another_model_stop_and_those_of_another_file_are_warned_of(
    found, corrected, small_model
):
    cases = [corrected(0), corrected(1)]
    known = knowing(small_model(), patches=cases)
    colour = replace(known, images=known.images.repeat(1, 3, 1, 1))
    assert said(found(cases, replay=colour), STOP, "The examples of what the model knew have 3")
    model = small_model(sha256="a")
    for kept, warned in (("a", False), ("b", True), ("", False)):
        findings = preflight(model, cases, CONFIG, replay=replace(known, model=kept))
        assert bool(said(findings, WARNING, "kept beside another model")) == warned


def test_voxel_sizes_that_differ_or_are_not_known_are_warned_of(found, corrected):
    case = corrected()
    thick = replace(case, volume=Volume(case.volume.array, (1.0, 2.0)), name="thick")
    assert said(found([case, thick]), WARNING, "differ by more than half")
    unknown = replace(case, volume=Volume(case.volume.array, (1.0, 1.0), spacing_known=False))
    findings = found([unknown, corrected(1)], spacing=(2.0, 2.0), window=(32, 32))
    assert said(findings, WARNING, "the model wants 2 x 2 mm")


def test_values_beyond_what_the_model_sees_are_warned_of(found, corrected):
    findings = found([corrected(0), corrected(1)], clip=(100.0, 300.0), window=(32, 32))
    assert len(said(findings, WARNING, "100% of the values lie outside 100 to 300")) == 2
    findings = found(
        [corrected(0), corrected(1)], normalise="fixed", mean=(90.0,), std=(1.0,), window=(32, 32)
    )
    assert len(said(findings, WARNING, "far brighter or darker")) == 2


def test_a_volume_that_lies_otherwise_is_warned_of(found, corrected):
    case = corrected(dims=3)
    turned = np.diag([1.0, 1.0, 1.0, 1.0])  # its first axis runs to the right
    other = replace(case, volume=Volume(case.volume.array, (1.0,) * 3, turned), name="turned")
    findings = found([case, other])
    assert [f.case for f in said(findings, WARNING, "lies otherwise")] == ["turned"]
