"""What hangs together with a prompt, and which changes lie away from it."""

from __future__ import annotations

import numpy as np

from napari_medseg.editing.connected import connected

_TOUCHED = 2  # voxels: what is so near to a prompt is not away from it


def hanging_together(mask: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Return the pieces of a mask ``(*S)`` that touch `where`, by faces; `where` joins them."""
    parts, count = connected(mask | where, "faces")
    touched = np.zeros(count + 1, bool)
    touched[parts[where]] = True
    touched[0] = False
    return np.asarray(touched[parts] & mask)


def changed_away(before: np.ndarray, after: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Return where labels ``(*S)`` change in pieces that do not touch `where`, nor nearly so."""
    from scipy import ndimage

    changed = before != after
    near = ndimage.binary_dilation(where, iterations=_TOUCHED)
    return changed & ~hanging_together(changed, near)
