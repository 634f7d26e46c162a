"""What charts show, seen as pixels, and what a mouse does on them."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from qtpy.QtCore import QEvent, QPoint, Qt
from qtpy.QtGui import QImage
from qtpy.QtWidgets import QScrollArea

from napari_medseg.widgets.plots import BoxChart, BoxGroup, CurveChart

ORANGE, BLUE = "#e69f00", "#0072b2"


def colours(chart):
    """Return how often each colour occurs in what is painted."""
    image = chart.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    bits = image.constBits()
    if hasattr(bits, "setsize"):
        bits.setsize(image.sizeInBytes())
    pixels, counts = np.unique(np.frombuffer(bits, np.uint32) & 0xFFFFFF, return_counts=True)
    seen = Counter()
    seen.update({f"#{p:06x}": n for p, n in zip(pixels.tolist(), counts.tolist(), strict=True)})
    return seen


@pytest.fixture
def curves(qtbot):
    chart = CurveChart("step", "Nothing is learned yet")
    qtbot.addWidget(chart)
    chart.resize(240, 160)
    chart.show()
    return chart


@pytest.fixture
def boxes(qtbot):
    chart = BoxChart()
    qtbot.addWidget(chart)
    chart.resize(300, 160)
    cases = tuple("abcde")
    chart.show_groups(
        [
            BoxGroup(1, "liver", ORANGE, cases, (0.2, 0.5, 0.6, 0.7, 0.9)),
            BoxGroup(4, "cyst", BLUE, cases, (float("nan"), 0.5, 0.5, 0.5, 0.5)),
        ],
        "Dice",
        least=0,
        most=1,
        words="{:.3f}".format,
    )
    chart.show()
    return chart


def test_a_share_is_shown_between_none_and_all_and_steps_are_whole(qtbot):
    chart = CurveChart("step", limits=(0, 1))
    qtbot.addWidget(chart)
    chart.append("Dice", 1, 0.0)
    chart.draw()
    (left, right), (low, high) = chart.plot.getViewBox().viewRange()
    assert right - left >= 5
    assert left >= 0  # there is no step before the first
    assert low >= -0.05
    assert high >= 0.05
    chart.append("Dice", 9, 1.0)
    chart.draw()
    _, (low, high) = chart.plot.getViewBox().viewRange()
    assert -0.05 <= low <= 0
    assert 1 <= high <= 1.05


def test_curves_have_colours_of_their_own_and_stay_inside(curves):
    assert ORANGE not in colours(curves)
    curves.append("training", np.arange(100), np.linspace(1, 0, 100))
    curves.append("validation", [0, 50, 99], [1, float("nan"), 0.2])
    curves.draw()
    seen = colours(curves)
    assert seen[ORANGE] > 100
    assert curves.names == ("training", "validation")
    assert len([c for c in (ORANGE, "#56b4e9") if seen.get(c)]) == 2
    curves.clear()
    assert ORANGE not in colours(curves)
    curves.begin("loss", BLUE)
    curves.append("loss", 1, 3.0)
    curves.draw()
    assert colours(curves)[BLUE] >= 8  # a single point is seen


def test_the_legend_says_the_last_values_or_those_under_the_mouse(curves, hover):
    curves.append("loss", [1, 2, 3], [0.5, 0.25, float("nan")])
    curves.append("<Dice>", [1, 3], [0.1, 0.9])
    curves.begin("later")
    assert curves.legend() == [("loss", "0.25"), ("<Dice>", "0.9"), ("later", "–")]
    curves.draw()
    assert "&lt;Dice&gt; 0.9" in curves.heading.text()
    left = QPoint(curves.plot.width() // 4, curves.plot.height() // 2)
    hover(curves.plot.viewport(), left)
    assert curves.legend()[:2] == [("loss", "0.5"), ("<Dice>", "0.1")]
    curves.leaveEvent(QEvent(QEvent.Type.Leave))
    assert curves.legend()[1] == ("<Dice>", "0.9")


def test_a_curve_is_drawn_at_most_five_times_a_second(curves, qtbot):
    curves.append("loss", 0, 1.0)
    qtbot.waitUntil(lambda: curves.drawn > 0)
    before = curves.drawn
    for step in range(1, 2000):
        curves.append("loss", step, 1 / step)
    qtbot.waitUntil(lambda: curves.drawn > before)
    assert curves.drawn == before + 1
    x, y = curves.points("loss")
    assert (len(x), y[-1]) == (2000, 1 / 1999)


def test_whatever_comes_is_drawn(curves):
    for name, x, y in (
        ("zeros", [0, 1], [0, 0]),
        ("nothing", [0, 1], [np.nan, np.inf]),
        ("negative", [-1, 2], [-3, 4]),
        ("many", np.arange(20000), np.random.default_rng(0).normal(size=20000)),
        ("tiny", [0], [1e-300]),
        ("huge", [np.inf], [1e300]),
        ("a name that is far too long for a legend of this width, and goes on", [5], [2]),
    ):
        curves.append(name, x, y)
        curves.draw()
        assert len(colours(curves)) > 2, name
    curves.resize(30, 20)
    assert not curves.grab().isNull()


def click(qtbot, chart, place, button=Qt.MouseButton.LeftButton):
    qtbot.mouseClick(chart.plot.viewport(), button, pos=place)


def test_a_point_is_chosen_by_a_click(boxes, qtbot):
    place = boxes.place_of(1, "a")
    with qtbot.waitSignal(boxes.chosen) as told:
        click(qtbot, boxes, place)
    assert told.args == [1, "a"]
    with qtbot.assertNotEmitted(boxes.chosen):
        click(qtbot, boxes, place, Qt.MouseButton.RightButton)
        click(qtbot, boxes, QPoint(2, 2))
    places = {(p.x(), p.y()) for p in (boxes.place_of(4, c) for c in "bcde")}
    assert len(places) == 4  # equal values lie beside each other
    assert boxes.place_of(4, "a") is None
    assert boxes.place_of(7, "a") is None


def test_the_mouse_over_a_point_says_its_case(boxes, hover):
    hover(boxes.plot.viewport(), boxes.place_of(1, "e"))
    assert boxes.plot.getViewBox().toolTip() == "e · liver: Dice 0.900"
    assert boxes.accessibleDescription().startswith("liver: median 0.600, half of the cases from")
    assert "(4 cases, 1 without a value)" in boxes.accessibleDescription()


def test_boxes_have_the_colours_of_their_groups_and_the_chosen_case_a_ring(boxes):
    before = colours(boxes)
    assert before[ORANGE] > 20
    assert before[BLUE] > 20
    ink = boxes.ink.name()
    boxes.select(1, "c")
    assert colours(boxes)[ink] > before[ink]
    for key, case in ((1, "nobody"), (4, "a"), (9, "c")):
        boxes.select(key, case)
        assert colours(boxes) == before


def test_boxes_without_values_say_so(boxes):
    boxes.show_groups([BoxGroup(1, "x" * 300, ORANGE, ("a",), (float("nan"),))], "HD95 mm")
    assert "no case has a value" in boxes.accessibleDescription()
    assert ORANGE not in colours(boxes)
    assert boxes.plot.getAxis("left").width() < 160
    boxes.show_groups([], "")
    assert boxes.message.isVisible()
    assert not boxes.plot.isVisible()


def test_many_groups_take_as_much_height_as_they_need(boxes, qtbot):
    groups = [BoxGroup(i, f"class {i}", BLUE, ("a",), (i / 40,)) for i in range(30)]
    boxes.show_groups(groups, "Dice")
    assert boxes.minimumHeight() > 30 * 30
    boxes.resize(300, boxes.minimumHeight())
    boxes.grab()
    rows = [boxes.place_of(i, "a").y() for i in range(30)]
    assert min(np.diff(rows)) > 20


def test_a_chart_takes_the_room_a_scroll_area_has_and_scrolls_only_for_many_groups(boxes, qtbot):
    area = QScrollArea()
    qtbot.addWidget(area)
    area.setWidgetResizable(True)
    area.setWidget(boxes)
    area.resize(300, 160)
    area.show()
    assert not area.verticalScrollBar().maximum()
    boxes.show_groups([BoxGroup(i, "x", BLUE, ("a",), (i / 40,)) for i in range(30)], "Dice")
    qtbot.waitUntil(lambda: area.verticalScrollBar().maximum() > 500)
    area.takeWidget()


@pytest.mark.parametrize(
    ("values", "low", "high"),
    [
        ([0.3, 0.99], 0.26, 1.04),
        ([0.0, 1.0], -0.06, 1.06),
        ([0.5], -0.1, 1.06),
        ([-3.0, 40.0], -6, 43),
        ([np.nan], -0.06, 1.06),
    ],
)
def test_all_points_have_room_on_the_axis_which_hardly_passes_its_limits(boxes, values, low, high):
    cases = tuple("abcdef"[: len(values)])
    boxes.show_groups([BoxGroup(1, "x", BLUE, cases, tuple(values))], "Dice", least=0, most=1)
    ends = boxes.plot.getViewBox().viewRange()[0]
    known = [v for v in values if np.isfinite(v)]
    assert low <= ends[0] < min(known, default=1)
    assert max(known, default=0) < ends[1] <= high
