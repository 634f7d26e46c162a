"""The button that begins says what is in the way, the first thing first."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from napari_medseg.engine.finetune_preflight import Finding
from napari_medseg.widgets.learn.forecast import Forecast
from napari_medseg.widgets.learn.obstacle import obstacle

NONE, LEFT_OUT, ONE = (
    SimpleNamespace(entries=entries, used=used)
    for entries, used in (((), ()), ((1,), ()), ((1,), (1,)))
)
STOPPED = Forecast("Learns.", findings=(Finding("stop", "", "two sizes of voxels"),))


@pytest.mark.parametrize(
    ("book", "forecast", "busy", "told", "said"),
    [
        (NONE, None, True, "", "A run is going"),
        (NONE, None, False, "", "No case yet"),
        (LEFT_OUT, None, False, "", "All cases are left out"),
        (ONE, None, False, "", "being looked at"),
        (ONE, None, False, "Steps must be 0 or more.", "Steps must be"),
        (ONE, STOPPED, False, "", "see above"),
        (ONE, Forecast(""), False, "", "see above"),
    ],
)
def test_it_says_the_first_thing_that_is_in_the_way(book, forecast, busy, told, said):
    assert said in obstacle(book, forecast, busy=busy, told=told)


def test_with_a_plan_and_nothing_against_it_nothing_is():
    assert obstacle(ONE, Forecast("Learns."), busy=False, told="case is added.") == ""
