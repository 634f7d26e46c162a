"""How long things take, in words."""

import pytest

from napari_medseg.progress import duration


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.42, "0.4 s"), (3.2, "3 s"), (12.4, "12 s"), (200, "3 min"), (4900, "1 h 22 min")],
)
def test_times_are_rounded_to_what_they_mean(seconds, words):
    assert duration(seconds) == words
