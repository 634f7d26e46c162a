"""How much a model is believed, by how deep prompts lie in what it has wrong."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from napari_medseg.interact.anchors import Anchors

_NONE, _FULL = 0.25, 0.65  # of an object's radius: so deep in an error there is no, full doubt
_LEAST = 0.05  # of the region's side: an object is not taken for smaller


def doubt_of(anchors: Anchors, own: np.ndarray, spacing: Sequence[float]) -> float:
    """Return from 0, the model errs along borders at most, to 1, it is wrong as a whole.

    Prompts lie where something is wrong, with the best model, too: how many of them contradict it
    says little, but how deep they lie in what it has wrong does. That is compared with the radius
    of its objects. In a picture there is no doubt before a class was asked for, or one prompt
    against a part would erase the whole; in volumes, where a weak model finds a class everywhere,
    waiting for that was measured to be worse.

    Parameters
    ----------
    anchors : Anchors
        Of all prompts; `wrong` is of `own`.
    own : ndarray
        ``(*S)``, the labels the model itself gives.
    spacing : sequence of float
        mm along each axis.
    """
    if own.ndim == 2 and not anchors.asked:
        return 0.0
    deepest = float(anchors.wrong.max(initial=0.0))
    sizes = np.unique(own[own != 0], return_counts=True)[1] * float(np.prod(spacing))
    side = float(np.prod(np.multiply(spacing, own.shape)) ** (1 / own.ndim))
    ball = math.pi if own.ndim == 2 else 4 / 3 * math.pi
    radii = np.maximum((sizes / ball) ** (1 / own.ndim), _LEAST * side)
    # a class that is found everywhere says nothing of how large objects are: the harmonic mean
    radius = 1 / float(np.mean(1 / radii)) if len(radii) else _LEAST * side
    return min(max((deepest / radius - _NONE) / (_FULL - _NONE), 0.0), 1.0)
