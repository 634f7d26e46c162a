from __future__ import annotations

import builtins
import sys
from types import SimpleNamespace

import pytest

from napari_medseg.cli import main
from napari_medseg.commands import viewer as command

needs_no_screen = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="other systems always have a screen"
)


def test_alone_it_opens_the_viewer_with_the_workbench(qtbot, monkeypatch):
    import napari

    docks = []

    def look_and_close():
        viewer = napari.current_viewer()
        docks.extend(viewer.window.dock_widgets)
        viewer.close()

    monkeypatch.setattr(napari, "run", look_and_close)
    assert main([]) == 0
    assert any("Workbench" in name for name in docks)


def test_the_demo_says_what_it_made_and_where(monkeypatch, tmp_path, capsys):
    from napari_medseg import demo

    asked = []

    def made(output, *, sample, model):
        asked.append((output, sample, model))
        files = {"screenshot": output / "a.png", "labels": output / "a.nii.gz"}
        return SimpleNamespace(sample="ct", model="liver", seconds=1.25, **files)

    monkeypatch.setattr(demo, "main", made)
    monkeypatch.setattr(command, "_check_screen", lambda: None)
    assert main(["demo", "--output", str(tmp_path), "--sample", "ct"]) == 0
    assert asked == [(tmp_path, "ct", None)]
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [str(tmp_path / "a.png"), str(tmp_path / "a.nii.gz")]
    assert "1.2 s" in printed.err


@needs_no_screen
@pytest.mark.parametrize("words", [[], ["demo"]])
def test_without_a_screen_it_says_so_in_a_sentence(words, capsys, monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    assert main(words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "needs a screen" in line
    assert "xvfb-run" in line


def test_without_a_qt_binding_it_says_what_to_install(capsys, monkeypatch):
    class QtBindingsNotFoundError(ImportError):
        pass

    real = builtins.__import__

    def without_qt(name, *rest):
        if name.startswith("qtpy"):
            raise QtBindingsNotFoundError("no Qt bindings could be found")
        return real(name, *rest)

    monkeypatch.setattr(command, "_check_screen", lambda: None)
    monkeypatch.setattr(builtins, "__import__", without_qt)
    assert main([]) == 2
    assert "pip install 'napari-medseg[pyqt5]'" in capsys.readouterr().err
