"""Which plugin napari opens medical files with, where the person has not chosen one.

napari's own reader claims every file, also those it cannot read (NIfTI), so that napari asks which
of two it shall take, and ``viewer.open(path, plugin=None)`` and ``napari file.nii.gz`` fail.
"""

from __future__ import annotations

from fnmatch import fnmatch

from napari.settings import get_settings
from npe2 import PluginManager

from napari_medseg.widgets.settings import PLUGIN, preferences

PATTERNS = (
    *("*.nii", "*.nii.gz", "*.nrrd", "*.mha", "*.nhdr", "*.mhd", "*.mgh", "*.img.gz"),
    "*.ome.zarr/",  # napari's name for a folder
)
_OWN = "napari"  # its own reader, which reads none of them, and of OME-Zarr only the values


def prefer_our_reader() -> None:
    """Let MedSeg open the files that only it and napari's own reader claim.

    What a person chose (*File > Preferences > Plugins*) stays, and so does napari's question where
    another plugin can open such files. The setting *Open NIfTI files* of MedSeg takes it back.
    """
    plugins = get_settings().plugins
    chosen = dict(plugins.extension2reader)
    wanted = preferences().open_files
    for pattern in PATTERNS:
        ours = chosen.get(pattern) == PLUGIN
        if ours and not wanted:
            del chosen[pattern]
        elif wanted and not _is_chosen(pattern, chosen) and _readers(pattern) == {_OWN, PLUGIN}:
            chosen[pattern] = PLUGIN
    if chosen != plugins.extension2reader:
        plugins.extension2reader = chosen


def _is_chosen(pattern: str, chosen: dict[str, str]) -> bool:
    """Whether a person chose a reader for such files, wherever they lie."""
    name = f"/folder/{pattern.replace('*', 'image')}"
    return any(fnmatch(name, other) for other in chosen)


def _readers(pattern: str) -> set[str]:
    folder = pattern.endswith("/")
    name = "." if folder else pattern.replace("*", "image")
    return {r.plugin_name for r in PluginManager.instance().iter_compatible_readers([name])}
