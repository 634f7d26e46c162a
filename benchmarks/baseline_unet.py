"""Train MONAI's U-Net by one of our recipes, to have something to hold our numbers against.

    python benchmarks/baseline_unet.py FOLDER --recipe cpu-2d --out unet.safetensors

Everything but the network is the same as in `napari-medseg train`: cases, split, augmentation,
loss, schedule, epochs, choice of the checkpoint. The result can be segmented with and scored in
this process only (`--segment IMAGES --to FOLDER`): the network is not part of the package.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from monai.networks.nets import UNet
from torch import Tensor

import napari_medseg.networks as networks
from napari_medseg.engine import training, training_run
from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.engine.training_config import TrainingConfig
from napari_medseg.io import find_cases, read_volume, write_labels
from napari_medseg.networks.base import Feature, SegmentationNetwork
from napari_medseg.networks.config import NetConfig
from napari_medseg.networks.registry import Architecture
from napari_medseg.progress import Step

WIDTHS = {2: (16, 32, 64, 128, 256), 3: (16, 32, 64, 128)}  # 1.6 M and 1.2 M parameters


@dataclass(frozen=True, kw_only=True)
class UNetConfig(NetConfig):
    """MONAI's U-Net as its tutorials build it."""


class MonaiUNet(SegmentationNetwork):
    """MONAI's residual U-Net behind our contract."""

    def __init__(self, config: NetConfig) -> None:
        super().__init__(config)
        widths = WIDTHS[config.spatial_dims]
        self.unet = UNet(
            spatial_dims=config.spatial_dims,
            in_channels=config.in_channels,
            out_channels=config.num_classes,
            channels=widths,
            strides=(2,) * (len(widths) - 1),
            num_res_units=2,
            norm="batch" if config.spatial_dims == 2 else "instance",
        )

    @property
    def divisor(self) -> int:
        return 16

    @property
    def feature_info(self) -> tuple[Feature, ...]:
        return ()

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.unet(x)
        return logits


UNET = Architecture(
    name="monai-unet",
    title="MONAI U-Net",
    config=UNetConfig,
    builder="__main__:MonaiUNet",
    spatial_dims=(2, 3),
    presets={("base", 2): {}, ("base", 3): {}},
    paper="https://arxiv.org/abs/1505.04597",
    code="https://github.com/Project-MONAI/MONAI",
    code_licence="Apache-2.0",
)


def main() -> None:
    """Train, and say how long it took and how good it became."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--recipe", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--segment", type=Path, help="folder of images to segment afterwards")
    parser.add_argument("--only", default="", help="segment images whose name starts with this")
    parser.add_argument("--to", type=Path, help="where those labels go")
    parser.add_argument("--set", nargs="*", default=[], help="recipe fields as name=JSON")
    arguments = parser.parse_args()
    networks._ARCHITECTURES = (*networks._ARCHITECTURES, UNET)
    changes = {name: json.loads(text) for name, text in (f.split("=", 1) for f in arguments.set)}
    recipe = TrainingConfig.recipe(arguments.recipe).to_dict()
    config = TrainingConfig.from_dict({**recipe, **changes, "architecture": "monai-unet"})
    torch.set_num_threads(1)
    # torch 2.13's instance norm has wrong gradients in channels-last at batch 1 on a CPU
    training.memory_format = training_run.memory_format = lambda _: torch.contiguous_format
    started, cpu = time.monotonic(), time.process_time()
    shown = [started]

    def report(step: Step) -> None:
        if time.monotonic() - shown[0] > 20:
            shown[0] = time.monotonic()
            print(step.done, step.total, step.note, flush=True)

    result = training.train(arguments.folder, config, out=arguments.out, report=report)
    wall, cpu = time.monotonic() - started, time.process_time() - cpu
    print(f"validation Dice {result.best:.4f} after {result.epochs} epochs")
    print(f"{cpu / 60:.1f} CPU minutes, {wall / 60:.1f} minutes")
    if arguments.segment:
        segmenter = Segmenter.load(arguments.out, device="cpu")
        print(f"{segmenter.network.count_parameters():,} parameters")
        for case in find_cases(arguments.segment):
            if not case.name.startswith(arguments.only):
                continue
            volume = read_volume(case.images if len(case.images) > 1 else case.images[0])
            labels = segmenter.segment(volume).labels
            suffix = ".png" if volume.spatial_dims == 2 else ".nii.gz"
            write_labels(arguments.to / f"{case.name}{suffix}", labels, like=volume)


if __name__ == "__main__":
    main()
