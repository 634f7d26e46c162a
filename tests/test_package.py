from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

import napari_medseg

ROOT = Path(__file__).parent.parent


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


@pytest.mark.slow
def test_a_wheel_works_outside_the_clone(tmp_path):
    built = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", tmp_path, ROOT]
    subprocess.run(built, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    package = ROOT / "napari_medseg"
    wanted = [package / "napari.yaml", package / "py.typed", *package.glob("models/*.safetensors")]
    assert {str(path.relative_to(ROOT)) for path in wanted} <= names
    assert not any(name.startswith(("tests/", "benchmarks/")) for name in names)

    environment = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    binaries = environment / ("Scripts" if sys.platform == "win32" else "bin")
    python = binaries / "python"
    install = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps"]
    subprocess.run([*install, "--no-index", wheel], check=True)
    (site,) = environment.glob("**/site-packages")
    # what it depends on comes from here, so that the test needs no download
    (site / "dependencies.pth").write_text(f"{Path(np.__file__).parent.parent}\n")

    script = """
import napari_medseg
from npe2 import PluginManifest
from napari_medseg.samples import SAMPLES
print(napari_medseg.__file__)
manifest = PluginManifest.from_distribution("napari-medseg")
assert manifest.contributions.widgets and manifest.contributions.readers
assert all(sample.make().labels.any() for sample in SAMPLES.values())
"""
    run = subprocess.run([python, "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith(str(environment))
    listed = subprocess.run(
        [binaries / "napari-medseg", "models"], cwd=tmp_path, capture_output=True, text=True
    )
    assert listed.returncode == 0, listed.stderr
    bundled = {path.stem for path in package.glob("models/*.safetensors")}
    assert {line.split()[0] for line in listed.stdout.splitlines()} == bundled
