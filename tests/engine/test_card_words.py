"""A card in plain words."""

from __future__ import annotations

import pytest

from napari_medseg.engine.card import LabelClass, ModelCard, Preprocessing
from napari_medseg.engine.card_words import card_markdown, expected_input, history_lines


def card(dims=3, channels=1, mirrored=True, about=None, **fields):
    return ModelCard(
        name="liver-3d",
        architecture="lgmsnet",
        config={"spatial_dims": dims, "in_channels": channels, "num_classes": 2},
        classes=(LabelClass(value=7, name="li|ver"),),
        preprocessing=Preprocessing(**(about or {})),
        mirrored=mirrored,
        **fields,
    )


@pytest.mark.parametrize(
    ("made", "aspect", "says"),
    [
        (card(about={"modality": "CT"}), "Image", "CT: a volume (3D)"),
        (card(2), "Image", "slice by slice"),
        (card(2, 3, about={"channels": ("red", "green", "blue")}), "Channels", "in colour"),
        (card(3, 2, about={"channels": ("T1", "T2")}), "Channels", "2 images of one case"),
        (card(3, 2, about={"channels": ("T1", "T2")}), "Channels", "T1, T2"),
        (card(about={"channels": ("echo",)}), "Channels", "one grey image (echo)"),
        (card(about={"window": (8, 16, 16)}), "Size", "windows of 8 × 16 × 16 voxels"),
        (card(2, about={"size": (128, 128)}), "Size", "made 128 × 128 pixels"),
        (card(), "Size", "the whole image at once"),
        (card(about={"spacing": (2.0, 1.0, 1.0)}), "Voxels", "2 × 1 × 1 mm; others are resampled"),
        (card(2), "Pixels", "as they are"),
        (
            card(about={"modality": "CT", "clip": (-1000.0, 400.0)}),
            "Intensity",
            "clipped to −1000 … 400 HU",
        ),
        (card(about={"clip_percentiles": (0.5, 99.5)}), "Intensity", "percentiles 0.5 and 99.5"),
        (card(about={"normalise": "none"}), "Intensity", "taken as they are"),
        (card(about={"unit_range": True}), "Intensity", "brought to 0–1"),
        (card(), "Orientation", "turned upright for you; mirrored is fine"),
        (card(mirrored=False), "Orientation", "mirrored it has never seen"),
    ],
)
def test_what_is_expected_of_an_image_is_said_aspect_by_aspect(made, aspect, says):
    assert says in expected_input(made)[aspect]


def test_a_resized_image_may_have_any_pixels():
    assert "Pixels" not in expected_input(card(2, about={"size": (64, 64)}))


def test_history_is_said_with_its_dates_where_there_are_any():
    made = card(history=({"what": "trained", "date": "2026-01-02T03:04"}, {"what": "tuned"}, {}))
    assert history_lines(made) == ["2026-01-02: trained", "tuned"]


def test_the_markdown_holds_everything_and_stays_a_table():
    text = card_markdown(
        card(
            title="Liver",
            description="Outlines\nthe liver.",
            data="some CT",
            split="by patient",
            licence="CC0",
            scores={"test Dice, li|ver": 0.912, "test HD95 in mm": 3.21, "note": "by hand"},
            created="2026-02-03",
            parent="ab" * 32,
            reproduce="napari-medseg train x",
        )
    )
    for words in ("# Liver", "Outlines the liver.", "some CT", "by patient", "CC0", "2026-02-03"):
        assert words in text
    assert "| 7 | li\\|ver | #e69f00 |" in text
    assert "| li\\|ver | 0.91 | 3.2 |" in text
    assert "- **note**: by hand" in text
    assert "ab" * 32 in text
    assert "research use" in text
