"""Phantoms: images made in code that look like the real thing, with labels that are exact."""

from __future__ import annotations

from napari_medseg.samples.colonoscopy import colonoscopy
from napari_medseg.samples.hippocampus import hippocampus
from napari_medseg.samples.phantom import Phantom, Sample

SAMPLES: dict[str, Sample] = {
    sample.name: sample
    for sample in (
        Sample("colonoscopy", "Colonoscopy with a polyp (phantom)", colonoscopy),
        Sample("hippocampus", "Hippocampus, T1 MRI (phantom)", hippocampus),
    )
}
"""Every sample by name."""

__all__ = ["SAMPLES", "Phantom", "Sample"]
