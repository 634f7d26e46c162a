"""The Interact panel worked as a person does: tools, prompts, outlines, accept, back."""

from __future__ import annotations

import threading

import numpy as np
from napari.components import ViewerModel

from napari_medseg.widgets.classes.class_list import add_class
from napari_medseg.widgets.classes.stored import set_locked
from napari_medseg.widgets.interact.given import given_of, prompts_of, restore_prompts
from napari_medseg.widgets.interact.marks import Mark
from napari_medseg.widgets.keeping.prompts import keep_prompts, kept_prompts
from napari_medseg.widgets.keys import _press
from napari_medseg.widgets.layers import apply_edit, history, is_preview, steps
from napari_medseg.widgets.painted import painted_of
from napari_medseg.widgets.volumes import KEY


def shown(viewer):
    """Return what the preview layer shows of the slice one sees; None while it is hidden."""
    (layer,) = [layer for layer in viewer.layers if is_preview(layer)]
    return np.squeeze(layer.data) if layer.visible else None


def ball_of(labels, voxel, reach=3):
    box = tuple(slice(max(i - reach, 0), i + reach + 1) for i in voxel)
    return labels.data[box]


def test_what_an_answer_needs_is_made_ready_once_while_a_person_still_draws(
    balls, panel, pointer, take, settle
):
    take("point")
    settle()
    assert (balls.made, balls.answers) == (1, 0)
    assert balls.readied == np.s_[2:9, 17:24, 22:29]  # the middle of what one sees
    pointer.click((5, 20, 20))
    settle()
    take("point")
    take("box")
    settle()
    assert (balls.made, balls.answers) == (1, 1)


def test_a_click_outlines_what_would_change_and_accept_writes_one_step(
    qtbot, scene, panel, pointer, take, settle
):
    take("point")
    assert panel.parts.hint.text().startswith("Click on the image")
    pointer.click((5, 20, 20))
    settle()
    labels = panel.about.labels
    assert not labels.data.any()
    assert panel.parts.hint.text() == "1 prompts."
    # the prompt is drawn at once, the outline when there is time
    qtbot.waitUntil(lambda: shown(scene) is not None and shown(scene)[17, 17] >= Mark.CLASSES)
    marks = shown(scene)
    assert marks[20, 20] == Mark.ADDS
    assert marks[20, 30] == Mark.NOTHING
    panel.parts.accept.click()
    assert history(labels) == ["Prompts: class 1"]
    step = steps(labels)[-1]
    assert (step.by_person, step.is_answer) == (True, True)  # work, but nobody's brush
    assert (labels.data[2:9, 17:24, 17:24] == 1).all()
    assert np.count_nonzero(labels.data) == 7**3
    assert len(prompts_of(labels)) == 1
    assert panel.parts.rows.count() == 1
    labels.undo()
    assert not labels.data.any()
    assert prompts_of(labels) == ()
    assert panel.parts.rows.count() == 0
    labels.redo()
    assert len(prompts_of(labels)) == 1
    assert not given_of(labels).turns


def test_the_right_button_and_shift_remove(panel, pointer, take, settle):
    take("point")
    pointer.click((5, 20, 20))
    pointer.click((5, 20, 30), button=2)
    pointer.click((5, 30, 30), modifiers=("Shift",))
    settle()
    prompts = given_of(panel.about.labels).pending()
    assert [p.positive for p in prompts] == [True, False, False]
    assert [row.words for row in panel.parts.rows._rows] == [
        "+ point · class 1 · slice 5",
        "− point · class 1 · slice 5",
        "− point · class 1 · slice 5",
    ]


def test_scribble_box_and_lasso_are_drawn_where_the_mouse_was(scene, panel, pointer, take, settle):
    panel.parts.width.setValue(2)
    corners = ((5, 10, 10), (5, 10, 20), (5, 20, 20), (5, 20, 10))
    for kind in ("scribble", "box", "lasso"):
        take(kind)
        pointer.drag(*corners)
    settle()
    grid = panel.about.plane().grid
    scribble, box, lasso = given_of(panel.about.labels).pending()
    assert [p.kind for p in (scribble, box, lasso)] == ["scribble", "box", "lasso"]
    assert {p.axis for p in (scribble, box, lasso)} == {0}
    np.testing.assert_allclose(scribble.indices(grid)[:4], corners)
    assert (scribble.radius, box.radius) == (1, 1)
    np.testing.assert_allclose(box.indices(grid), [corners[0], corners[-1]])
    where, mask = lasso.voxels(grid)
    assert where[0] == slice(5, 6)
    assert mask.sum() == 11 * 11


