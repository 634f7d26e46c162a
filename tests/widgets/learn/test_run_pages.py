"""The pages of a run are there before they are needed, and each only once."""

from __future__ import annotations

import pytest
from napari.components import ViewerModel
from qtpy.QtCore import QObject
from qtpy.QtWidgets import QLabel, QWidget

from napari_medseg.widgets.learn.pages import Pages
from napari_medseg.widgets.learn.run_pages import RunPages


@pytest.fixture
def owner(qtbot):
    """A widget that lives as long as its test."""
    owner = QWidget()
    qtbot.addWidget(owner)
    return owner


@pytest.fixture
def made(owner):
    """The pages of a run, with another one that is seen."""
    pages = Pages(owner)
    pages.insert(QLabel("cases"))
    return RunPages(ViewerModel(), pages, QObject(owner)), pages


def test_a_page_that_is_prepared_comes_by_itself_and_is_not_shown(qtbot, made):
    pages, shown = made[0], made[1].shown
    pages.prepare(pages.running_page)
    qtbot.waitUntil(lambda: pages.running is not None)
    assert pages.running.isHidden()
    assert made[1].shown is shown
    assert pages.running_page() is pages.running


def test_a_page_that_is_wanted_sooner_is_made_once(qtbot, made):
    pages, wanted = made[0], []
    first = pages.running_page()
    pages.prepare(lambda: wanted.append(pages.running_page()))
    qtbot.waitUntil(lambda: bool(wanted))
    assert wanted == [first]
