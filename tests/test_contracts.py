"""The architecture's promises: who imports what, what loads when, how big things get."""

from __future__ import annotations

import ast
import functools
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "napari_medseg").rglob("*.py"))
MARK = "loaded:"
NETWORKS = """
from napari_medseg.networks import architectures
for one in architectures().values():
    [one.preset("small", spatial_dims=d) for d in one.spatial_dims if ("small", d) in one.presets]
"""
DESCRIBED = "\n".join(
    f"import napari_medseg.{module}"
    for module in (
        "volume",
        "config",
        "progress",
        "io",
        "samples",
        "session",
        "engine.card",
        "engine.checkpoint",
        "engine.inference_config",
        "engine.training_config",
        "engine.zoo",
        "engine.evaluate",
    )
)
COMMANDS = """
from napari_medseg.cli import main
main(["models"])
main(["segment", "--help"])
main(["train", "--help"])
"""
QT = {"napari", "qtpy", "PyQt5", "PyQt6", "PySide6", "magicgui", "superqt", "vispy"}


def loaded_by(code: str) -> set[str]:
    """Return the top-level names in sys.modules after `code` in a fresh interpreter."""
    return loaded_after(code)[0]


@functools.cache
def loaded_after(*steps: str) -> list[set[str]]:
    """Return the top-level names in sys.modules after each step, all in one interpreter."""
    says = "print({mark!r}, *{{name.partition('.')[0] for name in sys.modules}})"
    script = "\n".join(["import sys", *(s + "\n" + says.format(mark=MARK) for s in steps)])
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return [set(line.split()) for line in run.stdout.splitlines() if line.startswith(MARK)]


@functools.cache
def sources() -> list[tuple[str, str, ast.Module]]:
    """Return path, text and syntax tree of each file of the package."""
    texts = {path: path.read_text(encoding="utf-8") for path in SOURCES}
    return [(str(p.relative_to(ROOT)), text, ast.parse(text)) for p, text in texts.items()]


def functions(node: ast.AST):
    """Yield the functions in a module or statement; no expression holds one."""
    for inner in ast.iter_child_nodes(node):
        if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
            yield inner
        if isinstance(inner, ast.stmt | ast.excepthandler | ast.match_case):
            yield from functions(inner)


def size_of(function) -> int:
    """Count the lines of a function without its docstring."""
    first = function.body[0]
    text = first.end_lineno - first.lineno + 1 if ast.get_docstring(function) else 0
    return function.end_lineno - function.lineno + 1 - text


def test_the_import_contracts_of_setup_cfg_hold():
    run = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout[-3000:]


def test_networks_commands_and_all_that_describes_need_no_torch_and_no_qt():
    networks, described, commands = loaded_after(NETWORKS, DESCRIBED, COMMANDS)
    assert not networks & (QT | {"torch"})
    assert not described & (QT | {"torch", "monai", "scipy", "skimage", "SimpleITK"})
    assert not commands & (QT | {"torch", "monai", "scipy", "skimage"})


@pytest.mark.skipif("DISPLAY" not in os.environ and sys.platform == "linux", reason="no screen")
def test_the_workbench_module_imports_without_torch():
    loaded = loaded_by("import napari_medseg.widgets.workbench")
    assert "torch" not in loaded
    assert not loaded & {"monai", "pyqtgraph"}


def test_the_manifest_is_valid_and_everything_it_names_exists():
    import importlib

    from npe2 import PluginManifest

    manifest = PluginManifest.from_distribution("napari-medseg")
    assert manifest.name == "napari-medseg"
    for command in manifest.contributions.commands or []:
        module, _, name = str(command.python_name).partition(":")
        assert hasattr(importlib.import_module(module), name), command.id


def test_files_and_functions_stay_readable():
    too_long = {}
    for path, text, module in sources():
        large = {f.name: size for f in functions(module) if (size := size_of(f)) > 60}
        if text.count("\n") > 400:
            large["the file: look for the second concept"] = text.count("\n")
        if large:
            too_long[path] = large
    assert not too_long, f"longer than a screen, lines: {too_long}"


def test_public_functions_and_classes_say_what_they_do():
    silent = {}
    for path, text, module in sources():
        names = [
            node.name
            for node in module.body
            if isinstance(node, ast.FunctionDef | ast.ClassDef)
            and not node.name.startswith("_")
            and not ast.get_docstring(node)
        ]
        if text and not ast.get_docstring(module):
            names.append("the module")
        if names:
            silent[path] = names
    assert not silent, f"no docstring: {silent}"


def test_there_is_enough_test_for_the_source():
    def lines(folder: str) -> int:
        return sum(p.read_text(encoding="utf-8").count("\n") for p in (ROOT / folder).rglob("*.py"))

    assert lines("tests") >= 0.7 * lines("napari_medseg")


def test_every_make_target_of_the_readme_exists():
    targets = (ROOT / "Makefile").read_text(encoding="utf-8")
    for name in ("demo", "test", "lint", "bench"):
        assert f"\n{name}:" in targets
