"""Cases of a fine-tuning on disk: images, labels, masks of what was reviewed and changed."""

import numpy as np
import pytest

from napari_medseg.commands.finetune import load_cases, summary
from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.io import write_image, write_labels
from napari_medseg.progress import Cancelled
from napari_medseg.volume import Volume

SHAPE = (5, 8, 6)
NO_MASKS = {"reviewed": None, "changed": None}


@pytest.fixture
def folder(tmp_path):
    """Two volumes in nnU-Net's layout, the names of labels without the channel's suffix."""
    random = np.random.default_rng(0)
    for name in ("a", "b"):
        volume = Volume(random.normal(size=(1, *SHAPE)).astype(np.float32), (2.0, 1.0, 1.0))
        labels = np.zeros(SHAPE, np.uint8)
        labels[1:3, 2:6, 1:4] = 1
        write_image(tmp_path / "imagesTr" / f"{name}_0000.nii.gz", volume)
        write_labels(tmp_path / "labelsTr" / f"{name}.nii.gz", labels, like=volume)
    return tmp_path


def mask(path, planes, shape=SHAPE, spacing=(2.0, 1.0, 1.0)):
    marked = np.zeros(shape, np.uint8)
    marked[planes] = 1
    like = Volume(np.zeros((1, *shape), np.float32), spacing)
    write_labels(path, marked, like=like)


def load(folder, **masks):
    return load_cases(folder, {**NO_MASKS, **masks}, lambda step: None)


def test_without_masks_all_was_reviewed_and_nothing_is_known_of_changes(folder):
    cases = load(folder)
    assert [case.name for case in cases] == ["a", "b"]
    assert {case.labels.sum() for case in cases} == {2 * 4 * 3}
    assert all(case.reviewed is None and case.changed is None for case in cases)


def test_masks_beside_the_images_are_found_and_belong_to_their_case_alone(folder):
    mask(folder / "reviewed" / "b.nii.gz", slice(1, 3))
    mask(folder / "changed" / "b.nii.gz", 2)
    first, second = load(folder)
    assert first.reviewed is None
    assert second.reviewed.dtype == bool
    assert np.flatnonzero(second.reviewed.all((1, 2))).tolist() == [1, 2]
    assert np.flatnonzero(second.changed.any((1, 2))).tolist() == [2]


def test_masks_of_another_folder_are_taken_instead(folder, tmp_path):
    mask(folder / "reviewed" / "a.nii.gz", 0)
    mask(tmp_path / "elsewhere" / "a.nii.gz", 4)
    (first, _) = load(folder, reviewed=tmp_path / "elsewhere")
    assert np.flatnonzero(first.reviewed.any((1, 2))).tolist() == [4]


def test_a_folder_of_masks_that_is_not_there_is_named(folder, tmp_path):
    with pytest.raises(ValueError, match=r"no folder .*nowhere of masks"):
        load(folder, changed=tmp_path / "nowhere")


@pytest.mark.parametrize(
    "other", [{"shape": (5, 8, 7)}, {"spacing": (1.0, 1.0, 1.0)}], ids=["size", "spacing"]
)
def test_a_mask_that_does_not_lie_on_its_image_is_refused_by_name(folder, other):
    mask(folder / "reviewed" / "a.nii.gz", 0, **other)
    with pytest.raises(ValueError, match=r"the image of a.*a\.nii\.gz"):
        load(folder)


def test_reading_cases_is_counted_and_can_be_stopped(folder):
    steps = []

    def stop_at_the_second(step):
        steps.append((step.done, step.total, step.unit))
        if step.done:
            raise Cancelled

    with pytest.raises(Cancelled):
        load_cases(folder, NO_MASKS, stop_at_the_second)
    assert steps == [(0, 2, "case"), (1, 2, "case")]


def test_a_folder_without_labelled_images_says_so(tmp_path):
    with pytest.raises((ValueError, OSError), match=str(tmp_path)):
        load(tmp_path)


def test_a_summary_marks_the_chosen_mix_and_says_what_is_not_known(tuned_from, tiny_2d):
    teacher = Segmenter.load(tiny_2d, "cpu")
    lines = summary(tuned_from(teacher, [(0.6, 0.8)] * 6)).splitlines()
    assert [line for line in lines if line.startswith("*")] == [
        "* 1                         0.8000 +0.2000 0.8950   +0.0050"
    ]
    assert "patient 0 (held out): blob Dice 0.600 -> 0.800, HD95 8.0 -> 4.0" in lines
    assert "gain +0.2000, 95 % interval +0.2000 to +0.2000" in lines
    assert lines[-2:] == ["note: a note for people", "1.5 minutes, 720 edited voxels"]
    bare = summary(tuned_from(teacher, guards=(), held_out=False))
    assert "interval" not in bare
    assert "patient 0 (learnt from)" in bare
    assert next(line for line in bare.splitlines() if line.startswith("*")).endswith("-        -")
