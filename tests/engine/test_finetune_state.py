"""A fine-tuning on disk: what it belongs to, and what is read of it again."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_medseg.engine.finetune_config import FineTuneConfig
from napari_medseg.engine.finetune_state import Origin, OtherRun, StateFile, origin
from napari_medseg.engine.replay import Replay

CPU = torch.device("cpu")
CONFIG = FineTuneConfig(steps=3)
F = Origin("model", "cases", "known", '{"steps": 3}')


def replay(seed=0):
    random = torch.Generator().manual_seed(seed)
    image = torch.randn(1, 8, 8, generator=random)
    labels = torch.randint(0, 2, (8, 8), generator=random, dtype=torch.int32)
    return Replay(torch.stack([image] * 2), torch.stack([labels] * 2), ((image, labels),), "")


@pytest.fixture
def asked(small_model, corrected):
    """Return model, cases, config and replay of one fine-tuning."""
    return [small_model(), [corrected(0), corrected(1)], CONFIG, replay()]


def test_the_same_question_has_the_same_number(asked, small_model, corrected):
    again = [small_model(), [corrected(0), corrected(1)], FineTuneConfig(steps=3), replay()]
    assert origin(*again) == origin(*asked)


def test_what_may_change_on_the_way_is_no_part_of_it(asked):
    model, cases, config, known = asked
    before = origin(*asked)
    gentler = config.replace(learning_rate=1e-5, save_every=1)
    renamed = [replace(case, name="another") for case in cases]
    unseen = np.where(cases[0].reviewed, cases[0].labels, 9)
    assert origin(model, cases, gentler, known) == before
    assert origin(model, renamed, config, known) == before
    assert origin(model, [replace(cases[0], labels=unseen), cases[1]], config, known) == before


def test_a_setting_an_image_a_label_or_a_mark_makes_another_one(asked, corrected):
    model, cases, config, known = asked
    first, second = cases
    other_labels = np.where(first.reviewed, 1, first.labels).astype(np.uint8)
    questions = [
        (model, cases, config.replace(steps=4), known),
        (model, cases, config.replace(augment=config.augment.replace(flip=0.25)), known),
        (model, [first], config, known),
        (model, [second, first], config, known),
        (model, [corrected(2), second], config, known),
        (model, [replace(first, labels=other_labels), second], config, known),
        (model, [replace(first, reviewed=None), second], config, known),
        (model, [replace(first, changed=None), second], config, known),
        (model, [replace(first, weight=2.0), second], config, known),
        (model, cases, config, None),
    ]
    numbers = {origin(*one) for one in [asked, *questions]}
    assert len(numbers) == len(questions) + 1


def test_other_weights_another_card_or_another_replay_make_another_one(asked, small_model):
    model, cases, config, known = asked
    moved = small_model()
    with torch.no_grad():
        moved.network.head.bias[0] += 1e-6
    longer = Replay(known.images[:1], known.labels[:1], known.guards, "")
    relabelled = Replay(known.images, 1 - known.labels, known.guards, "")
    other_guards = Replay(
        known.images, known.labels, tuple((i, 1 - labels) for i, labels in known.guards), ""
    )
    questions = [
        (moved, cases, config, known),
        (small_model(activation="sigmoid"), cases, config, known),
        (small_model(normalise="none", window=(32, 32)), cases, config, known),
        *((model, cases, config, other) for other in (longer, relabelled, other_guards, replay(1))),
    ]
    numbers = {origin(*one) for one in [asked, *questions]}
    assert len(numbers) == len(questions) + 1


def test_what_was_saved_last_comes_back_to_the_bit(tmp_path):
    file = StateFile(tmp_path / "new" / "folder", F)
    assert not file.exists()
    assert file.load(CPU) is None
    state = {"step": 3, "weights": {"w": torch.randn(4, 3)}, "curve": [{"dice": None, "step": 1}]}
    file.save({"step": 1})
    file.save(state)
    assert file.exists()
    found = file.load(CPU)
    assert torch.equal(found["weights"]["w"], state["weights"]["w"])
    assert (found["step"], found["curve"]) == (3, state["curve"])
    assert len(list((tmp_path / "new" / "folder").iterdir())) == 1
    file.remove()
    file.remove()
    assert not file.exists()


def test_without_a_folder_nothing_is_kept():
    file = StateFile(None, F)
    file.save({"step": 1})
    file.remove()
    assert not file.exists()
    assert file.load(CPU) is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model": "m"}, "another model"),
        ({"cases": "c", "known": "k"}, "other cases and other examples of what the model knew"),
        ({"settings": '{"steps": 4, "replay": 0.5}'}, r"other settings \(replay, steps\)"),
    ],
)
def test_a_state_of_something_else_says_what_it_was_begun_with(tmp_path, change, said):
    StateFile(tmp_path, F).save({"step": 1})
    with pytest.raises(OtherRun, match=f"begun with {said} and cannot.*begin anew"):
        StateFile(tmp_path, replace(F, **change)).load(CPU)


@pytest.mark.parametrize(
    "old", [{"version": 1, "of": "5f3a"}, {"of": {"model": "model"}}, {"of": {}}]
)
def test_a_state_of_another_time_is_refused(tmp_path, old):
    StateFile(tmp_path, F).save({"step": 1, **old})
    with pytest.raises(OtherRun, match="begun with another version of this program"):
        StateFile(tmp_path, F).load(CPU)


def test_a_state_that_holds_code_is_not_run(tmp_path):
    StateFile(tmp_path, F).save({"step": 1})
    (file,) = tmp_path.iterdir()
    torch.save({"version": 2, "of": vars(F), "run": pytest.fail}, file)
    with pytest.raises(ValueError, match="damaged or no state of a fine-tuning"):
        StateFile(tmp_path, F).load(CPU)
