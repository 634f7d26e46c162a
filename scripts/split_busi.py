"""Split breast ultrasound images (BUSI) into training and test, near-duplicates left out.

    python scripts/split_busi.py BUSI FOLDER

`BUSI` holds ``images/`` and ``masks/`` with equal names, as the data set's masks joined by union.
BUSI holds some pictures twice, cropped or marked differently, even once as benign and once as
malignant (Pawlowska et al. 2023, Data in Brief 48:109247), which would let a model be tested on
what it learnt from. Two pictures count as one where they correlate above 0.93, both shrunk to
32 x 32 in grey, one of them also mirrored: on the 279 pictures at hand no pair lies between 0.913
and 0.940. Of each such group the first by name is kept. The rest, shuffled by a fixed seed, is
split so that every fifth is a test picture.

`FOLDER` gets grey pictures named ``train_...`` and ``test_...``, their masks, and ``split.csv``.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

ALIKE = 0.93
SEED = 0
EVERY = 5


def near_duplicates(pictures: Sequence[np.ndarray], alike: float = ALIKE) -> list[int | None]:
    """Return for each picture the first one it repeats, None for those that repeat none.

    Parameters
    ----------
    pictures : sequence of ndarray
        ``(H, W)`` uint8, of any size.
    alike : float
        Correlation above which two pictures are one; groups are joined through common members.
    """
    small = np.stack([_shrunk(picture) for picture in pictures])
    mirrored = small[:, :, ::-1]
    likeness = np.maximum(_correlation(small, small), _correlation(small, mirrored))
    group = list(range(len(pictures)))
    for a, b in zip(*np.nonzero(likeness > alike), strict=True):
        first, other = sorted((group[a], group[b]))
        group = [first if g == other else g for g in group]
    return [None if g == index else g for index, g in enumerate(group)]


def parts_of(count: int, seed: int = SEED) -> list[str]:
    """Return "train" or "test" for each of `count` pictures: a fifth, at random, is for testing."""
    parts = np.full(count, "train")
    parts[np.random.default_rng(seed).permutation(count)[::EVERY]] = "test"
    return [str(part) for part in parts]


def _shrunk(picture: np.ndarray) -> np.ndarray:
    small = Image.fromarray(picture).resize((32, 32), Image.Resampling.BOX)
    values = np.asarray(small, np.float64)
    values -= values.mean()
    return values / max(float(np.linalg.norm(values)), 1e-9)


def _correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a.reshape(len(a), -1) @ b.reshape(len(b), -1).T


def split(source: Path, out: Path) -> dict[str, int]:
    """Write the split and return how many pictures each part has."""
    files = sorted((source / "images").glob("*.png"))
    pictures = [np.asarray(Image.open(file).convert("L")) for file in files]
    repeats = near_duplicates(pictures)
    parts = iter(parts_of(repeats.count(None)))
    rows = []
    for name in ("images", "masks"):
        (out / name).mkdir(parents=True, exist_ok=True)
    for file, picture, repeated in zip(files, pictures, repeats, strict=True):
        part = next(parts) if repeated is None else "left out"
        rows.append((file.name, part, "" if repeated is None else files[repeated].name))
        if repeated is None:
            Image.fromarray(picture).save(out / "images" / f"{part}_{file.name}")
            mask = Image.open(source / "masks" / file.name).convert("L")
            mask.point(lambda value: 255 * (value > 127)).save(
                out / "masks" / f"{part}_{file.name}"
            )
    with (out / "split.csv").open("w", newline="") as table:
        writer = csv.writer(table)
        writer.writerow(("picture", "part", "repeats"))
        writer.writerows(rows)
    found = [part for _, part, _ in rows]
    return {part: found.count(part) for part in ("train", "test", "left out")}


def main() -> None:
    """Split the data set named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path, metavar="BUSI")
    parser.add_argument("out", type=Path, metavar="FOLDER")
    arguments = parser.parse_args()
    for part, count in split(arguments.source, arguments.out).items():
        print(f"{part}: {count}")


if __name__ == "__main__":
    main()
