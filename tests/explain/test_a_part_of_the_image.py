"""A part of the image is shown as it is in the whole, and nothing else is kept."""

from __future__ import annotations

import numpy as np
import pytest

from napari_medseg.engine.inference_config import InferenceConfig
from napari_medseg.explain.analyses import channel_redundancy
from napari_medseg.explain.evidence import occlusion, uncertainty
from napari_medseg.explain.feature_maps import features, summary
from napari_medseg.explain.gradients import grad_cam, input_gradients
from napari_medseg.explain.layers import find_layer
from napari_medseg.explain.passing import run
from napari_medseg.explain.showing import Question, show
from napari_medseg.explain.viewing import view_of
from napari_medseg.explain.voxel import why

PARTS = [
    ((17, 23), (slice(3, 9), slice(0, 23)), {}),
    ((41, 37), (slice(30, 41), slice(5, 6)), {"window": (16, 16)}),
    ((20, 30), (slice(4, 11), slice(7, 20)), {"size": (40, 60)}),
    ((9, 30, 12), (slice(2, 5), slice(21, 30), slice(0, 12)), {"window": (8, 16, 8)}),
]


def same_where_both_are(part, whole, box):
    """Whether an overlay of a part is that of the whole, and covers the part."""
    a, b = part.on_grid(), whole.on_grid()
    inside = (slice(None), *box)
    assert np.isfinite(a[inside]).all()
    known = np.isfinite(part.values).all() and part.values.size < whole.values.size
    scale = part.scale
    shift = [round((p - w) / s) for p, w, s in zip(
        part.translate, whole.translate, scale, strict=True)]  # fmt: skip
    cut = tuple(slice(i, i + n) for i, n in zip(shift, part.values.shape[1:], strict=True))
    np.testing.assert_allclose(part.values, whole.values[(slice(None), *cut)], atol=1e-6)
    return known and np.allclose(part.place.scale, whole.place.scale) and b.shape == a.shape


@pytest.mark.parametrize("layer", ["fine", "coarse"])
@pytest.mark.parametrize(("shape", "box", "preprocessing"), PARTS)
@pytest.mark.parametrize("blend", [False, True])
def test_the_maps_of_a_part_are_those_of_the_whole(
    known, image, shape, box, preprocessing, layer, blend
):
    segmenter, volume = known(len(shape), **preprocessing), image(shape)
    middle = tuple((b.start + b.stop) // 2 for b in box)
    blend = blend and "window" in preprocessing
    if not blend:  # a window need not hold all of the part
        preprocessing = {k: v for k, v in preprocessing.items() if k != "window"}
        segmenter = known(len(shape), **preprocessing)
    part = view_of(segmenter, volume, box=box, blend=blend)
    assert part.at == middle
    whole = view_of(segmenter, volume, at=middle, blend=blend)
    shown = [features(segmenter, view, layer, sort="order") for view in (part, whole)]
    assert same_where_both_are(*shown, box)
    recorded, all_of_it = (run(segmenter, v, [layer]).maps[layer].numel() for v in (part, whole))
    assert recorded < all_of_it


def test_only_windows_that_hold_the_part_are_run(known, image):
    segmenter, volume = known(2, window=(16, 16)), image((64, 64))
    find_layer(segmenter.network, "fine")  # runs it once to know its layers
    passes = []
    hook = segmenter.network.fine.register_forward_hook(lambda *_: passes.append(1))
    try:
        summary(segmenter, view_of(segmenter, volume, box=(slice(0, 8), slice(0, 8)), blend=True),
                "fine")  # fmt: skip
    finally:
        hook.remove()
    assert len(passes) == 1


def test_the_slices_of_a_part_are_those_that_are_run(known, image):
    segmenter, volume = known(2), image((9, 12, 10))
    box = (slice(3, 6), slice(2, 9), slice(0, 10))
    view = view_of(segmenter, volume, box=box, config=InferenceConfig(slice_axis=0))
    assert view.image.shape[0] == 3
    shown = features(segmenter, view, "fine")
    np.testing.assert_array_equal(shown.values[0], volume.array[0][box])
    with pytest.raises(ValueError, match="do not hold slice 8"):
        view_of(segmenter, volume, at=(8, 0, 0), box=box)


def test_evidence_analyses_and_pages_of_a_part_are_cut_to_it(known, image):
    segmenter, volume = known(2), image((24, 32))
    box, at = (slice(4, 12), slice(20, 32)), (6, 25)
    view = view_of(segmenter, volume, at=at)
    part = view.within(box)
    for verb in (
        lambda v: grad_cam(segmenter, v, 1, layer="coarse"),
        lambda v: input_gradients(segmenter, v, 1, steps=1),
        lambda v: uncertainty(segmenter, v),
    ):
        assert same_where_both_are(verb(part), verb(view), box)
    covered = occlusion(segmenter, part, 1, cell=4.0)
    assert covered.values.shape == (1, 2, 3)
    assert occlusion(segmenter, part, 1).scale == (1, 1)  # a twelfth of the part, not of the view
    (row, _) = channel_redundancy(segmenter, part).rows
    assert row[0] == "coarse"
    page = why(segmenter, volume, at, view=part)
    assert same_where_both_are(page.overlays[0], why(segmenter, volume, at).overlays[0], box)


@pytest.mark.parametrize(
    ("preprocessing", "at", "shown"),
    [
        ({}, (3, 3), (slice(0, 20), slice(0, 30))),
        ({"window": (16, 16)}, (0, 29), (slice(0, 16), slice(14, 30))),
        ({"size": (40, 60)}, (3, 3), (slice(0, 20), slice(0, 30))),
    ],
)
def test_a_view_says_which_voxels_of_the_image_it_shows(known, image, preprocessing, at, shown):
    view = view_of(known(2, **preprocessing), image((20, 30)), at=at)
    assert view.shown == shown
    box = (slice(at[0], at[0] + 1), slice(at[1], at[1] + 1))
    assert view.within(box).shown == box


def test_a_question_names_the_part(known, image):
    segmenter, volume = known(2), image((24, 32))
    view = view_of(segmenter, volume)
    box = (slice(8, 16), slice(12, 24))
    (shown,) = show(segmenter, view, "energy", Question(box=box))
    assert shown.values.shape == (1, 8, 12)
    assert shown.translate == (8, 12)


@pytest.mark.parametrize(
    ("box", "said"),
    [
        ((slice(0, 4),), "the box has 1 axes, the image has 2"),
        ((slice(4, 4), slice(0, 9)), "holds no voxel"),
        ((slice(0, 8), slice(0, 8)), "not in the part of the image looked at"),
    ],
)
def test_parts_that_cannot_be_are_refused(known, image, box, said):
    segmenter = known(2, window=(16, 16))
    view = view_of(segmenter, image((64, 64)), at=(60, 60))
    with pytest.raises(ValueError, match=said):
        view.within(box)
