"""The plugin's settings page (napari: *File > Preferences > MedSeg*), read in one place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_medseg.widgets.notices import warn_once
from napari_medseg.widgets.sessions import connect_while_alive

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

PLUGIN = "napari-medseg"
DEVICES = ("auto", "cpu", "cuda", "mps")


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
    open_files : bool
        Whether MedSeg opens medical files where no other plugin was chosen for them.
    keys : mapping
        Action of `keys.KEYS` to the key a person gave it.
    """

    device: str = "auto"
    default_model: str = ""
    data_directory: str = ""
    undo_memory: int = 512
    open_files: bool = True
    keys: Mapping[str, str] = field(default_factory=dict)


def preferences() -> Preferences:
    """Return the settings as they are now; the defaults where napari has none of ours."""
    general, keys = _sections()
    return Preferences(
        device=general.get("device", Preferences.device),
        default_model=general.get("default_model", "").strip(),
        data_directory=_folder(general.get("data_directory", "").strip()),
        undo_memory=general.get("undo_memory", Preferences.undo_memory),
        open_files=general.get("open_files", Preferences.open_files),
        keys={action: key.strip() for action, key in keys.items()},
    )


def follow_preferences(widget: QWidget, method: Callable[[str], Any]) -> None:
    """Call `method` with the name of a setting ("general.device") whenever one is changed.

    It is called as long as `widget` lives.
    """
    connect_while_alive(widget, _settings.changed, method)


def load_settings() -> None:
    """Take napari's own settings, which tell when they change.

    napari reads the manifests of all plugins for that, half a second; so a thread does it. Until
    then the file says what the settings are.
    """
    from napari.settings import get_plugin_settings

    with suppress(KeyError):  # not installed with its manifest
        _settings.live = get_plugin_settings(PLUGIN)


def watch_settings() -> None:
    """Tell of every change from now on, after `load_settings`; in the GUI thread."""
    if _settings.live is not None:
        _settings.live.events.changed.connect(_on_change)


def recall(section: str) -> dict[str, Any]:
    """Return a section of the settings page where a part keeps what was used last, as it is now."""
    live, path = _settings.live, _file()
    if live is not None:
        return dict(getattr(live, section).model_dump())
    return _section(_stored(path), section) if path is not None else {}


def remember(section: str, values: Mapping[str, Any]) -> None:
    """Keep what was used in a section of the settings page; nothing before `load_settings`."""
    live = _settings.live
    for name, value in values.items() if live is not None else ():
        setattr(getattr(live, section), name, value)


class _Settings:
    """Emits ``changed(name)``; `live` is napari's object, once it is loaded."""

    changed = Signal(str)
    live: Any = None


_settings = _Settings()


def _on_change(event: Any) -> None:
    _settings.changed.emit(event.key)


def _sections() -> tuple[dict[str, Any], dict[str, str]]:
    """Return the two sections of the settings page."""
    live = _settings.live
    if live is not None:
        return live.general.model_dump(), live.keys.model_dump()
    path = _file()
    return _checked(_stored(path)) if path is not None else ({}, {})


def _file() -> Path | None:
    """Return the settings file of the plugin, if there is one."""
    from napari.settings import get_settings

    folder = get_settings().config_path
    path = Path(folder).parent / f"{PLUGIN}.yaml" if folder else None
    return path if path is not None and path.is_file() else None


def _stored(path: Path) -> Any:
    import yaml  # type: ignore[import-untyped]

    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return None  # napari says so itself when it reads the file


def _checked(stored: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """Return what of a settings file is as the manifest wants it."""
    general, keys = _section(stored, "general"), _section(stored, "keys")
    kinds = {
        "device": str,
        "default_model": str,
        "data_directory": str,
        "undo_memory": int,
        "open_files": bool,
    }
    good = {k: v for k, v in general.items() if isinstance(v, kinds.get(k, ()))}
    if good.get("device") not in DEVICES:
        good.pop("device", None)
    return good, {k: v for k, v in keys.items() if isinstance(v, str)}


def _section(stored: Any, name: str) -> dict[str, Any]:
    section = stored.get(name) if isinstance(stored, dict) else None
    return section if isinstance(section, dict) else {}


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