def test_prompts_lie_on_the_slice_one_sees_along_any_axis(scene, panel, pointer, take, settle):
    scene.dims.order = (2, 0, 1)
    scene.dims.set_point(2, 33)
    take("scribble")
    pointer.drag((3, 10, 33), (6, 20, 33))
    settle()
    (prompt,) = given_of(panel.about.labels).pending()
    assert prompt.axis == 2
    assert set(prompt.indices(panel.about.plane().grid)[:, 2].round(6)) == {33}
    panel.view.draw()
    assert shown(scene).shape == (12, 40)
    assert shown(scene)[3, 10] == Mark.ADDS
    scene.dims.set_point(2, 10)
    panel.view.draw()
    assert not [layer for layer in scene.layers if is_preview(layer) and layer.visible]


def test_back_takes_back_one_prompt_and_all_that_came_of_it(panel, pointer, take, settle):
    take("point")
    pointer.click((5, 20, 20))
    settle()
    labels = panel.about.labels
    one = given_of(labels).turns[0]
    pointer.click((5, 22, 22))
    settle()
    panel.parts.back.click()
    assert given_of(labels).turns == [one]
    pointer.click((5, 22, 22))
    settle()
    panel.parts.accept.click()
    before = labels.data.copy()
    panel.parts.back.click()  # of what is accepted, too: the first is an outline again
    assert not labels.data.any()
    assert given_of(labels).pending() == one.prompts
    assert len(given_of(labels).turns) == 1
    panel.parts.accept.click()
    assert (labels.data != before).any()
    np.testing.assert_array_equal(labels.data[2:9, 17:24, 17:24], 1)
    panel.parts.back.click()
    panel.parts.back.click()
    assert not panel.parts.back.isEnabled()
    assert not labels.data.any()


def test_back_does_not_undo_what_somebody_painted_since(panel, pointer, take, settle):
    take("point")
    pointer.click((5, 20, 20))
    settle()
    panel.parts.accept.click()
    labels = panel.about.labels
    labels.data_setitem((np.array([1]), np.array([1]), np.array([1])), 1)
    panel.parts.back.click()
    assert "Ctrl+Z" in panel.parts.hint.text()
    assert labels.data[1, 1, 1] == 1
    assert labels.data[5, 20, 20] == 1


def test_clicks_while_it_works_are_answered_together_and_none_is_lost(
    qtbot, balls, panel, pointer, take, settle
):
    take("point")
    settle()
    balls.gate = threading.Event()
    pointer.click((5, 20, 20))
    for column in (25, 30, 35):
        pointer.click((5, 20, column))
    assert panel.parts.hint.text() == "Working on it … Back one stops it."
    panel.parts.back.click()  # the last one
    balls.gate.set()
    settle()
    columns = [round(p.indices(panel.about.plane().grid)[0, 2]) for p in
               given_of(panel.about.labels).pending()]  # fmt: skip
    assert columns == [20, 25, 30]
    assert balls.answers == 2  # one for those that waited
    labels = panel.about.labels
    panel.parts.accept.click()
    assert labels.data[5, 20, 33] == 1
    assert labels.data[5, 20, 36] == 0
    panel.parts.back.click()  # one of two that were answered together, and accepted
    settle()
    panel.parts.accept.click()
    assert len(prompts_of(labels)) == 2
    assert labels.data[5, 20, 28] == 1
    assert labels.data[5, 20, 33] == 0
    panel.parts.back.click()
    panel.parts.back.click()
    assert not panel.parts.back.isEnabled()


def test_a_prompt_taken_back_while_it_is_answered_leaves_nothing(
    balls, panel, pointer, take, settle
):
    take("point")
    settle()
    balls.gate = threading.Event()
    pointer.click((5, 20, 20))
    panel.parts.back.click()
    settle()
    balls.gate.set()
    assert given_of(panel.about.labels).turns == []
    assert not panel.parts.accept.isEnabled()
    assert panel.parts.accept.toolTip() == "Nothing is outlined yet"


def test_accept_waits_for_the_answers_that_are_on_their_way(balls, panel, pointer, take, settle):
    take("point")
    settle()
    balls.gate = threading.Event()
    pointer.click((5, 20, 20))
    panel.parts.accept.click()
    assert not panel.about.labels.data.any()
    balls.gate.set()
    settle()
    assert panel.about.labels.data[5, 20, 20] == 1


