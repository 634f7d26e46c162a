from __future__ import annotations

import subprocess
import sys

import pytest

import napari_medseg


def modules_after(code: str) -> set[str]:
    """Run `code` in a fresh interpreter and return the names in sys.modules."""
    script = f"{code}\nimport sys\nprint(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(result.stdout.split())


def test_importing_the_package_imports_nothing_heavy():
    loaded = modules_after("import napari_medseg")
    assert not loaded & {"torch", "numpy", "napari", "qtpy", "monai", "scipy", "skimage"}


@pytest.mark.parametrize("name", napari_medseg.__all__)
def test_every_public_name_is_there(name):
    assert getattr(napari_medseg, name) is not None


def test_there_are_at_most_20_public_names():
    assert len(napari_medseg.__all__) <= 20
    assert set(napari_medseg.__all__) <= set(dir(napari_medseg))


def test_the_list_of_names_and_their_homes_agree():
    assert sorted(napari_medseg._HOMES) == napari_medseg.__all__


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'segmentate'"):
        napari_medseg.segmentate  # noqa: B018


def test_the_version_is_the_installed_one():
    from importlib.metadata import version

    assert version("napari-medseg") == napari_medseg.__version__
