"""The demo: open a sample, choose a model, press Segment, look; through the real panels."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_medseg.progress import Step

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_medseg.widgets.workbench import Workbench

_LONGEST = 600  # seconds
_MODELS = {
    "colonoscopy": "polyp-lgmsnet",
    "hippocampus": "hippocampus-lgmsnet",
    "ultrasound": "breast-lesion-gladnet",
}


@dataclass(frozen=True)
class Demo:
    """What a demo made.

    Parameters
    ----------
    sample, model : str
        What was segmented, by what.
    labels : Path or None
        The label image it saved, with its provenance as JSON beside it.
    screenshot : Path or None
        A picture of the window.
    seconds : float
        From pressing Segment to seeing the labels.
    """

    sample: str
    model: str
    labels: Path | None
    screenshot: Path | None
    seconds: float


def main(
    output: str | Path | None = None, *, sample: str | None = None, model: str | None = None
) -> Demo:
    """Segment a sample in the viewer.

    Parameters
    ----------
    output : path or None
        A folder for a screenshot, the labels and their provenance; the viewer is closed then.
        With None the viewer stays open until a person closes it.
    sample : str or None
        Key of the sample; None is the hippocampus phantom.
    model : str or None
        Name or file of a model; None is the bundled one for that sample.

    Raises
    ------
    ValueError, OSError
        If there is no such sample or model, the model fails, or the folder cannot be written.
    """
    import napari

    from napari_medseg.engine.zoo import find_model
    from napari_medseg.samples import SAMPLES

    sample = sample or "hippocampus"
    if sample not in SAMPLES:
        raise ValueError(f"there is no sample {sample!r}; choose {', '.join(SAMPLES)}")
    checkpoint = find_model(model or _model_for(sample))
    if output is not None:
        Path(output).mkdir(parents=True, exist_ok=True)
    viewer = napari.Viewer(title=f"napari-medseg demo: {sample}", show=True)
    viewer.window.resize(1366, 768)  # a laptop of a hospital
    try:
        workbench = _open(viewer)
        viewer.open_sample("napari-medseg", sample)
        workbench.choose_model(checkpoint)
        seconds = _segment(workbench)
        saved = _save(viewer, workbench, Path(output), sample) if output is not None else None
    except BaseException:
        viewer.close()
        raise
    name = workbench.session.model.card.name if workbench.session.model else ""
    if saved is None:
        napari.run()
        return Demo(sample, name, None, None, seconds)
    viewer.close()
    labels, screenshot = saved
    return Demo(sample, name, labels, screenshot, seconds)


def _model_for(sample: str) -> str:
    """Return the bundled model for a sample, else any that says it fits."""
    from napari_medseg.engine.zoo import models
    from napari_medseg.samples import SAMPLES

    known = models()
    if _MODELS.get(sample) in known:
        return _MODELS[sample]
    volume = SAMPLES[sample].make().volume
    for name, entry in known.items():
        if (entry.card.spatial_dims, entry.card.in_channels) == (
            volume.spatial_dims,
            len(volume.array),
        ):
            return name
    raise ValueError(
        f"no model at hand fits the sample {sample!r}; say which one with --model, or train one "
        "with 'napari-medseg train'"
    )


def _open(viewer: Viewer) -> Workbench:
    _, workbench = viewer.window.add_plugin_dock_widget("napari-medseg", "Workbench")
    opened: Workbench = workbench
    return opened


def _segment(workbench: Workbench) -> float:
    """Press Segment and wait as a person does, with the window alive; return the seconds."""
    from qtpy.QtWidgets import QApplication

    outcomes: list[str] = []
    errors: list[str] = []
    steps: list[Step] = []
    workbench.runner.ended.connect(outcomes.append)
    workbench.runner.failed.connect(errors.append)
    workbench.runner.progressed.connect(steps.append)
    button = workbench.segment.segment
    if not button.isEnabled():
        raise ValueError(button.toolTip())
    started = time.monotonic()
    button.click()
    while not outcomes:
        QApplication.processEvents()
        time.sleep(0.01)
        if time.monotonic() - started > _LONGEST:
            workbench.runner.cancel()
            raise OSError(f"the demo took longer than {_LONGEST} s and was stopped")
    if outcomes[-1] != "done":
        raise ValueError(errors[-1] if errors else "the run was cancelled")
    return time.monotonic() - started


def _save(viewer: Viewer, workbench: Workbench, output: Path, sample: str) -> tuple[Path, Path]:
    """Save the labels by napari's own way, and a picture of the window."""
    from napari.layers import Labels
    from qtpy.QtWidgets import QApplication, QDialog

    from napari_medseg.widgets.volumes import KEY

    made = [
        layer
        for layer in viewer.layers
        if isinstance(layer, Labels) and "provenance" in layer.metadata.get(KEY, {})
    ]
    suffix = ".nii.gz" if made[-1].ndim == 3 else ".png"
    labels, screenshot = output / f"{sample}_labels{suffix}", output / f"{sample}.png"
    made[-1].save(str(labels), plugin="napari-medseg")
    _show_largest(viewer, made[-1])
    window = workbench.window()
    for notice in window.findChildren(QDialog) if window is not None else ():
        notice.close()  # they lie over the canvas
    QApplication.processEvents()
    viewer.window.screenshot(str(screenshot), canvas_only=False, flash=False)
    return labels, screenshot


def _show_largest(viewer: Viewer, labels: object) -> None:
    """Go to the slice that shows most of what was found."""
    import numpy as np
    from napari.layers import Labels

    assert isinstance(labels, Labels)
    if labels.ndim == 3:
        found = np.count_nonzero(np.asarray(labels.data), axis=(1, 2))
        viewer.dims.set_current_step(0, int(found.argmax()))
