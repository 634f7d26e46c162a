"""Take the pictures of the networks side by side: one phantom, segmented by each, in the viewer.

    xvfb-run -a -s "-screen 0 1920x1200x24" python scripts/networks_side_by_side.py docs/pictures

Writes ``networks_3d.png``, the bundled models of the hippocampus on their phantom, and
``networks_2d.png``: the small presets of LGMSNet, GLAD-Net and MSA²Net, each trained for a minute
or two on 12 ultrasound phantoms, on one that none of them has seen. The models trained are kept in
a temporary folder, so that a second run is fast; the Segment panel runs all of them.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from pictures import LONGEST, shoot, spin

SIDE, LEARNT, UNSEEN = 96, 12, 100
BUNDLED = ("hippocampus-lgmsnet", "hippocampus-msd-kmamba")
TRAINED = ("lgmsnet", "gladnet", "msa2net")
EPOCHS = 60


def train_on_phantoms(folder: Path) -> list[Path]:
    """Train what `folder` lacks; return a model for each of `TRAINED`."""
    from napari_medseg.engine.training import train
    from napari_medseg.engine.training_config import TrainingConfig
    from napari_medseg.io import write_image, write_labels
    from napari_medseg.samples import SAMPLES

    models = [folder / f"ultrasound-{name}.safetensors" for name in TRAINED]
    if not all(model.exists() for model in models):
        for seed in range(1, LEARNT + 1):
            phantom = SAMPLES["ultrasound"].make(seed=seed)
            write_image(folder / "data" / "images" / f"{seed}.png", phantom.volume)
            target = folder / "data" / "masks" / f"{seed}.png"
            write_labels(target, phantom.labels, like=phantom.volume)
    for name, model in zip(TRAINED, models, strict=True):
        if not model.exists():
            config = TrainingConfig.recipe(
                "cpu-2d",
                architecture=name,
                preset="small",
                size=(SIDE, SIDE),
                early_size=None,
                epochs=EPOCHS,
                batch_size=4,
                validate_every=10,
                classes=("1=lesion",),
                name=model.stem,
                device="cpu",
            )
            part = model.with_name(f"part-{model.name}")  # a run that was stopped is no model
            train(folder / "data", config, out=part, overwrite=True).checkpoint.rename(model)
    return models


def segment_with(viewer: Any, workbench: Any, models: list[Path]) -> list[str]:
    """Run each model from the Segment panel on the first layer; return the names for a caption."""
    from napari_medseg.engine.checkpoint import read_card
    from napari_medseg.networks import architectures
    from napari_medseg.widgets.volumes import KEY

    image, names = viewer.layers[0], []
    for model in models:
        viewer.layers.selection.active = image
        workbench.choose_model(model)
        spin(lambda: workbench.segment.segment.isEnabled(), LONGEST, must=True)
        workbench.segment.segment.click()
        spin(lambda: not workbench.runner.busy, LONGEST, must=True)
        names.append(architectures()[read_card(model).architecture].title)
        [found] = [
            layer
            for layer in viewer.layers
            if "provenance" in layer.metadata.get(KEY, {}) and layer.name not in names
        ]
        found.name = names[-1]
    return names


def side_by_side(viewer: Any, workbench: Any, names: list[str], path: Path) -> None:
    """Show a copy of the image under each answer, in a row, and save the window."""
    image, truth = viewer.layers[0], [y for y in viewer.layers if "exact" in y.name.lower()]
    for layer in truth:
        layer.visible = False
    answers = [viewer.layers[name] for name in names]
    if viewer.dims.ndim == 3:
        most = np.count_nonzero(answers[0].data, axis=(1, 2)).argmax()
        viewer.dims.set_current_step(0, int(most))
    width = image.data.shape[-1 - int(image.rgb)] * image.scale[-1] * 1.06
    for place, answer in enumerate(answers):
        under = image if place == 0 else viewer.add_image(image.data, scale=image.scale)
        for layer in (under, answer):
            shift = np.zeros(layer.ndim)
            shift[-1] = place * width
            layer.translate = layer.translate + shift
        under.name = f"{answer.name}: image"
        viewer.layers.move(viewer.layers.index(answer), len(viewer.layers))
    text = viewer.canvas.overlays.text
    text.visible, text.text = True, "   |   ".join(names) + "   (left to right)"
    viewer.reset_view()
    shoot(viewer, workbench, "segment", path)


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", choices=("2d", "3d"))
    words = parser.parse_args()
    words.folder.mkdir(parents=True, exist_ok=True)
    import napari

    from napari_medseg.engine.zoo import find_model
    from napari_medseg.samples import SAMPLES

    # work that an earlier session did not save is not for the picture
    os.environ["NAPARI_MEDSEG_JOURNALS"] = tempfile.mkdtemp()
    kept = Path(tempfile.gettempdir()) / "napari-medseg-pictures"
    for which in ("3d", "2d") if words.only is None else (words.only,):
        models = [find_model(n) for n in BUNDLED] if which == "3d" else train_on_phantoms(kept)
        sample, seed = ("hippocampus", 0) if which == "3d" else ("ultrasound", UNSEEN)
        volume = SAMPLES[sample].make(seed=seed).volume
        viewer = napari.Viewer(show=True)
        viewer.theme = "dark"
        viewer.window.resize(1366, 768)
        viewer.add_image(volume.array[0], scale=volume.spacing, name=sample)
        _, workbench = viewer.window.add_plugin_dock_widget("napari-medseg", "Workbench")
        names = segment_with(viewer, workbench, models)
        side_by_side(viewer, workbench, names, words.folder / f"networks_{which}.png")
        viewer.close()


if __name__ == "__main__":
    main()
