"""Dress an image in the look of another one: its colours, contrast and sharpness, not its content.

The energy of every band of spatial frequencies is taken from the other image, the phases stay.

Source: after Yang & Soatto 2020, Fourier Domain Adaptation, arXiv:2004.05498, eq. 3, which replaces
       the amplitudes of low frequencies.
Ours:  all frequencies, band by band, each scaled as a whole, so that no pattern of the other image
       is taken over; the mean is taken with its sign, since images are normalised.
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor

_BANDS = 16
_MOST = 4.0  # a band is scaled by this at most, so that noise is not blown up
_SMALLEST = 1e-8


def restyled(image: Tensor, look: Tensor, share: float) -> Tensor:
    """Return `image` with a share of the look of another one.

    Parameters
    ----------
    image, look : Tensor
        ``(C, *S)``, of one shape.
    share : float
        0 leaves the image as it is, 1 takes all of the look.
    """
    axes = tuple(range(1, image.ndim))
    mean = image.mean(axes, keepdim=True)
    goal = mean.lerp(look.mean(axes, keepdim=True), share)
    spectrum = torch.fft.rfftn(image - mean, dim=axes)
    other = torch.fft.rfftn(look - look.mean(axes, keepdim=True), dim=axes)
    bands = _bands(tuple(image.shape[1:])).to(image.device)
    ratio = (_energy(other, bands) / _energy(spectrum, bands)).sqrt().clamp(1 / _MOST, _MOST)
    factor = ratio.pow(share)[:, bands]
    return goal + torch.fft.irfftn(spectrum * factor, s=image.shape[1:], dim=axes)


def _energy(spectrum: Tensor, bands: Tensor) -> Tensor:
    """Return the mean squared amplitude of each channel and band, ``(C, _BANDS)``."""
    squared = spectrum.abs().square().flatten(1)
    total = squared.new_zeros((len(squared), _BANDS))
    count = squared.new_zeros(_BANDS)
    total.index_add_(1, bands.flatten(), squared)
    count.index_add_(0, bands.flatten(), torch.ones_like(squared[0]))
    return total / count.clamp(min=1) + _SMALLEST


@functools.lru_cache(maxsize=4)
def _bands(size: tuple[int, ...]) -> Tensor:
    """Return the band of each frequency of a real transform, the same width in octaves."""
    frequencies = [torch.fft.fftfreq(n) for n in size[:-1]] + [torch.fft.rfftfreq(size[-1])]
    grids = torch.meshgrid(*frequencies, indexing="ij")
    radius = torch.stack(grids).square().sum(0).sqrt()
    lowest = 1 / max(size)
    octaves = (radius.clamp(min=lowest) / lowest).log2()
    highest = octaves.max().clamp(min=1e-6)
    return (octaves / highest * (_BANDS - 1e-3)).long()
