"""What a person meets at a chart: words, colours that stay, clicks, and nothing that moves."""

from __future__ import annotations

import gc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from napari.components import ViewerModel
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QColor, QWheelEvent
from qtpy.QtWidgets import QApplication

from napari_medseg.widgets.plots import BoxChart, BoxGroup, CurveChart
from napari_medseg.widgets.plots.five_numbers import FiveNumbers
from napari_medseg.widgets.plots.series import Series
from napari_medseg.widgets.plots.swarm import swarm

NAN = float("nan")
ORANGE, BLUE = "#e69f00", "#0072b2"
LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


@pytest.fixture
def boxes(qtbot):
    chart = BoxChart()
    qtbot.addWidget(chart)
    chart.resize(320, 200)
    chart.show()
    return chart


@pytest.fixture
def curves(qtbot):
    chart = CurveChart("step", "Nothing is learned yet")
    qtbot.addWidget(chart)
    chart.resize(320, 200)
    chart.show()
    return chart


def group(*values, key=1, name="liver", colour=ORANGE):
    cases = tuple(f"case {i}" for i in range(len(values)))
    return BoxGroup(key, name, colour, cases, values)


def turn_wheel(chart, times=3):
    viewport = chart.plot.viewport()
    middle = QPointF(viewport.rect().center())
    for _ in range(times):
        event = QWheelEvent(
            middle,
            QPointF(viewport.mapToGlobal(middle.toPoint())),
            QPoint(0, 0),
            QPoint(0, 120),
            Qt.MouseButton.NoButton,
            NONE,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(viewport, event)


def drag(qtbot, hover, chart):
    viewport = chart.plot.viewport()
    qtbot.mousePress(viewport, LEFT, pos=QPoint(150, 90))
    hover(viewport, QPoint(60, 40), LEFT)
    qtbot.mouseRelease(viewport, LEFT, pos=QPoint(60, 40))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ((NAN,), "liver: no case has a value"),
        ((), "liver: no case has a value"),
        ((0.5,), "liver: median 0.5, half of the cases from 0.5 to 0.5, whiskers from 0.5 to 0.5"),
        ((0.5,), "(1 case)"),
        ((0.5, NAN, NAN), "(1 case, 2 without a value)"),
        ((0.0, 1.0), "half of the cases from 0.25 to 0.75, whiskers from 0 to 1 (2 cases)"),
        ((float("inf"), 2.0), "(1 case, 1 without a value)"),
    ],
)
def test_a_box_is_said_in_words(boxes, values, words):
    assert words in boxes.about(group(*values))


def test_the_heading_is_the_title_and_no_markup_and_the_message_goes(boxes):
    assert boxes.message.isVisible()
    boxes.show_groups([group(0.2, 0.4)], "<b>HD95</b> & mm")
    assert boxes.heading.text() == "&lt;b&gt;HD95&lt;/b&gt; &amp; mm"
    assert (boxes.message.isVisible(), boxes.plot.isVisible()) == (False, True)


def test_other_groups_forget_the_chosen_case_and_what_was_clickable(boxes, qtbot):
    boxes.show_groups([group(0.2, 0.4)], "Dice")
    boxes.select(1, "case 0")
    before = boxes.place_of(1, "case 0")
    boxes.show_groups([group(0.8, 0.9, key=2)], "Dice")
    ring = boxes._ring.getData()[0]
    assert ring is None or not len(ring)
    assert boxes.place_of(1, "case 0") is None
    assert boxes.place_of(2, "case 0") is not None
    with qtbot.assertNotEmitted(boxes.chosen):
        qtbot.mouseClick(boxes.plot.viewport(), LEFT, pos=QPoint(before.x(), 2))


def test_cases_of_the_same_name_are_told_apart_by_their_group(boxes, qtbot):
    boxes.show_groups([group(0.2, 0.4), group(0.2, 0.6, key=7, name="cyst", colour=BLUE)], "Dice")
    for key in (7, 1):
        with qtbot.waitSignal(boxes.chosen) as told:
            qtbot.mouseClick(boxes.plot.viewport(), LEFT, pos=boxes.place_of(key, "case 0"))
        assert told.args == [key, "case 0"]


def test_a_click_finds_its_case_also_after_the_chart_has_another_size(boxes, qtbot):
    boxes.show_groups([group(*[0.5] * 9, 0.1)], "Dice", least=0, most=1)
    boxes.select(1, "case 9")
    for size in ((500, 300), (260, 150)):
        boxes.resize(*size)
        QApplication.processEvents()
        with qtbot.waitSignal(boxes.chosen) as told:
            qtbot.mouseClick(boxes.plot.viewport(), LEFT, pos=boxes.place_of(1, "case 9"))
        assert told.args == [1, "case 9"]
        places = {(p.x(), p.y()) for p in (boxes.place_of(1, f"case {i}") for i in range(9))}
        assert len(places) == 9, "equal values cover each other"
        assert boxes._ring.getData()[0].tolist() == pytest.approx([0.1])
    boxes.select(1, "case 4")  # its ring reaches over its neighbours
    with qtbot.waitSignal(boxes.chosen) as told:
        qtbot.mouseClick(boxes.plot.viewport(), LEFT, pos=boxes.place_of(1, "case 5"))
    assert told.args == [1, "case 5"]


