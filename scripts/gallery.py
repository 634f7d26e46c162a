"""Take the pictures of what the networks see: each on a phantom, with three overlays, no viewer.

    python scripts/gallery.py docs/pictures

Writes ``explain_lgmsnet.png``, ``explain_gladnet.png``, ``explain_msa2net.png`` and
``explain_msd_kmamba.png``: the phantom and, over it, what the entries of `SHOWN` give, from left to
right. The bundled models are shown; for MSA²Net, of which none is bundled, the one that
``networks_side_by_side.py`` trains on phantoms.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from networks_side_by_side import UNSEEN, train_on_phantoms
from PIL import Image

SHOWN: dict[str, tuple[str, str, int, tuple[str, ...]]] = {
    "lgmsnet": (
        "polyp-lgmsnet",
        "colonoscopy",
        0,
        ("grad_cam", "enc1.0:kernels", "dec4.1:attention"),
    ),
    "gladnet": (
        "breast-lesion-gladnet",
        "ultrasound",
        UNSEEN,
        ("energy", "grad_cam", "glam.attention:attention"),
    ),
    "msa2net": ("", "ultrasound", UNSEEN, ("separation", "encoder", "context")),
    "msd_kmamba": (
        "hippocampus-msd-kmamba",
        "hippocampus",
        0,
        ("energy", "enc2.1.mix:reach", "enc2.1.mix:together"),
    ),
}
SIDE, GAP = 320, 6  # pixels of a picture, and between two


def gallery(network: str, folder: Path, kept: Path) -> None:
    """Write the row of pictures of one network."""
    from napari_medseg import Segmenter, explain
    from napari_medseg.engine.zoo import find_model
    from napari_medseg.explain.colours import blended
    from napari_medseg.explain.overlay import Overlay
    from napari_medseg.samples import SAMPLES

    model, sample, seed, entries = SHOWN[network]
    path = find_model(model) if model else train_on_phantoms(kept)[-1]
    segmenter, phantom = Segmenter.load(path, device="cpu"), SAMPLES[sample].make(seed=seed)
    volume, inside = phantom.volume, phantom.labels > 0
    at = middle_of(inside)
    view = explain.view_of(segmenter, volume, at=at)
    names = [next(k for k in keys_of(segmenter) if k == e or k.endswith(f":{e}")) for e in entries]
    cut: tuple[Any, ...] = (slice(None), *([at[0]] if volume.spatial_dims == 3 else []))
    grey = scaled(volume.array[cut])
    row = [grey]
    for name in names:
        overlay = next(o for o in explain.show(segmenter, view, name) if isinstance(o, Overlay))
        one = overlay.only(0)
        row.append(blended(grey, one.on_grid()[cut][0], one.colormap, one.limits, one.opacity))
    pictures = [np.asarray(enlarged(np.broadcast_to(p, (3, *p.shape[1:])))) for p in row]
    gap = np.full((pictures[0].shape[0], GAP, 3), 255, np.uint8)
    parts = [part for picture in pictures for part in (picture, gap)][:-1]
    whole = Image.fromarray(np.concatenate(parts, axis=1)).quantize(192, dither=Image.Dither.NONE)
    whole.save(folder / f"explain_{network}.png", optimize=True)


def keys_of(segmenter: object) -> list[str]:
    """Return what there is to see of a model, without what it lacks."""
    from napari_medseg import explain

    return [entry.key for entry in explain.catalogue(segmenter) if not entry.why_not]


def middle_of(inside: np.ndarray) -> tuple[int, ...]:
    """Return the voxel of a mask that lies nearest to its middle."""
    voxels = np.argwhere(inside)
    nearest = np.linalg.norm(voxels - voxels.mean(axis=0), axis=1).argmin()
    return tuple(int(i) for i in voxels[nearest])


def scaled(array: np.ndarray) -> np.ndarray:
    """Return ``(C, H, W)`` as grey or colour from 0 to 255."""
    if len(array) == 3 and array.dtype == np.uint8:
        return array
    low, high = np.percentile(array, (0.5, 99.5))
    grey = (array - low) / max(high - low, 1e-9) * 255
    return np.asarray(grey.clip(0, 255).astype(np.uint8))


def enlarged(picture: np.ndarray) -> Image.Image:
    """Return ``(3, H, W)`` as a picture `SIDE` pixels high."""
    _, height, width = picture.shape
    size = (round(width * SIDE / height), SIDE)
    return Image.fromarray(np.moveaxis(picture, 0, -1)).resize(size, Image.Resampling.BICUBIC)


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", choices=tuple(SHOWN))
    words = parser.parse_args()
    words.folder.mkdir(parents=True, exist_ok=True)
    kept = Path(tempfile.gettempdir()) / "napari-medseg-pictures"
    for network in SHOWN if words.only is None else (words.only,):
        gallery(network, words.folder, kept)


if __name__ == "__main__":
    main()
