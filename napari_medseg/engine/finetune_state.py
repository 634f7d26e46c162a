"""A fine-tuning on disk: where it is, so that it goes on after a crash as if there was none."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
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
_VERSION = 1
_MAY_CHANGE = ("learning_rate", "parts", "save_every")


def fingerprint(
    segmenter: Segmenter, cases: Sequence[Case], config: FineTuneConfig, replay: Replay | None
) -> str:
    """Return what a fine-tuning depends on as one number.

    But for what may change on the way: the learning rate, the parts of a step, how often it is
    saved.
    """
    recipe = {k: v for k, v in config.to_dict().items() if k not in _MAY_CHANGE}
    digest = hashlib.sha256(json.dumps(recipe, sort_keys=True).encode())
    digest.update(segmenter.card.to_json().encode())
    for value in segmenter.network.state_dict().values():
        digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    for case in cases:
        digest.update(case_hash(case).encode())
    if replay is not None:
        for images, labels in ((replay.images, replay.labels), *replay.guards):
            for tensor in (images, labels):
                digest.update(tensor.contiguous().numpy().data)
    return digest.hexdigest()


class StateFile:
    """The file of a fine-tuning in its folder; without a folder nothing is kept.

    Parameters
    ----------
    folder : Path or None
        Made when something is saved.
    fingerprint : str
        Of the fine-tuning, see the function of this name.
    """

    def __init__(self, folder: Path | None, fingerprint: str) -> None:
        self._path = None if folder is None else folder / _NAME
        self._fingerprint = fingerprint

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
        torch.save({"version": _VERSION, "of": self._fingerprint, **state}, content)
        with atomic_path(self._path) as temporary:
            temporary.write_bytes(content.getbuffer())

    def load(self, device: torch.device) -> dict[str, Any] | None:
        """Return what was saved last; None if nothing was.

        Raises
        ------
        ValueError
            If it is of another model, other cases or other settings, or damaged.
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
        if state.get("of") != self._fingerprint or state.get("version") != _VERSION:
            raise ValueError(
                f"{self._path} is of another model, other cases or other settings; go on with "
                "those it was begun with, or start anew without resuming"
            )
        return state

    def resumed(self, device: torch.device) -> dict[str, Any] | None:
        """Return what was saved last.

        Raises
        ------
        ValueError
            If nothing was, or as in `load`.
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