def test_a_wheel_and_a_drag_leave_a_chart_as_it_is(boxes, curves, qtbot, hover):
    boxes.show_groups([group(0.2, 0.4)], "Dice")
    curves.append("loss", [0, 1, 2], [3, 2, 1])
    curves.draw()
    for chart in (boxes, curves):
        QApplication.processEvents()
        before = chart.plot.getViewBox().viewRange()
        turn_wheel(chart)
        drag(qtbot, hover, chart)
        assert chart.plot.getViewBox().viewRange() == before
        menu = chart.plot.getViewBox().menuEnabled()
        assert not menu


def test_a_curve_keeps_its_colour_whatever_begins_after_it(curves):
    curves.begin("training", BLUE)
    curves.append("training", 0, 1.0)
    curves.begin("training", ORANGE)  # once more: nothing happens
    for i in range(6):
        curves.begin(f"class {i}")
    colours = list(curves._colours.values())
    assert colours[0] == BLUE
    assert len(set(colours)) == 7
    assert curves.points("training")[1].tolist() == [1.0]
    curves.draw()
    assert f"color: {BLUE}'>■</span>&nbsp;training 1" in curves.heading.text()


def test_what_is_read_of_a_curve_is_a_copy(curves):
    curves.append("loss", [0, 1], [3, 2])
    for values in curves.points("loss"):
        values[:] = -1
    assert curves.points("loss")[1].tolist() == [3, 2]


def test_points_that_do_not_fit_are_refused_and_what_was_there_stays(curves):
    curves.append("loss", [0, 1], [3, 2])
    with pytest.raises(ValueError, match=r"as many places as values, got \(2,\) and \(1,\)"):
        curves.append("loss", [2, 3], [1])
    with pytest.raises(ValueError, match="as many places as values"):
        curves.append("loss", [[2]], [[1]])
    assert curves.points("loss")[0].tolist() == [0, 1]
    with pytest.raises(ValueError, match="as many places as values"):
        curves.append("never begun", [2, 3], [1])
    assert curves.names == ("loss",)


def test_cleared_curves_may_begin_anew(curves):
    curves.append("loss", [0, 1], [3, 2])
    curves.draw()
    assert curves.plot.isVisible()
    curves.clear()
    assert (curves.names, curves.legend()) == ((), [])
    assert curves.message.isVisible()
    assert not curves.plot.isVisible()
    curves.append("loss", 7, 1.5)
    curves.draw()
    assert curves.legend() == [("loss", "1.5")]
    assert curves.plot.isVisible()


def test_charts_take_the_colours_of_the_theme_and_outlive_their_viewer(boxes, curves):
    viewer = ViewerModel()
    for chart in (boxes, curves):
        chart.follow(viewer)
    boxes.show_groups([group(0.2, 0.4)], "Dice")
    place = boxes.place_of(1, "case 0")
    for theme, dark in (("light", False), ("dark", True), ("light", False)):
        viewer.theme = theme
        for chart in (boxes, curves):
            assert chart.plot.backgroundBrush().color() == chart.paper
            assert (chart.paper.lightness() < chart.ink.lightness()) is dark
    assert boxes.paper.lightness() > 200
    assert boxes.place_of(1, "case 0") == place  # nothing jumps
    del viewer
    gc.collect()
    boxes._take_theme()
    assert boxes.place_of(1, "case 0") == place


def test_faint_is_between_the_colours_of_text_and_background(boxes):
    boxes.ink, boxes.paper = QColor("#ffffff"), QColor("#000000")
    assert [boxes.faint(share).name() for share in (0, 0.4, 1)] == ["#000000", "#666666", "#ffffff"]


finite = st.floats(-1e6, 1e6, allow_nan=False)


@given(st.lists(st.one_of(finite, st.just(NAN)), max_size=30))
def test_the_five_numbers_rise_and_the_whiskers_are_cases(values):
    box = FiveNumbers.of(values)
    known = [v for v in values if np.isfinite(v)]
    if box is None:
        assert not known
        return
    assert box.low <= box.median <= box.high
    assert box.lower <= box.median <= box.upper
    assert {box.low, box.high} <= set(known)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=25), st.randoms(use_true_random=False))
def test_how_a_swarm_looks_does_not_depend_on_the_order_of_the_cases(places, random):
    def seen(order):
        values = np.array([places[i] for i in order], float)
        return sorted(zip(values.tolist(), swarm(values, 5.0, 30.0).tolist(), strict=True))

    order = list(range(len(places)))
    first = seen(order)
    random.shuffle(order)
    assert seen(order) == first


@given(st.lists(st.lists(finite, max_size=40), max_size=8))
def test_a_curve_is_all_that_was_added_in_its_order(parts):
    series = Series()
    for part in parts:
        series.extend(np.arange(len(part)), part)
    assert series.y.tolist() == [value for part in parts for value in part]
    assert len(series) == len(series.x)
