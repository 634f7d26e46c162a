import numpy as np
import pytest
import torch

from napari_medseg.engine.augment import Augment
from napari_medseg.engine.card import LabelClass, ModelCard, Preprocessing
from napari_medseg.engine.cases import Case
from napari_medseg.engine.grid import Grid
from napari_medseg.engine.patches import Batches, make_examples, window_of
from napari_medseg.engine.sparse import (
    balanced_places,
    is_sparse,
    seen_on,
    seen_values,
    weights_of,
)
from napari_medseg.engine.training_config import AugmentConfig, TrainingConfig
from napari_medseg.volume import Volume

RESTLESS = AugmentConfig(affine=1.0, shift=0.2, elastic=0.5)
SEEN = (3, 9)  # slices


def card(dims, **preprocessing):
    return ModelCard(
        name="m",
        architecture="lgmsnet",
        config={"spatial_dims": dims, "in_channels": 1, "num_classes": 3},
        classes=tuple(LabelClass(value=v, name=str(v)) for v in (1, 4)),
        activation="softmax",
        preprocessing=Preprocessing(**preprocessing),
    )


def painted(unseen=0, shape=(12, 20, 24), spacing=(1.0, 1.0, 1.0)):
    """Make a volume of which two slices were looked at; elsewhere the labels are `unseen`."""
    image = np.random.default_rng(0).normal(size=(1, *shape)).astype(np.float32)
    labels = np.full(shape, unseen, np.uint8)
    reviewed = np.zeros(shape, bool)
    for at in SEEN:
        reviewed[at], labels[at] = True, 0
        labels[at, 4:10, 4:12], labels[at, 12:16, 4:8] = 1, 4
    return Case(Volume(image, spacing), labels, reviewed=reviewed, name="scan")


def config(**changes):
    return TrainingConfig(window=(8, 16, 16), batch_size=2, augment=RESTLESS, **changes)


def test_a_case_is_sparse_if_somebody_left_a_voxel_out():
    case = painted()
    assert is_sparse(case)
    assert not is_sparse(Case(case.volume, case.labels))
    assert not is_sparse(Case(case.volume, case.labels, reviewed=np.ones(case.labels.shape, bool)))
    assert seen_values(painted(unseen=7)).tolist() == [0, 1, 4]
    assert seen_values(Case(case.volume, case.labels + 1)).tolist() == [1, 2, 5]


def test_weights_are_of_what_was_seen_and_changed():
    case = painted()
    changed = np.zeros(case.labels.shape, bool)
    changed[3, 4], changed[0] = True, True  # slice 0 was changed by nobody who looked
    both = Case(case.volume, case.labels, reviewed=case.reviewed, changed=changed)
    weights = weights_of(both, changed_weight=3)
    assert np.unique(weights[3, 4]).tolist() == [3]
    assert np.unique(weights[9]).tolist() == [1]
    assert not weights[0].any()
    assert weights_of(both).max() == 1
    whole = Case(case.volume, case.labels, changed=changed)
    assert weights_of(whole) is None
    assert np.unique(weights_of(whole, changed_weight=2)).tolist() == [1, 2]


@pytest.mark.parametrize("shape", [(6, 20, 24), (5, 7, 24), (12, 20, 24), (24, 11, 30), (4, 4, 4)])
def test_no_slice_that_was_seen_is_lost_on_another_grid(shape):
    case = painted(unseen=9)
    grid = Grid(case.labels.shape, shape)
    labels, weights = seen_on(grid, case.labels, weights_of(case))
    assert labels.shape == weights.shape == shape
    for at in SEEN:
        assert weights[int((at + 0.5) * shape[0] / 12)].all()
    assert 9 not in labels[weights > 0]


def test_on_finer_and_equal_grids_labels_are_the_nearest_ones():
    case = painted()
    for shape in ((12, 20, 24), (24, 40, 24), (13, 20, 31)):
        grid = Grid(case.labels.shape, shape)
        labels, weights = seen_on(grid, case.labels, weights_of(case))
        np.testing.assert_array_equal(labels, grid.resample_labels(case.labels))
        np.testing.assert_array_equal(weights, grid.resample_labels(weights_of(case)))


