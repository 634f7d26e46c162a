"""The plugin's settings page (napari: *File > Preferences > MedSeg*), read in one place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_medseg.widgets.notices import warn_once
from napari_medseg.widgets.sessions import connect_while_alive

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

PLUGIN = "napari-medseg"


@dataclass(frozen=True)
class Preferences:
    """What a person set for every viewer.

    Parameters
    ----------
    device : str
        What a new viewer computes on: "auto", "cpu", "cuda" or "mps".
    default_model : str
        Name of the model a new viewer starts with; empty for the first that fits the image.
    data_directory : str
        Where *Open…* and *Save…* start; model files in it are listed too. Empty: none.
    undo_memory : int
        MiB of undo history a label layer may keep.
    keys : mapping
        Action of `keys.KEYS` to the key a person gave it.
    """

    device: str = "auto"
    default_model: str = ""
    data_directory: str = ""
    undo_memory: int = 512
    keys: Mapping[str, str] = field(default_factory=dict)


def preferences() -> Preferences:
    """Return the settings as they are now; the defaults where napari has none of ours."""
    settings = _settings()
    if settings is None:
        return Preferences()
    general, keys = settings.general, settings.keys
    return Preferences(
        device=general.device,
        default_model=general.default_model.strip(),
        data_directory=_folder(general.data_directory.strip()),
        undo_memory=general.undo_memory,
        keys={name: getattr(keys, name).strip() for name in type(keys).model_fields},
    )


def follow_preferences(widget: QWidget, method: Callable[..., Any]) -> None:
    """Call `method` whenever a setting is changed, as long as `widget` lives."""
    settings = _settings()
    if settings is not None:
        connect_while_alive(widget, settings.events.changed, method)


def _settings() -> Any:
    """Return napari's settings of this plugin; None where it is not installed with its manifest."""
    from napari.settings import get_plugin_settings

    try:
        return get_plugin_settings(PLUGIN)
    except KeyError:
        return None


def _folder(path: str) -> str:
    """Return `path` if it is a folder; else say so and return nothing."""
    if not path:
        return ""
    folder = Path(path).expanduser()
    if folder.is_dir():
        return str(folder)
    warn_once(
        f"The data folder of the MedSeg settings is not there: {path}. "
        "Choose another one in File > Preferences > MedSeg."
    )
    return ""
