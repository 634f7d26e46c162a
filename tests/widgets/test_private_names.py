"""Private names of napari lie in the files that say so, and in no other."""

from __future__ import annotations

import re
from pathlib import Path

import napari_medseg

PACKAGE = Path(napari_medseg.__file__).parent
ADAPTERS = {
    "widgets/layers.py": {
        "_save_history",
        "_block_history",
        "_staged_history",
        "_commit_staged_history",
    },
    "widgets/step_log.py": {"_undo_history", "_redo_history", "_staged_history"},
    "widgets/insertion.py": {"_activate_on_insert", "_overlays"},
    "widgets/views/main_canvas.py": {"_qt_viewer"},
}
PRIVATE = re.compile(
    r"\b(?:layers?|labels|image|viewer|window|overlay|copy)\._[a-z]\w*"
    r"|\b_(?:\w+_history|qt_viewer|qt_window|slice_input|updated_slice|selected_color)\b"
    r"|\bfrom napari\._|\bimport napari\._|\bnapari\.\w+\._"
)


def _found(path):
    """Return the private names of others in a file, without those of its own objects."""
    names = set()
    for line in path.read_text(encoding="utf-8").splitlines():
        code = line.split("  #")[0]
        if "``" not in code:
            names |= {match.split("._")[-1].lstrip("_") for match in PRIVATE.findall(code)}
    return names


def test_only_the_adapters_reach_for_what_is_private_in_napari():
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        allowed = {own.lstrip("_") for own in ADAPTERS.get(name, ())}
        assert _found(path) <= allowed, f"{name} uses private names of napari"


def test_the_adapters_name_what_they_use():
    for name, own in ADAPTERS.items():
        text = (PACKAGE / name).read_text(encoding="utf-8")
        header = text.split('"""')[1]
        assert {found.lstrip("_") for found in own} == _found(PACKAGE / name)
        assert all(private in header for private in own), name


def test_the_search_finds_a_private_name(tmp_path):
    file = tmp_path / "panel.py"
    file.write_text("viewer.window._qt_window.close()\nlayer._selected_color\n")
    assert _found(file) == {"qt_window", "selected_color"}