def test_what_was_seen_never_spreads_beyond_the_voxels_that_cover_it():
    weights = np.zeros((1, 16, 30), np.uint8)
    weights[0, 5, 7] = 1
    labels = weights * 6
    for shape in ((1, 4, 10), (1, 3, 7), (1, 16, 9)):
        found, known = seen_on(Grid(weights.shape, shape), labels, weights)
        assert np.argwhere(known).tolist() == [
            [0, int(5.5 * shape[1] / 16), int(7.5 * shape[2] / 30)]
        ]
        assert found[known > 0].tolist() == [6]


def test_places_are_as_many_of_every_class():
    rng = np.random.default_rng(0)
    few, many = np.array([[1, 1]]), np.argwhere(np.ones((9, 9)))
    places = balanced_places([few, many, many[:0]], 30, rng)
    assert len(places) == 60
    assert (places[:30] == [1, 1]).all()
    assert balanced_places([few[:0]], 30, rng).shape == (0, 2)


def test_labels_that_nobody_saw_have_no_influence_on_a_batch():
    settings = config()
    batches = []
    for unseen in (0, 1, 7):
        examples = make_examples(painted(unseen), card(3, window=(8, 16, 16)))
        batches.append(list(Batches(examples, card(3), settings).epoch(0)))
    for others in batches[1:]:
        for one, other in zip(batches[0], others, strict=True):
            assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_every_window_holds_something_that_was_seen():
    (example,) = make_examples(painted(), card(3))
    rng = np.random.default_rng(0)
    for share in (0.0, 0.5, 1.0):
        for _ in range(30):
            _, labels, weights = window_of(example, (4, 16, 16), share, rng)
            assert weights.any()
            assert not labels[weights == 0].any()


def test_a_2d_model_learns_from_the_slices_that_were_seen():
    case = painted(unseen=4)
    examples = make_examples(case, card(2, size=(20, 24)))
    assert [e.name for e in examples] == ["scan, slice 4", "scan, slice 10"]
    for at, example in zip(SEEN, examples, strict=True):
        np.testing.assert_array_equal(example.labels, case.labels[at])
        whole = (case.volume.array - case.volume.array.mean()) / case.volume.array.std()
        np.testing.assert_allclose(example.image.numpy(), whole[:, at], atol=1e-5)
    whole = Case(case.volume, case.labels)
    assert len(make_examples(whole, card(2, size=(20, 24)))) == 12


def test_slices_lie_along_the_largest_spacing():
    examples = make_examples(painted(spacing=(1.0, 3.0, 1.0)), card(2))
    assert len(examples) == 20
    assert examples[0].labels.shape == (12, 24)
    assert all(e.weights.sum() == 2 * 24 for e in examples)


def test_weights_move_with_the_labels_and_nothing_is_seen_beyond_the_image():
    labels = torch.ones((16, 20), dtype=torch.int32)
    weights = torch.ones((16, 20), dtype=torch.uint8)
    weights[:8] = 0
    shifting = AugmentConfig(flip=1.0, affine=1.0, shift=0.4, rotate=40.0)
    for seed in range(8):
        image, moved, known = Augment(shifting, (16, 20))(
            labels[None].float(), labels, seed, weights
        )
        plain_image, plain, none = Augment(shifting, (16, 20))(labels[None].float(), labels, seed)
        assert none is None
        assert torch.equal(moved, plain)
        assert torch.equal(image, plain_image)
        assert known.any()
        assert not known[moved == 0].any()


def test_cases_seen_in_whole_and_in_part_share_a_batch():
    case = painted()
    whole = Case(case.volume, case.labels, name="whole")
    examples = [e for c in (case, whole) for e in make_examples(c, card(3))]
    still = AugmentConfig(flip=0.0, affine=0.0)
    batches = Batches(examples, card(3), config().replace(augment=still))
    ((images, targets, weights),) = batches.epoch(0)
    assert weights.shape == (2, 1, 8, 16, 16)
    assert images.shape[0] == targets.shape[0] == 2
    assert sorted(bool(w.all()) for w in weights) == [False, True]
    ((_, _, none),) = Batches(examples[1:], card(3), config(), workers=1).epoch(0)
    assert none is None


def test_small_images_of_the_first_epochs_keep_what_was_seen():
    examples = make_examples(painted(), card(2, size=(32, 32)))
    settings = TrainingConfig(size=(32, 32), early_size=(16, 16), batch_size=2, epochs=2)
    ((images, targets, weights),) = Batches(examples, card(2), settings).epoch(0)
    assert images.shape[2:] == targets.shape[1:] == weights.shape[2:] == (16, 16)
    assert set(weights.unique().tolist()) <= {0.0, 1.0}
