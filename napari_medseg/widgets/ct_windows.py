"""The windows radiologists look at a CT through, and whether an image is one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Image

_LOOKED_AT = 1 << 16  # voxels
_AIR, _SCANNER = -500, -5000  # below the first is only air, below the second no Hounsfield unit
_METAL = 32000  # no Hounsfield unit is above


@dataclass(frozen=True)
class Window:
    """What is shown from black to white, in Hounsfield units.

    Parameters
    ----------
    name : str
        On the button.
    level, width : int
        Middle and extent of the shown range.
    """

    name: str
    level: int
    width: int

    @property
    def limits(self) -> tuple[float, float]:
        """Black and white."""
        return self.level - self.width / 2, self.level + self.width / 2


WINDOWS = (
    Window("Brain", 40, 80),
    Window("Lung", -600, 1500),
    Window("Bone", 400, 1800),
    Window("Abdomen", 50, 400),
    Window("Liver", 30, 150),
)
"""Values in common use.

Source: Murphy A, Baba Y, et al., "Windowing (CT)", Radiopaedia.org, rID 52108: brain W80 L40,
lungs W1500 L-600, bone W1800 L400, abdomen soft tissues W400 L50, liver W150 L30.
"""


def why_not_ct(image: Image | None) -> str:
    """Return why an image is not shown through a CT window, or nothing if it is a CT.

    A CT holds Hounsfield units: air is about -1000, so an image whose darkest voxels are there
    and which has nothing beyond what a scanner writes is one. So is one whose file or name says
    so, as long as its values can be Hounsfield units (a cropped organ shows no air).
    """
    if image is None:
        return "There is no image yet"
    if image.rgb:
        return f"{image.name} is a picture in colour; CT windows are for CT volumes"
    some = some_values(image)
    if not some.size:
        return f"{image.name} has no values"
    low, high = float(some.min()), float(some.max())
    possible = low > _SCANNER and high < _METAL and low < high
    named = "ct" in image.name.lower().replace("_", " ").replace("·", " ").split()
    if possible and some.dtype.kind in "if" and (low < _AIR or (named and low < 0)):
        return ""
    return f"{image.name} does not hold Hounsfield units (air is -1000), so it is no CT"


def some_values(image: Image) -> np.ndarray:
    """Return some finite values of an image; of data that lies elsewhere those of its middle."""
    data: Any = image.data[-1] if image.multiscale else image.data
    if not isinstance(data, np.ndarray):
        data = np.asarray(data[tuple(side // 2 for side in data.shape[:-2])])
    stride = max(1, int((data.size / _LOOKED_AT) ** (1 / max(data.ndim, 1))))
    some = data[(slice(None, None, stride),) * data.ndim]
    if some.dtype.kind == "f":
        some = some[np.isfinite(some)]
    return np.asarray(some)
