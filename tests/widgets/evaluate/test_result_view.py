"""The page of numbers by itself: what is shown, picked, sorted and kept, without a viewer."""

from __future__ import annotations

from dataclasses import replace

import pytest
from qtpy.QtCore import Qt

from napari_medseg.engine.evaluate import evaluate_volumes
from napari_medseg.widgets.evaluate.result_view import ResultView
from napari_medseg.widgets.evaluate.rows import summary_of

LEFT = Qt.MouseButton.LeftButton
COLOURS = {1: "#e69f00", 3: "#0072b2"}


@pytest.fixture
def evaluation(volumes):
    """Three cases; of the second one nothing is wrong."""
    wrong = evaluate_volumes(*volumes, classes={1: "liver", 3: "cyst"})
    right = evaluate_volumes(volumes[1], volumes[1], classes={1: "liver", 3: "cyst"})
    cases = [
        (one, name) for name, e in zip("abc", (wrong, right, wrong), strict=True) for one in e.cases
    ]
    return replace(wrong, cases=tuple(replace(one, case=name) for one, name in cases))


@pytest.fixture
def page(qtbot):
    made = ResultView()
    qtbot.addWidget(made)
    made.resize(900, 600)
    made.show()
    return made


def show(page, evaluation):
    page.show_evaluation(evaluation, COLOURS, summary_of(evaluation))


def column(page, number):
    model = page.cases.model()
    return [model.index(row, number).data() for row in range(model.rowCount())]


def choose(combo, words):
    assert combo.findText(words) >= 0, words
    combo.setCurrentIndex(combo.findText(words))


def click(page, qtbot, row, *, twice=False):
    at = page.cases.visualRect(page.cases.model().index(row, 0)).center()
    qtbot.mouseClick(page.cases.viewport(), LEFT, pos=at)
    if twice:
        qtbot.mouseDClick(page.cases.viewport(), LEFT, pos=at)


def test_before_there_are_numbers_it_says_what_to_do_and_nothing_breaks(page):
    assert page.case is page.evaluation is None
    assert "press Evaluate" in page.chart.message.text()
    assert page.chart.message.isVisible()
    page.metrics.currentIndexChanged.emit(0)
    page.classes.currentIndexChanged.emit(0)
    assert page.chart.message.isVisible()


def test_the_number_one_chose_stays_when_others_are_compared_and_the_case_is_let_go(
    page, evaluation, qtbot
):
    show(page, evaluation)
    assert [page.classes.itemText(i) for i in range(3)] == ["all classes", "liver", "cyst"]
    choose(page.metrics, "HD95")
    choose(page.classes, "liver")
    click(page, qtbot, 0)
    assert page.case.case in "ac"
    picked = []
    page.picked.connect(lambda: picked.append(page.case))
    show(page, evaluation)
    assert page.metrics.currentText() == "HD95"
    assert picked == [None]
    assert page.chart.heading.text().startswith("HD95")
    assert page.classes.currentText() == "all classes"


def test_of_a_single_class_there_is_nothing_to_choose_and_no_remark_takes_room(page, evaluation):
    remark = page.case_rows.remark_column
    show(page, evaluation)
    assert not page.cases.isColumnHidden(remark)  # "nothing marked" of the cyst
    choose(page.classes, "liver")
    assert page.cases.isColumnHidden(remark)
    alone = replace(evaluation, classes={1: "liver"}, cases=evaluation.of_class(1))
    show(page, alone)
    assert (page.classes.count(), page.classes.isEnabled()) == (1, False)
    assert page.metrics.isEnabled()
    assert set(column(page, 1)) == {"liver"}


@pytest.mark.parametrize(("metric", "first"), [("Dice", {"a", "c"}), ("HD95", {"a", "c"})])
def test_the_worst_case_is_on_top_whether_high_or_low_is_bad(page, evaluation, metric, first):
    show(page, evaluation)
    choose(page.classes, "liver")
    choose(page.metrics, metric)
    assert set(column(page, 0)[:2]) == first
    assert column(page, 0)[2] == "b"


def test_the_row_and_the_point_of_a_case_are_one(page, evaluation, qtbot):
    show(page, evaluation)
    choose(page.metrics, "Dice")
    choose(page.classes, "cyst")
    with qtbot.waitSignal(page.picked):
        viewport = page.chart.plot.viewport()
        qtbot.mouseClick(viewport, LEFT, pos=page.chart.place_of(1, "b"))
    assert (page.case.case, page.case.name) == ("b", "liver")
    assert page.classes.currentText() == "liver"  # else its row would not be there
    row = column(page, 0).index("a")
    click(page, qtbot, row)
    assert page.case.case == "a"
    assert page.chart._ring.getData()[0][0] == pytest.approx(page.case.number("dice"))


def test_a_double_click_and_enter_want_to_see_the_case_and_arrows_only_pick_it(
    page, evaluation, qtbot
):
    show(page, evaluation)
    wanted = []
    page.wanted.connect(lambda: wanted.append(page.case))
    click(page, qtbot, 1)
    first = page.case
    qtbot.keyClick(page.cases, Qt.Key.Key_Down)
    assert page.case is not first
    assert wanted == []
    qtbot.keyClick(page.cases, Qt.Key.Key_Return)
    assert wanted == [page.case]
    click(page, qtbot, 0, twice=True)
    assert len(wanted) == 2


def test_what_is_copied_is_what_one_sees_in_the_order_one_sees(page, evaluation):
    show(page, evaluation)
    choose(page.metrics, "Dice")
    over, cases = page.as_text().split("\n\n")
    assert [line.split("\t")[0] for line in cases.split("\n")][1:] == column(page, 0)
    assert over.split("\n")[-1].startswith("mean of classes\tmean\t")
    choose(page.classes, "liver")
    assert len(page.as_text().split("\n\n")[1].split("\n")) == 4


def test_remarks_are_said_in_one_line_and_all_of_them_in_the_tip(page, evaluation):
    show(page, replace(evaluation, notes=("a: 3 voxels lie outside",), missing=("d",)))
    remarks = page.evaluation.remarks()
    assert len(remarks) > 1
    assert page.remark.whole() == f"{remarks[0]} (and {len(remarks) - 1} more)"
    assert all(remark in page.remark.toolTip() for remark in remarks)
    silent = evaluation.of_class(1)[1]  # b: nothing to remark
    show(page, replace(evaluation, classes={1: "liver"}, cases=(silent,)))
    assert page.remark.isVisible() == bool(page.evaluation.remarks())
