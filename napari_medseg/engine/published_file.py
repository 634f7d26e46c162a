"""Read a file of published weights without running anything in it."""

from __future__ import annotations

import pickle
import re
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_medseg.engine.checkpoint import CARD_KEY, SUFFIX, cut_off

_ZIP, _PICKLE = b"PK\x03\x04", b"\x80"
_CODE = re.compile(r"GLOBAL ([\w.]+)")
_HOW = "saved as torch.save(network.state_dict(), file)"
# what reading a damaged pickle can raise
_DAMAGE = (
    RuntimeError,
    pickle.UnpicklingError,
    EOFError,
    ValueError,
    KeyError,
    IndexError,
    AttributeError,
    TypeError,
    AssertionError,
    OverflowError,
    struct.error,
)


def read_published(path: str | Path) -> Mapping[str, Any]:
    """Return what a checkpoint of another program holds; only tensors and plain values are read.

    Parameters
    ----------
    path : str or Path
        A file of ``torch.save`` (``.pth``, ``.pt``, ``.ckpt``) or ``.safetensors``.

    Raises
    ------
    ValueError
        If it is no checkpoint, is cut off, or wants to run code when it is opened.
    OSError
        If it cannot be read.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}; check the path")
    with path.open("rb") as file:
        start = file.read(16)
    if path.suffix == SUFFIX or start[8:9] == b"{":
        return _read_safetensors(path)
    if not start.startswith((_ZIP, _PICKLE)):
        raise ValueError(
            f"{path.name} is not a checkpoint: a file written by torch.save or a {SUFFIX} file is "
            "needed"
        )
    return _read_pickle(path)


def _read_pickle(path: Path) -> Mapping[str, Any]:
    import torch

    if _is_program(path):
        raise ValueError(
            f"{path.name} was not opened: it is a TorchScript program, and code in a file can do "
            f"anything on this computer. Ask its makers for the weights alone, {_HOW}"
        )
    try:
        with torch.serialization.safe_globals(_numbers()):
            found = torch.load(path, map_location="cpu", weights_only=True)
    except _DAMAGE as error:
        raise ValueError(_what_is_wrong(path, error)) from error
    if not isinstance(found, Mapping):
        raise ValueError(
            f"{path.name} holds a {type(found).__name__} and not the named tensors of a network; "
            f"ask its makers for the weights, {_HOW}"
        )
    return found


def _is_program(path: Path) -> bool:
    """Whether it is TorchScript; raises if its list of contents, which ends a file, is gone."""
    with path.open("rb") as file:
        if file.read(len(_ZIP)) != _ZIP:
            return False
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("/constants.pkl") for name in archive.namelist())
    except (zipfile.BadZipFile, OSError) as error:
        raise ValueError(cut_off(path)) from error


def _numbers() -> list[Any]:
    """Return what makes numpy's numbers, which stand beside weights as scores and run nothing."""
    import numpy as np

    scalar = np.float64(0).__reduce__()[0]
    old_name = (scalar, "numpy.core.multiarray.scalar")  # before numpy 2
    return [scalar, old_name, np.dtype, *(type(np.dtype(kind)) for kind in "?bBhHiIlLqQefd")]


def _read_safetensors(path: Path) -> Mapping[str, Any]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            if CARD_KEY in (file.metadata() or {}):
                raise ValueError(
                    f"{path.name} is a napari-medseg model already: use it as it is, "
                    "there is nothing to import"
                )
            return {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(cut_off(path)) from error


def _what_is_wrong(path: Path, error: Exception) -> str:
    code = _CODE.search(str(error))
    if isinstance(error, pickle.UnpicklingError) and code:
        return (
            f"{path.name} was not opened: it wants to run {code[1]} beside giving weights, and "
            "code in a file can do anything on this computer. Ask its makers for the weights "
            f"alone, {_HOW}"
        )
    return cut_off(path)
