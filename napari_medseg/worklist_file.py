"""The small JSON file that keeps the states of a worklist's cases beside their saved labels."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from napari_medseg.io import atomic_path
from napari_medseg.io.locking import try_lock

FILE_NAME = "medseg-worklist.json"
_LOCK_NAME = ".medseg-worklist.lock"
_PROGRAM, _KIND, _VERSION = "napari-medseg", "worklist", 1
_PATIENCE = 5.0  # seconds to wait for another window that is writing


class State(StrEnum):
    """How far the work on a case is; the values are the words people read."""

    NEW = "new"
    SEGMENTED = "segmented"
    IN_WORK = "in work"
    DONE = "done"
    DOUBTFUL = "doubtful"


@dataclass(frozen=True)
class CaseRecord:
    """What the file says about one case.

    Parameters
    ----------
    state : State
        How far the work is.
    note : str
        What a person wrote about the case.
    written : str
        SHA-256 of the label file as MedSeg last wrote it; empty if it never did.
    changed : str
        When this was noted, ISO 8601 in UTC.
    """

    state: State = State.NEW
    note: str = ""
    written: str = ""
    changed: str = ""


class WorklistFile:
    """The states on disk; several windows and programs may share one file.

    Parameters
    ----------
    folder : Path
        The folder of the labels.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE_NAME

    def read(self) -> tuple[dict[str, CaseRecord], str]:
        """Return the records by case name, and a sentence if the file had to be kept aside.

        Raises
        ------
        ValueError
            If a newer version of this program wrote the file.
        OSError
            If it cannot be read, or cannot be kept aside although it is damaged.
        """
        content, sentence = self._content()
        return _records(content), sentence

    def update(self, changes: Mapping[str, CaseRecord]) -> dict[str, CaseRecord]:
        """Write some records, keep all others as they are on disk now, and return them all.

        Raises
        ------
        ValueError
            If a newer version of this program wrote the file.
        OSError
            If the file cannot be read or written; it then is as it was.
        """
        now = datetime.now(UTC).isoformat(timespec="seconds")
        with locked(self.path.with_name(_LOCK_NAME)):
            content, _ = self._content()
            for name, record in changes.items():
                content["cases"][name] = asdict(record) | {"changed": now}
            with atomic_path(self.path) as target:
                text = json.dumps(content, indent=1, ensure_ascii=False)
                target.write_text(text + "\n", encoding="utf-8")
        return _records(content)

    def _content(self) -> tuple[dict[str, Any], str]:
        empty = {"program": _PROGRAM, "kind": _KIND, "version": _VERSION, "cases": {}}
        try:
            text = self.path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return empty, ""
        except OSError as error:
            raise OSError(f"cannot read {self.path}: {error.strerror or error}") from error
        try:
            content = json.loads(text)
        except ValueError:
            content = None
        if not _is_ours(content):
            return empty, self._keep_aside()
        if content["version"] > _VERSION:
            raise ValueError(
                f"{self.path} was written by a newer MedSeg; update this one, or choose another "
                "folder for the labels"
            )
        return content, ""

    def _keep_aside(self) -> str:
        count = 1
        while (aside := self.path.with_name(f"medseg-worklist.unreadable-{count}.json")).exists():
            count += 1
        try:
            self.path.rename(aside)
        except OSError as error:
            raise OSError(
                f"{self.path} is damaged and cannot be renamed ({error.strerror or error}); "
                "choose another folder for the labels"
            ) from error
        return (
            f"The list of states was damaged or not ours; it is kept as {aside.name}, and the "
            "states begin anew."
        )


def _is_ours(content: Any) -> bool:
    return (
        isinstance(content, dict)
        and content.get("program") == _PROGRAM
        and content.get("kind") == _KIND
        and isinstance(content.get("version"), int)
        and isinstance(content.get("cases"), dict)
    )


def _records(content: Mapping[str, Any]) -> dict[str, CaseRecord]:
    """Return what can be understood; the rest stays in the file and counts for nothing."""
    records = {}
    for name, entry in content["cases"].items():
        try:
            state = State(entry["state"])
        except (ValueError, KeyError, TypeError):
            continue
        texts = {key: str(entry.get(key, "")) for key in ("note", "written", "changed")}
        records[name] = CaseRecord(state, **texts)
    return records


@contextmanager
def locked(path: Path, of: str = "the labels") -> Iterator[None]:
    """Hold the lock of a folder; the system frees it should this program die.

    Parameters
    ----------
    path : Path
        The file that is locked; it is made if need be.
    of : str
        What the folder is for, in an error.

    Raises
    ------
    OSError
        If the folder cannot be written, or another program holds the lock for long.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = open(path, "a+b")  # noqa: SIM115  # closed below, whatever happens
    except OSError as error:
        raise OSError(
            f"cannot write in {path.parent}: {error.strerror or error}; choose another folder for "
            f"{of}"
        ) from error
    with file:
        end = time.monotonic() + _PATIENCE
        while not try_lock(file):
            if time.monotonic() > end:
                raise OSError(
                    f"another MedSeg is writing in {path.parent} and does not finish; close it "
                    "and try again"
                )
            time.sleep(0.01)
        yield
