"""Forms made from configs, and the small pieces of panels."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from qtpy.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QLabel, QSpinBox

from napari_medseg.config import Config
from napari_medseg.engine.inference_config import InferenceConfig
from napari_medseg.widgets.forms import ConfigForm
from napari_medseg.widgets.pieces import ElidedLabel, Fold


@dataclass(frozen=True, kw_only=True)
class Recipe(Config):
    steps: int = field(default=3, metadata={"tip": "how often", "min": 1, "max": 9})
    share: float = field(default=0.25, metadata={"tip": "how much", "min": 0.0, "max": 1.0})
    fast: bool = field(default=True, metadata={"tip": "hurry"})
    way: str = field(default="auto", metadata={"tip": "which way", "choices": ("auto", "long")})
    hidden: tuple[int, ...] = (1, 2)

    def __post_init__(self):
        if self.fast and self.way == "long":
            raise ValueError("the long way is not fast; choose one")


@pytest.fixture
def form(qtbot):
    made = ConfigForm(Recipe(), ("steps", "share", "fast", "way"), words={"way": "Which way"})
    qtbot.addWidget(made)
    return made


def test_the_form_starts_and_ends_with_the_config(form):
    assert form.config == Recipe()
    form.config = Recipe(steps=7, share=0.5, fast=False, way="long", hidden=(9,))
    assert form.config == Recipe(steps=7, share=0.5, fast=False, way="long", hidden=(9,))


def test_limits_and_tips_come_from_the_fields(form):
    steps = form.findChild(QSpinBox, "steps")
    assert (steps.minimum(), steps.maximum()) == (1, 9)
    assert steps.toolTip() == "how often"
    share = form.findChild(QDoubleSpinBox, "share")
    assert (share.minimum(), share.maximum()) == (0, 1)
    assert form.findChild(QCheckBox, "fast").text() == "Fast"
    assert "Which way" in [label.text() for label in form.findChildren(QLabel)]


def test_words_and_units_come_from_the_fields(qtbot):
    @dataclass(frozen=True, kw_only=True)
    class Ball(Config):
        radius: float = field(default=2.5, metadata={"word": "How far", "unit": "mm"})
        count: int = field(default=3, metadata={"unit": "voxels"})

    made = ConfigForm(Ball(), ("radius", "count"))
    qtbot.addWidget(made)
    assert made.findChild(QDoubleSpinBox, "radius").text() == "2.5 mm"
    assert made.findChild(QSpinBox, "count").text() == "3 voxels"
    assert [label.text() for label in made.findChildren(QLabel)] == ["How far", "Count"]


def test_what_a_person_changes_is_in_the_config_and_is_told(qtbot, form):
    with qtbot.waitSignal(form.changed):
        form.findChild(QSpinBox, "steps").setValue(5)
    with qtbot.waitSignal(form.changed):
        form.findChild(QCheckBox, "fast").setChecked(False)
    with qtbot.waitSignal(form.changed):
        form.findChild(QComboBox, "way").setCurrentText("long")
    assert form.config == Recipe(steps=5, fast=False, way="long")


def test_the_form_raises_what_the_config_raises(form):
    form.findChild(QComboBox, "way").setCurrentText("long")
    with pytest.raises(ValueError, match="long way"):
        _ = form.config


def test_a_field_no_editor_exists_for_is_an_error_of_the_program(qtbot):
    with pytest.raises(TypeError, match="no editor"):
        ConfigForm(Recipe(), ("hidden",))


def test_overlap_stays_what_it_was_given_as(qtbot):
    form = ConfigForm(InferenceConfig(overlap=0.35), ("overlap",))
    qtbot.addWidget(form)
    assert form.config.overlap == 0.35


def test_a_long_text_is_cut_and_whole_in_the_tooltip(qtbot):
    label = ElidedLabel("a very long name of a layer that no dock can show")
    qtbot.addWidget(label)
    label.resize(80, 20)
    with qtbot.waitExposed(label):
        label.show()
    assert label.shown().endswith("…")
    assert label.toolTip() == label.whole()
    assert label.minimumSizeHint().width() <= 40


def test_a_fold_hides_its_content_until_it_is_clicked(qtbot):
    content = QLabel("more")
    fold = Fold("More", content)
    qtbot.addWidget(fold)
    assert content.isHidden()
    fold.header.click()
    assert not content.isHidden()
    fold.header.click()
    assert content.isHidden()


def test_a_line_that_changes_does_not_lay_out_the_window_again(qtbot):
    from qtpy.QtCore import QEvent, QObject
    from qtpy.QtWidgets import QVBoxLayout, QWidget

    from napari_medseg.widgets.pieces import ElidedLabel

    window, line = QWidget(), ElidedLabel("window 1 of 9")
    qtbot.addWidget(window)
    QVBoxLayout(window).addWidget(line)
    window.resize(120, 60)
    with qtbot.waitExposed(window):
        window.show()
    qtbot.wait(30)  # what it lays out when it is shown
    seen = []

    class Watch(QObject):
        def eventFilter(self, watched, event):
            seen.append(event.type())
            return False

    watch = Watch()
    window.installEventFilter(watch)
    before = line.grab().toImage()
    line.say("window 2 of 9 · 12 s left, and a title that is too long")
    qtbot.wait(30)
    assert QEvent.Type.LayoutRequest not in seen
    assert line.grab().toImage() != before
    assert line.shown().endswith("…")
    assert line.whole().endswith("too long")
