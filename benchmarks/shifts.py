"""Seeded changes of images that make another domain of them: another camera, another scanner.

A seed decides the domain; every image of it is changed a little differently, decided by its number,
so that a model cannot undo one fixed formula.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from napari_medseg.volume import Volume


def other_camera(volume: Volume, seed: int, number: int) -> Volume:
    """Return a colour picture as from another endoscope: cast, contrast, blur and vignette.

    Parameters
    ----------
    volume : Volume
        ``(3, H, W)`` uint8.
    seed : int
        Of the domain: its colour cast and the corner that is brightest.
    number : int
        Of the picture.
    """
    domain, own = np.random.default_rng([seed, 1]), np.random.default_rng([seed, 2, number])
    cast = np.array([0.52, 0.92, 1.26]) * domain.uniform(0.9, 1.1, 3)
    cast = cast[:, None, None] * own.uniform(0.93, 1.07, (3, 1, 1))
    centre = domain.uniform(-0.3, 0.3, 2) + own.uniform(-0.1, 0.1, 2)
    values = volume.array.astype(np.float32) / 255
    grey = values.mean(0, keepdims=True)
    values = (grey + 0.6 * (values - grey)) * cast  # paler, then tinted
    middle = values.mean()
    values = middle * 0.9 + (values - middle) * own.uniform(0.6, 0.75)  # darker and flatter
    sigma = own.uniform(1.5, 2.5) * max(volume.shape) / 352
    values = ndimage.gaussian_filter(values, (0, sigma, sigma))
    places = np.meshgrid(*(np.linspace(-1, 1, side) for side in volume.shape), indexing="ij")
    away = sum((place - c) ** 2 for place, c in zip(places, centre, strict=True))
    values *= np.clip(1 - 0.35 * away, 0.1, None)
    return volume.with_array((values.clip(0, 1) * 255).round().astype(np.uint8))


def other_scanner(volume: Volume, seed: int, number: int) -> Volume:
    """Return a scan with its intensities inverted, bent by a gamma, and a bias field over it.

    Parameters
    ----------
    volume : Volume
        ``(1, D, H, W)``.
    seed : int
        Of the domain: its gamma and the direction of its bias.
    number : int
        Of the scan.
    """
    domain, own = np.random.default_rng([seed, 3]), np.random.default_rng([seed, 4, number])
    values = volume.array.astype(np.float32)
    low, high = np.percentile(values, (0.5, 99.5))
    values = np.clip((high - values) / max(high - low, 1e-6), 0, 1)
    values **= domain.uniform(1.3, 1.7) * own.uniform(0.9, 1.1)
    direction = domain.normal(size=3) + 0.3 * own.normal(size=3)
    direction /= np.linalg.norm(direction)
    places = np.meshgrid(*(np.linspace(-1, 1, side) for side in volume.shape), indexing="ij")
    along = sum(place * part for place, part in zip(places, direction, strict=True))
    field = np.exp(0.4 * along + 0.15 * np.sin(3 * along + own.uniform(0, 6)))
    return volume.with_array((values * field).astype(np.float32))


def in_colour(volume: Volume, seed: int, number: int) -> Volume:
    """Return a grey picture as a model of colour pictures takes it; no chance is in it.

    Parameters
    ----------
    volume : Volume
        ``(1, H, W)``; what it becomes is ``(3, H, W)``. One that has colours stays as it is:
        somebody drew in it.
    seed, number : int
        Of the domain and the picture; they change nothing.
    """
    if len(volume.array) == 3:
        return volume
    return volume.with_array(np.repeat(volume.array, 3, axis=0))
