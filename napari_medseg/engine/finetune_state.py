"""A fine-tuning on disk: where it is, so that it goes on after a crash as if there was none."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from napari_medseg.engine.cases import Case
from napari_medseg.engine.finetune_config import FineTuneConfig
from napari_medseg.engine.finetune_stages import case_hash
from napari_medseg.engine.replay import Replay
from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.io.atomic import atomic_path

_NAME = "finetune.resume.pt"
_VERSION = 2
_MAY_CHANGE = ("learning_rate", "parts", "save_every")


class OtherRun(ValueError):
    """What was interrupted is another fine-tuning.

    Parameters
    ----------
    begun_with : str
        In what it differs: "another model".
    folder : Path
        Where it is kept.
    """

    def __init__(self, begun_with: str, folder: Path) -> None:
        super().__init__(
            f"the run kept in {folder} was begun with {begun_with} and cannot go on like this; "
            "give what it was begun with, or delete that folder and begin anew"
        )
        self.begun_with = begun_with


@dataclass(frozen=True)
class Origin:
    """What a fine-tuning depends on.

    Parameters
    ----------
    model, cases, known : str
        Hashes: of card and weights, of the corrected cases, of what is rehearsed.
    settings : str
        The recipe as JSON, but for what may change on the way: the learning rate, the parts of a
        step, how often it is saved.
    """

    model: str
    cases: str
    known: str
    settings: str

    def other_than(self, begun: Mapping[str, str]) -> str:
        """Say in what a run differs that was begun with the values of another one of these."""
        own = vars(self)
        if own.keys() != begun.keys():
            return "another version of this program"
        words = {
            "model": "another model",
            "cases": "other cases",
            "known": "other examples of what the model knew",
            "settings": f"other settings ({_different(self.settings, begun['settings'])})",
        }
        return " and ".join(words[part] for part in own if own[part] != begun[part])


def _different(one: str, other: str) -> str:
    """Return the names of the settings that are not the same in two recipes."""
    recipes = json.loads(one), json.loads(other)
    names = sorted({*recipes[0], *recipes[1]})
    return ", ".join(n for n in names if recipes[0].get(n) != recipes[1].get(n))


def origin(
    segmenter: Segmenter, cases: Sequence[Case], config: FineTuneConfig, replay: Replay | None
) -> Origin:
    """Return what a fine-tuning depends on."""
    recipe = {k: v for k, v in config.to_dict().items() if k not in _MAY_CHANGE}
    model = hashlib.sha256(segmenter.card.to_json().encode())
    for value in segmenter.network.state_dict().values():
        model.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    known = hashlib.sha256()
    if replay is not None:
        for images, labels in ((replay.images, replay.labels), *replay.guards):
            for tensor in (images, labels):
                known.update(tensor.contiguous().numpy().data)
    learnt = hashlib.sha256("".join(case_hash(case) for case in cases).encode())
    return Origin(
        model.hexdigest(),
        learnt.hexdigest(),
        known.hexdigest(),
        json.dumps(recipe, sort_keys=True),
    )


class StateFile:
    """The file of a fine-tuning in its folder; without a folder nothing is kept.

    Parameters
    ----------
    folder : Path or None
        Made when something is saved.
    of : Origin
        Of the fine-tuning.
    """

    def __init__(self, folder: Path | None, of: Origin) -> None:
        self._path = None if folder is None else folder / _NAME
        self._origin = of

    def save(self, state: dict[str, Any]) -> None:
        """Write the state; the one before stays until this one is whole.

        Raises
        ------
        OSError
            If it cannot be written, in words for people.
        """
        if self._path is None:
            return
        content = io.BytesIO()  # torch.save to a file calls a full disk a RuntimeError
        torch.save({"version": _VERSION, "of": vars(self._origin), **state}, content)
        with atomic_path(self._path) as temporary:
            temporary.write_bytes(content.getbuffer())

    def load(self, device: torch.device) -> dict[str, Any] | None:
        """Return what was saved last; None if nothing was.

        Raises
        ------
        OtherRun
            If it was begun with another model, other cases or other settings.
        ValueError
            If it is damaged.
        """
        if self._path is None or not self._path.is_file():
            return None
        try:
            state: dict[str, Any] = torch.load(self._path, map_location=device, weights_only=True)
        except Exception as error:  # torch raises many kinds for a file that is cut off
            raise ValueError(
                f"{self._path} cannot be read, it is damaged or no state of a fine-tuning; start "
                "anew without resuming"
            ) from error
        begun = state.get("of", {}) if state.get("version") == _VERSION else {}
        if begun != vars(self._origin):
            raise OtherRun(self._origin.other_than(begun), self._path.parent)
        return state

    def resumed(self, device: torch.device) -> dict[str, Any] | None:
        """Return what was saved last.

        Raises
        ------
        OtherRun, ValueError
            As in `load`; the second also if nothing was saved.
        """
        if not self.exists():
            where = "without a folder" if self._path is None else f"in {self._path.parent}"
            raise ValueError(
                f"nothing to resume {where}: no fine-tuning was interrupted there; start without "
                "resuming"
            )
        return self.load(device)

    def exists(self) -> bool:
        """Whether there is something to go on from."""
        return self._path is not None and self._path.is_file()

    def remove(self) -> None:
        """Forget what was saved, if anything."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)
