"""Where a prediction is wrong, as a label image of its own."""

from __future__ import annotations

import numpy as np

from napari_medseg.engine.metrics import same_shape

NOTHING, BOTH, TOO_MUCH, MISSED = range(4)
DIFFERENCES = {BOTH: "both", TOO_MUCH: "too much", MISSED: "missed"}
"""Name of each value of `differences` but 0."""


def differences(prediction: np.ndarray, truth: np.ndarray, value: int) -> np.ndarray:
    """Say of every voxel whether prediction and truth agree on one class.

    Parameters
    ----------
    prediction, truth : ndarray
        Label images ``(*S)`` on the same grid.
    value : int
        The class's value in both.

    Returns
    -------
    ndarray of uint8
        ``(*S)``: 0 nothing there, 1 both have it, 2 only the prediction (too much), 3 only the
        truth (missed).

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    same_shape(prediction, truth)
    result = (prediction == value).view(np.uint8) * np.uint8(TOO_MUCH)
    true = truth == value
    # 2 becomes 1 where the truth has it too, 0 becomes 3
    np.subtract(np.uint8(MISSED), result, out=result, where=true)
    return result
