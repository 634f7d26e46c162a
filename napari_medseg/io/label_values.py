"""Which values are labels: whole numbers from 0 on, and what else people store as masks."""

from __future__ import annotations

import numpy as np

_NEAR_BLACK, _NEAR_WHITE = 16, 239
_CLEAR_FRACTION = 0.95


def as_labels(array: np.ndarray, name: str, *, lossy: bool = False) -> np.ndarray:
    """Turn the values of a file into labels.

    Parameters
    ----------
    array : ndarray
        ``(C, *S)``; more than one channel is accepted where all are equal (a grey picture
        saved as RGB).
    name : str
        The file's name, for messages.
    lossy : bool
        Whether it was JPEG: then at least 95 % of the pixels must be nearly black (up to 16) or
        nearly white (from 239) with some white among them, or all exactly 0, and the mask is
        what is above 127.

    Returns
    -------
    ndarray
        ``(1, *S)``, uint8, uint16 or uint32, the smallest that fits; {0, 255} become {0, 1}.

    Raises
    ------
    ValueError
        If the values are not labels.
    """
    if len(array) > 1:
        array = _one_channel(array, name)
    if lossy:
        return _from_jpeg(array, name)
    if array.dtype.kind == "f":
        if not np.isfinite(array).all():
            raise ValueError(
                f"{name} has NaN or infinite values and cannot be labels; choose the label file"
            )
        if (array != np.rint(array)).any():
            raise ValueError(
                f"{name} has values that are not whole numbers and cannot be labels; choose the "
                "label file, or round or threshold this one"
            )
    lowest, highest = array.min(), array.max()
    if lowest < 0:
        raise ValueError(
            f"{name} has negative values (down to {lowest:g}); labels are whole numbers from 0 on: "
            "give the negative ones another number"
        )
    if highest > np.iinfo(np.uint32).max:
        raise ValueError(f"{name} has values up to {highest:g}; labels go up to 65535")
    if highest == 255 and not ((array != 0) & (array != 255)).any():
        return (array != 0).astype(np.uint8)
    return array.astype(np.min_scalar_type(int(highest)), copy=False)


def _one_channel(array: np.ndarray, name: str) -> np.ndarray:
    if (array[1:] == array[:1]).all():
        return array[:1]
    raise ValueError(
        f"{name} has {len(array)} different channels; labels are one number per voxel: save them "
        "as one channel with the values 0, 1, 2..."
    )


def _from_jpeg(array: np.ndarray, name: str) -> np.ndarray:
    clear = (array <= _NEAR_BLACK) | (array >= _NEAR_WHITE)
    two_valued = array.max() >= _NEAR_WHITE and clear.mean() >= _CLEAR_FRACTION
    if array.max() > 0 and not two_valued:
        raise ValueError(
            f"{name} is a JPEG, which blurs label values, and it is not a black and white mask; "
            "save the labels as PNG or NIfTI"
        )
    return (array > 127).astype(np.uint8)
