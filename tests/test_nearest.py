"""A name that is nearly right is answered with the right one."""

from __future__ import annotations

import pytest

from napari_medseg.nearest import did_you_mean

KNOWN = ("lgmsnet", "gladnet", "msa2net", "msd_kmamba")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("lgmsnett", "lgmsnet"),
        ("GLAD-Net", "gladnet"),
        ("MSA²Net", "msa2net"),
        ("msd-kmamba", "msd_kmamba"),
    ],
)
def test_a_slip_is_answered_with_the_name(name, meant):
    assert did_you_mean(name, KNOWN) == f" (did you mean {meant}?)"


def test_something_else_is_answered_with_nothing():
    assert did_you_mean("resnet50", ("small", "large")) == ""


def test_a_name_keeps_its_capitals():
    assert did_you_mean("liver", ["Liver", "spleen"]) == " (did you mean Liver?)"
