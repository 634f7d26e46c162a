"""Put a trained model into the package: describe it, add its held-out scores, write it in half.

    python scripts/bundle_model.py polyp-lgmsnet TRAINED.safetensors SCORES.csv

`SCORES.csv` is what `napari-medseg evaluate --csv` wrote for the test cases named in `ABOUT`. The
folder of the package gets the weights and the card; replay files stay where they are.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.engine.card import ModelCard
from napari_medseg.engine.checkpoint import load_checkpoint, save_checkpoint

MODELS = Path(__file__).parent.parent / "napari_medseg" / "models"

ABOUT: dict[str, dict[str, Any]] = {
    "polyp-lgmsnet": {
        "title": "Polyps in colonoscopy",
        "description": (
            "Outlines polyps in colour images of colonoscopy. A small model trained on a CPU at "
            "128 x 128: a start to correct and learn from, not the best there is."
        ),
        "modality": "colonoscopy, RGB",
        "data": "Kvasir-SEG (Jha et al. 2020, arXiv:1911.07069), 800 of its 1000 images",
        "split": (
            "800 training images of EffiSegNet's split, 10 % of them held out to choose the "
            "epoch; scored once on the split's 100 validation images, each on its own grid, "
            "one training run"
        ),
        "licence": "weights: research and education only, as Kvasir-SEG's terms ask",
        "reproduce": (
            "napari-medseg train kvasir_seg_352 --recipe cpu-2d --cases 'train_*' "
            "--classes 1=polyp --half --out polyp-lgmsnet.safetensors"
        ),
    },
    "breast-lesion-gladnet": {
        "title": "Breast lesions in ultrasound",
        "description": (
            "Outlines benign and malignant lesions alike in ultrasound images of the breast. A "
            "small model trained on 196 images on a CPU at 96 x 96: a start to correct and learn "
            "from, not the best there is. It knows only 14 images without a lesion and may mark "
            "dark or shadowed tissue in them. GLAD-Net's code could not be had; this network "
            "follows its paper's text, and where that is silent, our choices."
        ),
        "modality": "ultrasound, B-mode",
        "data": "BUSI (Al-Dhabyani et al. 2020, Data in Brief 28:104863), 279 of its 780 images",
        "split": (
            "32 near-duplicates left out (scripts/split_busi.py, seed 0); every fifth of the "
            "shuffled rest is a test image: 50, 5 of them without a lesion, where Dice is 1 if "
            "nothing is found and else 0; scored once, each on its own grid (0.749 on the 45 with "
            "a lesion, 2 of the 5 others left alone). Trained in two runs: the first on 177 "
            "of the other 197, 20 held out to choose the round, before these were drawn by what "
            "they show; the second, from its weights, on all but one, for a set number of rounds. "
            "On those 20 such a second run of 10 rounds without them reached 0.55: 0.625 on 16 "
            "lesions, 1 of 4 images without one left alone"
        ),
        "licence": "weights: for research; the data's article is under CC BY 4.0",
        "reproduce": (
            "scripts/split_busi.py busi busi_split; at commit f5182ed: napari-medseg train "
            "busi_split --recipe gladnet-cpu --cases 'train_*' --classes 1=lesion --half "
            "--out first.safetensors; now: napari-medseg train busi_split "
            "--recipe gladnet-cpu-empty --start first.safetensors --validation 0.005 "
            "--validate-every 20 --cases 'train_*' --classes 1=lesion --half "
            "--out breast-lesion-gladnet.safetensors"
        ),
        "validated": False,  # on a single image, to learn from the others
    },
    "hippocampus-msd-kmamba": {
        "title": "Hippocampus in T1 MRI crops (MSD-KMamba)",
        "description": (
            "Outlines the anterior and the posterior part of one hippocampus in a T1 MRI cropped "
            "around it, about 35 x 50 x 36 mm; whole heads must be cropped first. Of MSD-KMamba's "
            "paper only the abstract could be had: the network is ours where it is silent, and so "
            "is the fused teacher its levels learn from."
        ),
        "modality": "MRI T1, cropped",
        "data": "Medical Segmentation Decathlon, Task04 (Simpson et al. 2019, arXiv:1902.09063)",
        "split": (
            "200 cases sorted by name: every fifth from the first on is a test case (40), of the "
            "other 160 10 % were held out to choose the epoch; scored once on the test cases, "
            "one training run, stopped and resumed after round 6 with a faster form of the network"
        ),
        "licence": "CC BY-SA 4.0, as the data",
        "reproduce": (
            "napari-medseg train hippocampus_160 --recipe msd-kmamba-cpu --epochs 20 "
            "--validate-every 2 --classes 1=anterior 2=posterior --half "
            "--out hippocampus-msd-kmamba.safetensors"
        ),
    },
    "hippocampus-lgmsnet": {
        "title": "Hippocampus in T1 MRI crops",
        "description": (
            "Outlines the anterior and the posterior part of one hippocampus in a T1 MRI cropped "
            "around it, about 35 x 50 x 36 mm; whole heads must be cropped first."
        ),
        "modality": "MRI T1, cropped",
        "data": "Medical Segmentation Decathlon, Task04 (Simpson et al. 2019, arXiv:1902.09063)",
        "split": (
            "200 cases sorted by name: every fifth from the first on is a test case (40), of the "
            "other 160 10 % were held out to choose the epoch; scored once on the test cases, "
            "one training run"
        ),
        "licence": "CC BY-SA 4.0, as the data",
        "reproduce": (
            "napari-medseg train hippocampus_160 --recipe cpu-3d --epochs 22 --validate-every 2 "
            "--classes 1=anterior 2=posterior --half --out hippocampus-lgmsnet.safetensors"
        ),
    },
}


def describe(card: ModelCard, name: str, scores: Path) -> ModelCard:
    """Return the card with what a person must know of the model."""
    about = dict(ABOUT[name])
    preprocessing = card.preprocessing.replace(modality=about.pop("modality"))
    unit = "mm" if card.spatial_dims == 3 else "pixels"  # a PNG does not say its spacing
    names = {c.value: c.name for c in card.classes}
    measured: dict[str, Any] = held_out_scores(scores, names, unit)
    if about.pop("validated", True):
        measured = {**card.scores, **measured}
    augment = card.history[0]["config"]["augment"]
    mirrored = augment["flip"] > 0 and augment.get("flip_axes") is None
    return card.replace(
        name=name, preprocessing=preprocessing, scores=measured, mirrored=mirrored, **about
    )


def held_out_scores(path: Path, names: dict[int, str], unit: str) -> dict[str, float]:
    """Average Dice and HD95 over the test cases, per class and over classes."""
    values: dict[tuple[str, str], list[float]] = defaultdict(list)
    with path.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            for metric, title in (("dice", "test Dice"), ("hd95", f"test HD95 in {unit}")):
                values[title, names[int(row["class"])]].append(float(row[metric]))
    result = {f"{title}, {name}": float(np.mean(v)) for (title, name), v in values.items()}
    if len(names) > 1:
        dice = [score for title, score in result.items() if title.startswith("test Dice")]
        result["test Dice, mean"] = float(np.mean(dice))
    return {title: round(score, 4) for title, score in result.items()}


def main() -> None:
    """Describe a model and write it into the package."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=ABOUT)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("scores", type=Path)
    arguments = parser.parse_args()
    network, card = load_checkpoint(arguments.checkpoint)
    card = describe(card, arguments.name, arguments.scores)
    out = MODELS / f"{arguments.name}.safetensors"
    save_checkpoint(out, network, card, half=True)
    print(f"{out}: {out.stat().st_size / 1e6:.1f} MB")
    for name, score in card.scores.items():
        print(f"{name}: {score}")


if __name__ == "__main__":
    main()