def test_a_prompt_taken_out_of_the_list_never_was(panel, pointer, take, settle):
    take("point")
    for place in ((5, 20, 20), (5, 21, 28), (5, 22, 22)):
        pointer.click(place, button=2 if place[2] == 28 else 1)
    settle()
    labels = panel.about.labels
    panel.parts.rows.removed.emit(1)
    settle()
    assert [p.positive for p in given_of(labels).pending()] == [True, True]
    panel.parts.accept.click()
    expected = np.zeros(labels.data.shape, np.uint8)
    expected[2:9, 17:26, 17:26] = 1
    expected[2:9, 17:19, 24:26] = expected[2:9, 24:26, 17:19] = 0
    np.testing.assert_array_equal(labels.data, expected)
    panel.parts.rows.removed.emit(0)  # accepted, and nothing came after it
    settle()
    assert not labels.data.any()
    assert len(given_of(labels).pending()) == 1


def test_apply_at_once_makes_a_step_of_each_answer(panel, pointer, take, settle):
    panel.parts.at_once.setChecked(True)
    take("point")
    for column in (10, 30):
        pointer.click((5, 20, column))
        settle()
    labels = panel.about.labels
    assert history(labels) == ["Prompts: class 1"] * 2
    panel.parts.back.click()
    assert (labels.data[5, 20, 10], labels.data[5, 20, 30]) == (1, 0)
    assert len(prompts_of(labels)) == 1
    assert given_of(labels).turns == []


def test_locked_classes_stay_and_prompts_for_them_are_refused(
    scene, balls, panel, pointer, take, settle
):
    labels = scene.add_labels(np.zeros((12, 40, 50), np.uint8), scale=(2, 1, 1), units="mm")
    labels.data[:, :, 22:] = 1
    add_class(labels, "vessel")
    set_locked(labels, 1, True)
    take("point")
    pointer.click((5, 20, 20))
    settle()
    panel.parts.accept.click()
    assert (labels.data[:, :, 22:] == 1).all()
    assert labels.data[5, 20, 20] == 2
    labels.selected_label = 1
    assert "is locked" in panel.parts.hint.text()
    assert not panel.parts.tools.buttons["point"].isEnabled()
    assert not panel.view.hand.on


def test_labels_nobody_sees_are_not_written_into(scene, panel, pointer, take, settle):
    place = {"scale": (2, 1, 1), "units": "mm"}
    truth = scene.add_labels(np.zeros((12, 40, 50), np.uint8), name="truth", **place)
    scene.layers.selection.active = scene.layers["scan"]
    truth.visible = False
    assert panel.about.labels is None
    take("point")
    pointer.click((5, 20, 20))
    settle()
    panel.parts.accept.click()
    assert not truth.data.any()
    assert panel.about.labels.data.any()
    scene.layers.selection.active = truth  # a person wants these
    assert panel.about.labels is truth
    pointer.click((5, 20, 20))
    settle()
    panel.parts.accept.click()
    assert truth.data.any()
    assert truth.visible


def test_what_a_person_painted_stays_unless_a_prompt_touches_it(
    scene, panel, pointer, take, settle
):
    labels = scene.add_labels(np.zeros((12, 40, 50), np.uint8), scale=(2, 1, 1), units="mm")
    add_class(labels, "other")
    stroke = np.s_[5:6, 18:20, 18:20], np.s_[5:6, 30:32, 18:20]
    for box in stroke:
        apply_edit(labels, np.full((1, 2, 2), 2), "Brush", box=box)
    labels.selected_label = 1
    take("point")
    pointer.click((5, 20, 20))  # beside the first
    pointer.click((5, 30, 18))  # on the second
    settle()
    panel.parts.accept.click()
    assert (labels.data[stroke[0]] == 2).all()
    assert (labels.data[stroke[1]] == 1).all()
    painted = painted_of(labels)
    assert painted.changed_in(stroke[0]).all()
    assert painted.reviewed_in(np.s_[5:6, 20:21, 20:21]).all()  # where a person pointed
    assert painted.count_reviewed < 40
    labels.undo()
    assert painted.count_reviewed == painted.count_changed == 8
    labels.redo()
    assert painted.changed_in(stroke[0]).all()
    assert not painted.changed_in(np.s_[2:5, :, :]).any()


def test_a_stroke_between_prompt_and_accept_is_not_overwritten(panel, pointer, take, settle):
    take("point")
    pointer.click((5, 20, 20))
    settle()
    labels = panel.about.labels
    apply_edit(labels, np.full((1, 1, 3), 2), "Brush", box=np.s_[5:6, 20:21, 18:21])
    panel.parts.accept.click()
    assert (labels.data[5, 20, 18:21] == 2).all()
    assert labels.data[5, 21, 20] == 1


