"""What a model is shown while it is fine-tuned."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_medseg.engine.finetune_config import FineTuneConfig
from napari_medseg.engine.finetune_patches import CHANGED, Patches, examples_of, patch_size
from napari_medseg.engine.replay import UNSEEN, Replay
from napari_medseg.engine.training_config import AugmentConfig
from napari_medseg.volume import Volume

STILL = AugmentConfig(flip=0.0, affine=0.0, intensity_scale=0.0, intensity_shift=0.0)
CONFIG = FineTuneConfig(augment=STILL, batch_size=4, restyle=0.0)


@pytest.fixture
def patches(small_model, corrected):
    """Make the patches of two cases: ``patches(config, replay)``."""

    def make(config=CONFIG, known=None, rank=0):
        card = small_model().card
        examples = [e for seed in (0, 1) for e in examples_of(corrected(seed), card)]
        return Patches(examples, card, config, (32, 32), known, rank)

    return make


def replay_of(count=6):
    images = torch.arange(count).float().view(-1, 1, 1, 1).expand(count, 1, 32, 32)
    noise = torch.randn(count, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    return Replay(images * 100 + noise, torch.zeros(count, 32, 32, dtype=torch.int32), (), "")


def test_corrected_voxels_are_marked_and_what_nobody_saw_is_background(small_model, corrected):
    case = corrected()
    (example,) = examples_of(case, small_model().card)
    seen = np.where(case.changed, CHANGED, 1) * case.reviewed
    np.testing.assert_array_equal(example.weights, seen)
    np.testing.assert_array_equal(example.labels, np.where(case.reviewed, case.labels, 0))


@pytest.mark.parametrize(
    ("batch", "share", "now", "rehearsed"), [(4, 0.5, 2, 2), (4, 0.25, 3, 1), (1, 0.5, 1, 1)]
)
def test_a_share_of_each_step_rehearses(patches, batch, share, now, rehearsed):
    made = patches(CONFIG.replace(batch_size=batch, replay=share), replay_of())
    batch_now, kept = made.of(3)
    assert (len(batch_now[0]), len(kept.images)) == (now, rehearsed)


@pytest.mark.parametrize("changes", [{"replay": 0.0}, {"distillation": 0.0}])
def test_without_distillation_or_share_nothing_rehearses(patches, changes):
    now, rehearsed = patches(CONFIG.replace(**changes), replay_of()).of(0)
    assert rehearsed is None
    assert len(now[0]) >= 2


def test_all_of_the_replay_is_rehearsed_with_the_labels_it_has(patches):
    known = replay_of()
    known.labels[:, 8:20] = 4
    known.labels[:, 20:] = UNSEEN
    made = patches(CONFIG, known)
    shown = set()
    for step in range(12):
        kept = made.of(step)[1]
        assert (kept.targets[:, :8] == 0).all()
        assert (kept.targets[:, 8:20] == 2).all()  # the second class
        assert (kept.marks[:, 0, :20] == 1).all()
        assert not kept.marks[:, 0, 20:].any()
        assert torch.equal(kept.images, kept.plain)
        shown |= set(kept.images.mean((1, 2, 3)).div(100).round().int().tolist())
    assert shown == set(range(6))


@pytest.mark.parametrize(
    ("changes", "seen"), [({"rehearsal": 0.0}, []), ({"new_classes": ("5=cyst",)}, [8, 20])]
)
def test_labels_nobody_wants_or_that_may_be_new_classes_are_not_rehearsed(patches, changes, seen):
    known = replay_of()
    known.labels[:, 8:20] = 4
    marks = patches(CONFIG.replace(**changes), known).of(0)[1].marks[0, 0]
    expected = torch.zeros(32, 32)
    expected[slice(*seen) if seen else []] = 1
    assert torch.equal(marks, expected)


def test_the_student_sees_some_of_it_in_the_look_of_the_corrected_ones(patches):
    now, kept = patches(CONFIG.replace(restyle=1.0), replay_of()).of(1)
    assert kept.plain.mean((1, 2, 3)).max() > 90
    looks, dressed = now[0].mean((1, 2, 3)), kept.images.mean((1, 2, 3))
    plain = kept.plain.mean((1, 2, 3))
    far = plain > 50
    assert ((dressed[far] - looks.mean()).abs() < 0.6 * (plain[far] - looks.mean()).abs()).all()


def test_without_a_replay_the_corrected_images_themselves_are_changed_strongly(patches):
    now, kept = patches(FineTuneConfig(batch_size=4)).of(0)
    assert kept.marks.max() > 0  # where a person disagreed the teacher is not followed there either
    assert torch.equal(kept.images, kept.plain)
    assert kept.images.shape == now[0].shape


def test_a_step_can_be_made_again_and_another_process_sees_other_patches(patches):
    first, again, other = (patches(FineTuneConfig(), replay_of(), r).of(5) for r in (0, 0, 1))
    for a, b in zip((*first[0], *first[1]), (*again[0], *again[1]), strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(first[0][0], other[0][0])


def test_a_patch_has_the_cards_size_or_what_the_images_suggest(small_model, corrected):
    model = small_model(window=(30, 40))
    examples = examples_of(corrected(), model.card)
    assert patch_size(model.card, model.network, examples) == (32, 64)
    free = model.card.replace(preprocessing=model.card.preprocessing.replace(window=None))
    assert patch_size(free, model.network, examples) == (32, 32)
    large = replace(examples[0], labels=np.zeros((700, 90), np.uint8))
    assert patch_size(free, model.network, [large]) == (256, 96)


def test_an_image_the_model_cannot_take_is_refused(small_model, corrected):
    case = corrected()
    two = replace(case, volume=Volume(np.repeat(case.volume.array, 2, 0), (1.0, 1.0)))
    with pytest.raises(ValueError, match="2 channels"):
        examples_of(two, small_model().card)
