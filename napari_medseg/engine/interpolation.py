"""Weights between those of an old and a new model.

Source: Wortsman et al. 2022, Robust fine-tuning of zero-shot models, arXiv:2109.01903, eq. 1.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

Weights = Mapping[str, Tensor]


def between(old: Weights, new: Weights, alpha: float) -> dict[str, Tensor]:
    """Return ``(1 - alpha) old + alpha new``, tensor by tensor; at 0 and 1 to the bit.

    Whole numbers (counters) are the new model's, except at 0.

    Raises
    ------
    ValueError
        If `alpha` is not in [0, 1] or the two are not alike.
    """
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha must be from 0 (old) to 1 (new), got {alpha}")
    if old.keys() != new.keys() or any(old[k].shape != new[k].shape for k in old):
        raise ValueError("only weights of one network can be mixed; these are of two")
    if alpha in (0, 1):
        return {key: value.clone() for key, value in (new if alpha else old).items()}
    return {
        key: old[key].lerp(value, alpha) if value.is_floating_point() else value.clone()
        for key, value in new.items()
    }
