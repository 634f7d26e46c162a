"""What makes an image's values unusable, said alike of a whole image and of one in pieces."""

from __future__ import annotations

from napari_medseg.engine.card import Preprocessing


def check_statistics(preprocessing: Preprocessing, channels: int, name: str) -> None:
    """Raise a ValueError if the card normalises another number of channels by fixed numbers."""
    if preprocessing.normalise == "fixed" and len(preprocessing.mean) not in (1, channels):
        raise ValueError(
            f"the model's card normalises {len(preprocessing.mean)} channels, '{name}' has "
            f"{channels}; choose another model"
        )


def check_contrast(low: float, high: float, name: str) -> None:
    """Raise a ValueError if the smallest and the largest value of an image are the same."""
    if low == high:
        raise ValueError(
            f"every voxel of '{name}' has the value {low:g}, so there is nothing to segment. "
            "Check the file or choose another image."
        )


def check_finite(finite: bool, name: str) -> None:
    """Raise a ValueError if an image has no finite value."""
    if not finite:
        raise ValueError(
            f"'{name}' holds no finite value (all are NaN or infinite). "
            "Check the file or choose another image."
        )


def filling_notes(count: int, smallest: float) -> list[str]:
    """Say how many voxels without a finite value were filled with the smallest one, if any."""
    if not count:
        return []
    return [f"{count} NaN or infinite voxels were taken as {smallest:g}, the smallest value"]