def test_a_place_outside_and_the_3d_view_are_said_in_words(scene, panel, pointer, take):
    take("point")
    assert pointer.press((5, 80, 20))
    pointer.release((5, 80, 20))
    assert "outside of the image" in panel.parts.hint.text()
    scene.dims.ndisplay = 3
    assert not pointer.press((5, 20, 20))  # napari turns the volume
    assert "2D view" in panel.parts.hint.text()
    scene.dims.ndisplay = 2
    take("box")
    pointer.click((5, 20, 20))
    assert "pull to the opposite one" in panel.parts.hint.text()
    assert panel.about.labels is None


def test_the_image_and_the_labels_may_go_while_it_works(balls, scene, panel, pointer, take, settle):
    take("point")
    settle()
    balls.gate = threading.Event()
    pointer.click((5, 20, 20))
    scene.layers.remove("scan")
    assert not panel.view.hand.on
    balls.gate.set()
    settle()
    labels = panel.about.labels
    panel.parts.accept.click()
    assert labels.data[5, 20, 20] == 1
    scene.add_image(np.zeros((12, 40, 50)), name="scan", scale=(2, 1, 1), units="mm")
    pointer.image = scene.layers["scan"]
    take("point")
    balls.gate = threading.Event()
    pointer.click((5, 30, 30))
    scene.layers.remove(labels)
    balls.gate.set()
    settle()
    assert panel.parts.hint.text() == "The labels are gone; nothing was changed."


def test_an_answer_that_fails_says_why_and_the_next_one_comes(
    balls, panel, pointer, take, settle, notices
):
    take("point")
    balls.error = ValueError("the click is on a locked class; unlock it first")
    pointer.click((5, 20, 20))
    settle()
    assert panel.parts.hint.text() == "The click is on a locked class; unlock it first."
    balls.error = KeyError("nobody knows")
    pointer.click((5, 20, 20))
    settle()
    assert "Something went wrong inside MedSeg" in notices[-1].message
    balls.error = None
    pointer.click((5, 20, 30))
    settle()
    assert len(given_of(panel.about.labels).pending()) == 1


def test_class_slice_and_labels_may_change_while_it_works(
    balls, scene, panel, pointer, take, settle
):
    take("point")
    pointer.click((5, 20, 20))
    settle()
    first = panel.about.labels
    panel.parts.classes.add.click()
    assert first.selected_label == 2
    balls.gate = threading.Event()
    pointer.click((5, 20, 30))
    first.selected_label = 1
    scene.dims.set_current_step(0, 8)
    second = scene.add_labels(np.zeros((12, 40, 50), np.uint8), scale=(2, 1, 1), units="mm")
    balls.gate.set()
    settle()
    assert given_of(second).turns == []
    assert not panel.parts.accept.isEnabled()
    scene.layers.selection.active = first
    assert [p.value for p in given_of(first).pending()] == [1, 2]
    panel.parts.accept.click()
    assert history(first) == ["Prompts: class 1, class 2"]
    assert first.data[5, 20, 30] == 2


def test_the_mouse_is_napari_s_own_again_when_the_tool_or_the_tab_is_left(
    scene, panel, pointer, take
):
    labels = scene.add_labels(np.zeros((12, 40, 50), np.uint8), scale=(2, 1, 1), units="mm")
    labels.mode = "paint"
    take("point")
    assert labels.mode == "pan_zoom"
    assert pointer.press((5, 20, 20))
    pointer.release((5, 20, 20))
    take("point")  # pressed again: left
    assert labels.mode == "paint"
    labels.mode = "pan_zoom"
    assert not pointer.press((5, 20, 20))
    pointer.release((5, 20, 20))
    take("lasso")
    panel.hide()
    assert not panel.view.hand.on
    assert not pointer.press((5, 20, 20))
    pointer.release((5, 20, 20))
    assert "Space" not in {str(key) for key in scene.keymap}
    assert not [layer for layer in scene.layers if is_preview(layer)]
    panel.show()
    take("scribble")
    labels.mode = "erase"  # a person takes napari's own tool
    assert not panel.view.hand.on
    assert labels.mode == "erase"
    assert panel.parts.tools.kind == ""


def test_keys_do_nothing_to_outlines_nobody_sees(scene, panel, pointer, take, settle):
    wanted = []
    panel.interact_wanted.connect(lambda: wanted.append(True))
    take("point")
    pointer.click((5, 20, 20))
    settle()
    panel.hide()
    _press("accept_prompts", scene)
    assert wanted == [True]
    assert not panel.about.labels.data.any()
    panel.show()
    _press("accept_prompts", scene)
    assert panel.about.labels.data[5, 20, 20] == 1
    panel.hide()
    _press("prompt_lasso", scene)
    assert wanted == [True, True]
    assert panel.parts.tools.kind == "lasso"
    _press("prompt_back", scene)
    assert panel.about.labels.data[5, 20, 20] == 1


