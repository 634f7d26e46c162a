import dataclasses

import numpy as np
import pytest
import torch

from napari_medseg.engine.augment import Augment
from napari_medseg.engine.card import LabelClass, ModelCard, Preprocessing
from napari_medseg.engine.cases import Case
from napari_medseg.engine.patches import Batches, bare_part, make_examples, window_of
from napari_medseg.engine.training_config import AugmentConfig, TrainingConfig
from napari_medseg.volume import Volume

STILL = AugmentConfig(flip=0.0, affine=0.0, intensity_scale=0.0, intensity_shift=0.0)
RESTLESS = AugmentConfig(rotate90=0.5, affine=1.0, shift=0.1, elastic=0.5)


def card(dims, channels=1, classes=(1, 2), **preprocessing):
    softmax = len(classes) > 1
    return ModelCard(
        name="m",
        architecture="lgmsnet",
        config={
            "spatial_dims": dims,
            "in_channels": channels,
            "num_classes": len(classes) + softmax,
        },
        classes=tuple(LabelClass(value=v, name=str(v)) for v in classes),
        activation="softmax" if softmax else "sigmoid",
        preprocessing=Preprocessing(**preprocessing),
    )


def case(shape, channels=1, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.zeros(shape, np.uint8)
    labels[tuple(slice(s // 4, s // 2) for s in shape)] = 1
    labels[tuple(slice(s // 2, 3 * s // 4) for s in shape)] = 2
    image = rng.normal(100, 20, (channels, *shape)).astype(np.float32) + 50 * labels
    return Case(Volume(image, (1.0,) * len(shape)), labels, name=f"case {seed}")


def example_of(case, card):
    (example,) = make_examples(case, card)
    return example


@pytest.mark.parametrize("shape", [(20, 24), (10, 20, 16)])
def test_image_and_labels_move_together(shape):
    labels = torch.zeros(shape, dtype=torch.int32)
    labels[tuple(slice(s // 3, s // 3 + 6) for s in shape)] = 3
    image = labels[None].float()
    for seed in range(8):
        moved, moved_labels, _ = Augment(RESTLESS, shape)(image, labels, seed)
        assert set(moved_labels.unique().tolist()) <= {0, 3}
        apart = (moved[0].round() != moved_labels).float().mean()
        assert apart < 0.12  # the rim alone, where the image is interpolated


@pytest.mark.parametrize("shape", [(20, 24), (10, 20, 16)])
def test_the_same_seed_moves_the_same_and_another_does_not(shape):
    image, labels = torch.rand(1, *shape), torch.randint(0, 3, shape)
    first, again, other = (Augment(RESTLESS, shape)(image, labels, s)[0] for s in (5, 5, 6))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_everything_off_changes_nothing():
    image, labels = torch.rand(3, 8, 8), torch.randint(0, 3, (8, 8))
    still = Augment(STILL, (8, 8))
    moved, moved_labels, _ = still(image, labels, 1)
    assert torch.equal(moved, image)
    assert torch.equal(moved_labels, labels)
    assert torch.equal(still.colours(image, 1), image)
    assert torch.equal(still.intensities(image, 1), image)


def test_colours_stay_in_range_and_grey_stays_grey():
    jitter = Augment(AugmentConfig(colour=1.0, hue=0.2, saturation=0.5), (4, 4))
    grey = torch.full((3, 4, 4), 0.4)
    for seed in range(10):
        image = jitter.colours(torch.rand(3, 4, 4), seed)
        assert image.min() >= 0
        assert image.max() <= 1
        turned = jitter.colours(grey, seed)
        torch.testing.assert_close(turned[0], turned[1])
        torch.testing.assert_close(turned[1], turned[2])


@pytest.mark.parametrize("shape", [(40, 30), (12, 20, 30)])
def test_a_window_on_the_foreground_holds_some(shape):
    example = example_of(case(shape), card(len(shape)))
    size = (8,) * len(shape)
    rng = np.random.default_rng(0)
    for _ in range(20):
        image, labels, _ = window_of(example, size, 1.0, rng)
        assert image.shape == (1, *size)
        assert labels.shape == size
        assert labels.any()


def test_a_window_larger_than_the_image_is_padded_around_it():
    example = example_of(case((6, 10)), card(2))
    image, labels, _ = window_of(example, (8, 16), 0.5, np.random.default_rng(0))
    assert torch.equal(image[:, 1:7, 3:13], example.image)
    assert labels.sum() == example.labels.sum()
    assert image[:, 0].abs().max() == 0


def config(**changes):
    return TrainingConfig(**{"window": (8, 8), "batch_size": 2, "augment": STILL, **changes})


def test_softmax_targets_are_class_indices_and_sigmoid_targets_are_regions():
    cases = [case((16, 16), seed=s) for s in range(2)]
    for classes, shape, kind in (((1, 2), (2, 8, 8), torch.int64), ((1,), (2, 1, 8, 8), None)):
        described = card(2, classes=classes)
        batches = Batches([example_of(c, described) for c in cases], described, config())
        images, targets, _ = next(batches.epoch(0))
        assert images.shape == (2, 1, 8, 8)
        assert targets.shape == shape
        assert targets.dtype == (kind or torch.float32)


def test_an_epoch_resumed_in_the_middle_goes_on_as_it_would_have():
    described = card(2)
    examples = [example_of(case((16, 16), seed=s), described) for s in range(6)]
    batches = Batches(examples, described, config(augment=RESTLESS))
    whole = list(batches.epoch(3))
    rest = list(batches.epoch(3, start=1))
    assert len(whole) == 3
    for (a, b, _), (c, d, _) in zip(whole[1:], rest, strict=True):
        assert torch.equal(a, c)
        assert torch.equal(b, d)


def test_threads_give_the_same_batches_in_the_same_order():
    described = card(2)
    examples = [example_of(case((16, 16), seed=s), described) for s in range(6)]
    settings = config(augment=RESTLESS, windows_per_case=3)
    for one, other in zip(
        Batches(examples, described, settings).epoch(1),
        Batches(examples, described, settings, workers=3).epoch(1),
        strict=True,
    ):
        assert torch.equal(one[0], other[0])
        assert torch.equal(one[1], other[1])


def test_every_case_is_seen_once_an_epoch_and_epochs_differ():
    described = card(2)
    examples = [example_of(case((8, 8), seed=s), described) for s in range(6)]
    batches = Batches(examples, described, config(foreground=0.0))
    first, second = (torch.cat([images for images, _, _ in batches.epoch(e)]) for e in (0, 1))
    assert not torch.equal(first, second)
    for images in (first, second):
        assert len({image.sum().item() for image in images}) == 6


def test_cases_of_nothing_are_seen_as_often_as_asked():
    described = card(2, classes=(1,))
    cases = [case((8, 8), seed=i) for i in range(5)]
    for i in (1, 3):
        cases[i].labels[:] = 0
    examples = [example_of(c, described) for c in cases]
    batches = Batches(examples, described, config(empty_cases=3, batch_size=3))
    assert len(batches) == 3
    images = torch.cat([images for images, _, _ in batches.epoch(0)])
    seen = [sum(torch.equal(image, e.image) for image in images) for e in examples]
    assert seen == [1, 3, 1, 3, 1]


def test_fewer_cases_than_a_batch_are_repeated():
    described = card(2)
    batches = Batches([example_of(case((8, 8)), described)], described, config(batch_size=4))
    (images, _, _), *others = batches.epoch(0)
    assert not others
    assert images.shape[0] == 4


def test_early_epochs_are_smaller_and_later_ones_are_whole():
    described = card(2, size=(32, 32))
    examples = [example_of(case((40, 20), seed=s), described) for s in range(2)]
    settings = config(window=None, size=(32, 32), early_size=(16, 16), epochs=4)
    batches = Batches(examples, described, settings)
    sizes = [tuple(next(batches.epoch(e))[1].shape[1:]) for e in range(4)]
    assert sizes == [(16, 16), (16, 16), (32, 32), (32, 32)]
    assert set(next(batches.epoch(0))[1].unique().tolist()) == {0, 1, 2}


def test_fixed_normalising_comes_after_the_colours():
    fixed = {"normalise": "fixed", "mean": (0.5,) * 3, "std": (0.25,) * 3, "unit_range": True}
    described = card(2, channels=3, classes=(1,), **fixed)
    image = Volume(np.full((3, 8, 8), 255, np.uint8), (1.0, 1.0))
    labels = np.ones((8, 8), np.uint8)
    labels[0] = 0
    image.array[:, 0, 0] = 0  # a constant image is refused
    examples = [example_of(Case(image, labels), described)]
    assert examples[0].image.max() == 1
    images, _, _ = next(Batches(examples, described, config()).epoch(0))
    assert images.max() == 2
    assert images.min() == -2


@pytest.mark.parametrize(("axes", "turned"), [(None, (1, 2)), ((-1,), (2,)), ((0,), (1,))])
def test_only_the_axes_asked_for_are_mirrored(axes, turned):
    config = AugmentConfig(flip=1.0, flip_axes=axes, affine=0.0)
    image, labels = torch.rand(1, 6, 8), torch.randint(0, 3, (6, 8))
    mirrored, moved, _ = Augment(config, (6, 8))(image, labels, seed=0)
    assert torch.equal(mirrored, image.flip(turned))
    assert torch.equal(moved, labels[None].flip(turned)[0])


@pytest.mark.parametrize("shape", [(20, 24), (10, 20, 16)])
def test_a_bare_part_holds_only_what_lies_beside_the_labels(shape):
    labels = torch.zeros(shape, dtype=torch.int32)
    labels[tuple(slice(s // 2, s // 2 + 2) for s in shape)] = 3
    image = 7 * (labels[None] > 0).float()
    bare = 0
    for seed in range(20):
        part, nothing = bare_part(image, labels, np.random.default_rng(seed))
        assert part.shape == image.shape
        assert nothing.shape == labels.shape
        assert part.any() == nothing.any()  # both as they came, or both without
        bare += not nothing.any()
    assert bare > 10


def test_a_patch_full_of_labels_has_no_bare_part():
    image, labels = torch.rand(1, 12, 12), torch.ones(12, 12, dtype=torch.int32)
    part, kept = bare_part(image, labels, np.random.default_rng(0))
    assert part is image
    assert kept is labels


@pytest.mark.parametrize(("bare", "empty"), [(0.0, 0), (1.0, 4)])
def test_bare_patches_come_as_often_as_asked_and_leave_the_rest_alone(bare, empty):
    """The labels are in one corner region of each image, so that there is always a bare part."""
    config = TrainingConfig(size=(24, 24), batch_size=4, augment=STILL.replace(bare=bare))
    one = card(2, classes=(1,), size=(24, 24))
    cases = [case((24, 24), seed=seed) for seed in range(4)]
    for c in cases:
        c.labels[:] = 0
        c.labels[2:6, 2:6] = 1
    (batch,) = Batches([example_of(c, one) for c in cases], one, config).epoch(0)
    assert int((batch[1].flatten(1).sum(1) == 0).sum()) == empty


def test_a_case_of_twice_the_weight_is_seen_twice_as_often():
    described = card(2)
    heavy, light = case((8, 8)), case((8, 8), seed=1)
    examples = [
        example_of(dataclasses.replace(heavy, weight=3.0), described),
        example_of(dataclasses.replace(light, weight=1.5), described),
    ]
    batches = Batches(examples, described, config(batch_size=3, foreground=0.0))
    assert [len(batches), sorted(batches._seen.tolist())] == [1, [0, 0, 1]]
    with pytest.raises(ValueError, match="leave the case out"):
        dataclasses.replace(heavy, weight=0.0)
