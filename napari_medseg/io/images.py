"""PNG, JPEG and BMP in: grey, colour, palette, any bit depth, EXIF rotation applied.

Decisions:

* Alpha is dropped (`Storage.header["alpha"]` says so); CMYK and palettes become RGB. For labels
  a palette's indices are the values.
* 16 bits stay 16 bits; Pillow, which reads 16-bit colour as 8, leaves those to imagecodecs.
* No spacing is taken from dots per inch: they are about paper.
* An EXIF orientation is applied on reading and kept in the `Storage`; labels written for the
  image have its pixel order and its EXIF tag, so both kinds of readers see them match.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.io.classes import ClassName, classes_in
from napari_medseg.io.errors import UnusableFile, explained
from napari_medseg.io.paths import image_stem
from napari_medseg.volume import Storage, Volume

EXIF_ORIENTATION = 0x0112
PNG_COMMENT = "Comment"  # a keyword of the PNG standard
_DEEP = (b"\x10\2", b"\x10\4", b"\x10\6")  # 16 bits: colour, grey with alpha, colour with alpha

ORIENTATIONS: dict[int, tuple[tuple[int, int], tuple[bool, bool]]] = {
    1: ((0, 1), (False, False)),
    2: ((0, 1), (False, True)),
    3: ((0, 1), (True, True)),
    4: ((0, 1), (True, False)),
    5: ((1, 0), (False, False)),
    6: ((1, 0), (False, True)),
    7: ((1, 0), (True, True)),
    8: ((1, 0), (True, False)),
}
"""EXIF (and TIFF) orientation: stored axis of H and W, and whether they run backwards."""


def read_picture(path: Path, *, indices: bool = False) -> Volume:
    """Read a 2D picture.

    Parameters
    ----------
    path : Path
        An existing file.
    indices : bool
        Take palette indices and bits as they are, for labels, instead of the colours they show.

    Returns
    -------
    Volume
        ``(C, H, W)``, C 1 or 3; spacing unknown.

    Raises
    ------
    ValueError
        If it is cut off, damaged, animated or no picture.
    OSError
        If it cannot be read.
    """
    pixels, orientation, header = _decoded(path, indices)
    axes, flips = ORIENTATIONS.get(orientation, ORIENTATIONS[1])
    storage = Storage(
        axes=axes,
        flips=flips,
        path=str(path),
        format="image",
        header={**header, "orientation": orientation},
    )
    planes = [pixels] if pixels.ndim == 2 else list(np.moveaxis(pixels, -1, 0))
    return Volume(
        array=np.ascontiguousarray([storage.to_canonical(plane) for plane in planes]),
        spacing=(1.0, 1.0),
        spacing_known=False,
        storage=storage,
        name=image_stem(path),
        channels=("red", "green", "blue") if len(planes) == 3 else (),
    )


def has_classes(path: Path) -> bool:
    """Whether a picture says that it holds labels, as `write_png` lets it.

    Raises
    ------
    UnusableFile
        If it is no picture.
    OSError
        If it cannot be read.
    """
    from PIL import Image

    with explained(path), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about metadata nobody asked for, and large pictures
        with Image.open(path) as image:
            return _classes(image) is not None


def _classes(image: Any) -> tuple[ClassName, ...] | None:
    """Return the classes a Pillow image names, None where it says nothing of labels."""
    said = image.info.get(PNG_COMMENT) if image.format == "PNG" else None
    return classes_in(said) if isinstance(said, str) else None


def _decoded(path: Path, indices: bool) -> tuple[np.ndarray, int, dict[str, Any]]:
    from PIL import Image

    with explained(path), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about metadata nobody asked for, and large pictures
        try:
            image = Image.open(path)
        except Image.DecompressionBombError as error:
            raise UnusableFile(
                f"{path.name} has more pixels than can be opened safely; cut or shrink it first"
            ) from error
        with image:
            frames = getattr(image, "n_frames", 1)
            if frames > 1:
                raise UnusableFile(
                    f"{path.name} is an animation of {frames} pictures; "
                    "save the one you need, or all as a TIFF stack"
                )
            image.load()
            orientation = int(image.getexif().get(EXIF_ORIENTATION, 1))
            header = {
                "mode": image.mode,
                "alpha": "A" in image.mode or "transparency" in image.info,
                "lossy": image.format == "JPEG",
                "classes": _classes(image) or (),
            }
            deep = _deep_colours(path)
            return pixels_of(image, indices) if deep is None else deep, orientation, header


def _deep_colours(path: Path) -> np.ndarray | None:
    """Read a PNG of 16-bit colours, or of grey with alpha, without alpha; None for others."""
    with open(path, "rb") as file:
        start = file.read(26)
    if not start.startswith(b"\x89PNG") or start[24:] not in _DEEP:
        return None
    from imagecodecs import png_decode

    pixels: np.ndarray = png_decode(path.read_bytes())
    return pixels[..., 0] if pixels.shape[-1] == 2 else pixels[..., :3]


def pixels_of(image: Any, indices: bool) -> np.ndarray:
    """Return the pixels of a Pillow image, ``(H, W)`` or ``(H, W, 3)``, without alpha."""
    mode = image.mode
    if mode in ("P", "PA") and not indices:
        colours = np.asarray(image.convert("RGB"))
        grey = (colours[..., :1] == colours).all()
        return colours[..., 0] if grey else colours
    if mode == "1":
        bits = np.asarray(image).astype(np.uint8)
        return bits if indices else bits * np.uint8(255)
    if mode in ("LA", "La", "PA"):
        return np.asarray(image.getchannel(0))
    if mode in ("L", "P", "F", "RGB") or mode.startswith("I"):
        pixels = np.asarray(image)
        fits = mode == "I" and pixels.size and pixels.min() >= 0 and pixels.max() < 65536
        native = np.uint16 if fits else pixels.dtype.newbyteorder("=")
        return pixels.astype(native, copy=False)
    return np.asarray(image.convert("RGB"))