def test_the_outline_follows_an_image_that_is_moved(scene, panel, pointer, take, settle):
    take("point")
    pointer.click((5, 20, 20))
    settle()
    for moved in (scene.layers["scan"], panel.about.labels):
        moved.scale, moved.translate = (2, 3, 3), (0, 7, 7)
    panel.view.draw()
    (preview,) = [layer for layer in scene.layers if is_preview(layer)]
    np.testing.assert_allclose(preview.data_to_world((0, 20, 20)), (10, 67, 67))


def test_an_image_of_a_new_name_is_the_same_image(scene, panel, pointer, take, settle):
    (image,) = panel.parts.images.layers
    image.name = "another name"
    assert panel.parts.images.names == ("another name",)
    take("point")
    pointer.click((5, 20, 20))
    settle()
    assert len(given_of(panel.about.labels).pending()) == 1


def test_with_space_held_the_image_moves(scene, panel, pointer, take):
    take("point")
    (space,) = [call for key, call in scene.keymap.items() if str(key) == "Space"]
    held = space(scene)
    next(held)
    assert not pointer.press((5, 20, 20))
    pointer.release((5, 20, 20))
    assert next(held, "released") == "released"
    assert pointer.press((5, 20, 20))
    pointer.release((5, 20, 20))


def test_two_viewers_have_their_own_prompts(qtbot, balls, panel_of, scene, panel, pointer, take):
    other = ViewerModel()
    other.add_image(np.zeros((20, 30)), name="picture")
    second = panel_of(other)
    take("point")
    assert second.parts.tools.kind == ""
    pointer.click((5, 20, 20))
    qtbot.waitUntil(lambda: not panel.prompting.queue.busy)
    assert second.about.labels is None
    assert second.parts.rows.count() == 0
    assert panel.parts.rows.count() == 1


def test_colour_pictures_and_films_of_volumes_take_prompts(qtbot, balls, panel_of, pointer_of):
    viewer = ViewerModel()
    picture = viewer.add_image(np.zeros((30, 40, 3), np.uint8), rgb=True, name="picture")
    panel = panel_of(viewer)
    panel.choose("point")
    pointer_of(viewer, picture).click((10, 10))
    qtbot.waitUntil(lambda: not panel.prompting.queue.busy)
    panel.parts.accept.click()
    assert panel.about.labels.data.shape == (30, 40)
    assert np.count_nonzero(panel.about.labels.data) == 49
    film = viewer.add_image(np.zeros((3, 6, 20, 20), np.float32), name="film")
    viewer.dims.set_point(0, 2)
    viewer.dims.set_point(1, 3)
    assert "do not lie on film" in panel.parts.hint.text()
    viewer.layers.remove(panel.about.labels)
    panel.choose("point")
    pointer_of(viewer, film).click((2, 3, 10, 10))
    qtbot.waitUntil(lambda: not panel.prompting.queue.busy)
    viewer.dims.set_point(0, 1)
    pointer_of(viewer, film).click((1, 3, 10, 10))
    assert "at the other time" in panel.parts.hint.text()
    panel.parts.accept.click()
    labels = panel.about.labels
    assert labels.data.shape == (3, 6, 20, 20)
    assert np.flatnonzero(labels.data.any(axis=(1, 2, 3))).tolist() == [2]


def test_prompts_of_an_earlier_sitting_belong_to_the_labels_again(
    scene, panel, pointer, take, settle, notices
):
    take("point")
    pointer.click((5, 20, 20))
    settle()
    panel.parts.accept.click()
    labels = panel.about.labels
    kept = prompts_of(labels)
    assert kept_prompts(labels) == [((), kept)]  # as journals and projects write them
    again = scene.add_labels(labels.data.copy(), scale=(2, 1, 1), units="mm")
    restore_prompts(again, kept)
    assert prompts_of(again) == kept
    pointer.click((5, 20, 30))
    settle()
    assert panel.parts.hint.text() == "2 prompts."
    panel.parts.clear.click()
    panel.parts.back.click()
    assert prompts_of(again) == ()
    assert kept_prompts(again) == []
    assert again.data[5, 20, 20] == 1
    keep_prompts(again, [((), kept)])
    given_of(again).read_kept(again)
    assert panel.parts.rows.count() == 1
    again.metadata[KEY] = {**again.metadata[KEY], "prompts": "nonsense"}
    given_of(again).read_kept(again)
    assert "damaged" in notices[-1].message
    assert prompts_of(again) == kept
