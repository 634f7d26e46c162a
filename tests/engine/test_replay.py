"""What a model keeps of what it was trained on."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from napari_medseg.engine.finetune_scores import guard_cases, score_case
from napari_medseg.engine.patches import make_examples
from napari_medseg.engine.replay import (
    UNSEEN,
    Replay,
    check_replay,
    extended,
    load_replay,
    replay_path,
    save_replay,
    write_replay,
)
from napari_medseg.engine.training_config import TrainingConfig

CONFIG = TrainingConfig(window=(16, 16), replay_patches=6, seed=3)


@pytest.fixture
def kept(small_model, corrected, tmp_path):
    """Write and read again: ``kept(cases, held_out)``."""

    def keep(cases, held_out, config=CONFIG):
        model = small_model()
        model.save(tmp_path / "m.safetensors")
        learnt, held = ([e for c in some for e in make_examples(c, model.card)] for some in (
            cases, held_out))  # fmt: skip
        path = save_replay(tmp_path / "m.safetensors", model.card, learnt, held, config)
        assert path == replay_path(tmp_path / "m.safetensors")
        return load_replay(path)

    return keep


def whole(case):
    return replace(case, reviewed=None, changed=None)


def test_patches_and_guards_come_back_and_the_same_seed_draws_the_same(kept, corrected):
    cases, held = [whole(corrected(i)) for i in range(2)], [whole(corrected(5))]
    first, again, other = (kept(cases, held, CONFIG.replace(seed=s)) for s in (3, 3, 4))
    assert first.images.shape == (6, 1, 16, 16)
    assert torch.equal(first.images, again.images)
    assert not torch.equal(first.images, other.images)
    assert set(first.labels.unique().tolist()) <= {0, 1, 4}
    ((image, labels),) = first.guards
    np.testing.assert_array_equal(labels, held[0].labels)
    assert image.shape == (1, 32, 32)
    assert first.model == again.model != ""


def test_what_nobody_saw_is_kept_as_unseen_and_scored_by_nobody(kept, corrected, small_model):
    case = corrected()
    known = kept([case], [case])
    assert (known.labels == UNSEEN).any()
    (guard,) = guard_cases(known)
    np.testing.assert_array_equal(guard.reviewed, case.reviewed)
    np.testing.assert_array_equal(guard.labels[case.reviewed], case.labels[case.reviewed])
    assert guard.labels.min() == 0
    model = small_model()
    wrong = np.where(case.reviewed, guard.labels, 4)
    assert score_case(model, replace(guard, labels=wrong)) == score_case(model, guard)


def test_of_a_model_that_learnt_more_the_old_patches_keep_most_places(small_model, corrected):
    examples = make_examples(corrected(), small_model().card)
    guards = ((torch.zeros(1, 16, 16), torch.zeros(16, 16, dtype=torch.int32)),)
    full = Replay(torch.ones(64, 1, 16, 16), torch.zeros(64, 16, 16, dtype=torch.int32), guards, "")
    grown = extended(full, examples * 4, (16, 16), seed=0)
    assert len(grown.images) == 64
    assert (grown.images[:48] == 1).all()
    assert grown.guards == guards
    assert (grown.labels[48:] == UNSEEN).any()
    few = extended(None, examples, (16, 16), seed=0)
    assert (len(few.images), few.guards) == (8, ())


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((2, 3, 16, 16), "have 3 channels in 2D, the model takes 1 in 2D"),
        ((2, 1, 16, 16, 16), "have 1 channels in 3D"),
        ((0, 1, 16, 16), "hold no image; give others, or go without"),
    ],
)
def test_examples_of_another_model_are_refused(small_model, shape, words):
    replay = Replay(torch.zeros(shape), torch.zeros(shape[0], *shape[2:]), (), "")
    with pytest.raises(ValueError, match=words):
        check_replay(replay, small_model().card)


def test_a_file_that_is_none_or_cut_off_is_said(tmp_path):
    path = tmp_path / "x.replay.safetensors"
    save_file({"images": torch.zeros(1)}, path)
    with pytest.raises(ValueError, match="is no replay file; one ends in"):
        load_replay(path)
    (tmp_path / "m.safetensors").write_bytes(b"model")
    empty = Replay(torch.zeros(1, 1, 4, 4), torch.zeros(1, 4, 4, dtype=torch.int32), (), "")
    path = write_replay(tmp_path / "m.safetensors", empty, name="m")
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(ValueError, match="no replay file or is cut off"):
        load_replay(path)
