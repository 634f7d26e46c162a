"""Phantoms: images made in code that look like the real thing, with labels that are exact."""

from __future__ import annotations

from napari_medseg.samples.brain_mri import brain_mri
from napari_medseg.samples.colonoscopy import colonoscopy
from napari_medseg.samples.ct import ct
from napari_medseg.samples.dermoscopy import dermoscopy
from napari_medseg.samples.hippocampus import hippocampus
from napari_medseg.samples.phantom import Phantom, Sample
from napari_medseg.samples.ultrasound import ultrasound

SAMPLES: dict[str, Sample] = {
    sample.name: sample
    for sample in (
        Sample("colonoscopy", "Colonoscopy with a polyp (phantom)", colonoscopy),
        Sample("hippocampus", "Hippocampus, T1 MRI (phantom)", hippocampus),
        Sample("dermoscopy", "Dermoscopy of a skin lesion (phantom)", dermoscopy),
        Sample("ultrasound", "Breast ultrasound with a lesion (phantom)", ultrasound),
        Sample("ct", "Abdominal CT with organs (phantom)", ct),
        Sample("brain_mri", "Brain MRI with a tumour, four contrasts (phantom)", brain_mri),
    )
}
"""Every sample by name; a name is a Python identifier."""

__all__ = ["SAMPLES", "Phantom", "Sample"]
