"""Names of layers say which image of which case they are."""

from __future__ import annotations

import pytest

from napari_medseg.widgets.channel_names import case_of, shows

BRAIN = ("FLAIR", "T1", "T1ce", "T2")


@pytest.mark.parametrize(
    ("channel", "names"),
    [
        ("FLAIR", ["p1_flair", "p1-t2flair", "BraTS-GLI-001-t2f", "x_T2_FLAIR.nii.gz"]),
        ("T1", ["p1_t1", "p1 T1w", "BraTS-GLI-001-t1n", "mprage_7", "case · T1", "t1_reg"]),
        ("T1ce", ["p1_t1ce", "p1_T1c", "p1 t1-gd", "ann · T1 post", "t1w_ce", "BraTS-GLI-001-t1c"]),
        ("T2", ["p1_t2", "p1 T2w", "t2_1mm"]),
    ],
)  # fmt: skip
def test_each_name_is_one_contrast_and_no_other(channel, names):
    for name in names:
        found = [BRAIN[i] for i in range(len(BRAIN)) if shows(name, BRAIN, i)]
        assert found == [channel], name


@pytest.mark.parametrize("name", ["brain", "p1_t10", "shift1", "t1rho", "cat1", "outflair"])
def test_words_that_only_look_like_a_contrast_are_none(name):
    assert not any(shows(name, BRAIN, i) for i in range(len(BRAIN)))


@pytest.mark.parametrize(("name", "index"), [("case_0000", 0), ("ann_0002.nii.gz", 2)])
def test_the_numbers_of_nnunet_count_before_words(name, index):
    assert [i for i in range(4) if shows(name, BRAIN, i)] == [index]
    assert [i for i in range(4) if shows(name, (), i)] == [index]


def test_other_channels_are_found_by_all_their_words():
    channels = ("PET", "low dose CT")
    assert shows("ann · PET", channels, 0)
    assert shows("ann_CT_low-dose", channels, 1)
    assert not shows("ann_CT", channels, 1)
    assert not shows("petra", channels, 0)


@pytest.mark.parametrize(
    "names",
    [
        ["ann_flair", "ann_t1", "ann_t1ce", "ann_t2"],
        ["ann · FLAIR", "ann · T1", "ann · T1ce"],
        ["BraTS-GLI-1-000-t2f", "BraTS-GLI-1-000-t1n", "BraTS-GLI-1-000-t1c"],
        ["ann_0000", "ann_0001"],
        ["T1 ann", "T1 post ann", "FLAIR ann"],
    ],
)
def test_all_images_of_a_case_share_its_name(names):
    cases = {case_of(name, BRAIN) for name in names}
    assert len(cases) == 1
    assert cases.pop()


def test_two_cases_have_two_names():
    assert case_of("ann_t1", BRAIN) != case_of("bob_t1", BRAIN)
    assert case_of("case_1 · T1", BRAIN) != case_of("case_11 · T1", BRAIN)
    assert case_of("t1", BRAIN) == case_of("flair", BRAIN) == ""
