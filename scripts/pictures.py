"""Take the pictures of the documentation: each tab of the workbench, phantoms only.

    xvfb-run -a -s "-screen 0 1920x1200x24" python scripts/pictures.py docs/pictures
    xvfb-run -a -s "-screen 0 1920x1200x24" python scripts/pictures.py DIR --size 1920x1200 --light

Writes ``model.png``, ``segment.png`` and ``worklist.png``: the hippocampus phantom, segmented by
the bundled model, and a folder of such phantoms with one case segmented; and ``edit.png``: the CT
phantom, its liver about to be grown, with the orthogonal views; ``interact_point.png`` and
``interact_box.png``: the ultrasound phantom, what a click would add to a lesion that was found in
part, and the CT phantom, what a box finds without a model. ``--only`` takes some of them.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

SAMPLE, MODEL = "hippocampus", "hippocampus-lgmsnet"
LONGEST = 300.0  # seconds


def spin(
    done: Callable[[], Any] = lambda: False, seconds: float = 1.0, *, must: bool = False
) -> None:
    """Let the window live until `done()` or for some seconds.

    Raises
    ------
    TimeoutError
        If it `must` be done and is not.
    """
    from qtpy.QtWidgets import QApplication

    end = time.monotonic() + seconds
    while not done() and time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.01)
    if must and not done():
        raise TimeoutError(f"the window did not come so far in {seconds:.0f} s")


def shoot(viewer: Any, workbench: Any, name: str, path: Path) -> None:
    """Go to a panel, close what lies over the canvas, and save the window in 128 colours."""
    from qtpy.QtWidgets import QDialog

    workbench.go_to(name)
    spin(seconds=2.5)
    for notice in workbench.window().findChildren(QDialog):
        notice.close()
    spin(seconds=0.5)
    picture = Image.fromarray(viewer.window.screenshot(canvas_only=False, flash=False)[..., :3])
    picture.quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)


def show_largest(viewer: Any) -> None:
    """Go to the slice that shows most of what the model found."""
    from napari_medseg.widgets.volumes import KEY

    [found] = [y for y in viewer.layers if "provenance" in y.metadata.get(KEY, {})]
    viewer.dims.set_current_step(0, int(np.count_nonzero(found.data, axis=(1, 2)).argmax()))


def show_editing(viewer: Any, workbench: Any, folder: Path) -> None:
    """Outline what a tool would do to the phantom's liver, and show all three planes."""
    from napari_medseg.widgets.views import toggle_views

    open_labels(viewer, "ct")
    workbench.go_to("edit")
    toggle_views(viewer)
    spin(seconds=2.0)
    viewer.dims.set_current_step(0, 14)
    tools = workbench.panel("edit").tools
    tools.open("grow")
    tools.buttons["grow"].click()
    shoot(viewer, workbench, "edit", folder / "edit.png")
    toggle_views(viewer)


def make_cases(folder: Path, count: int = 6) -> None:
    """Save a folder of phantom volumes that differ a little."""
    from napari_medseg.io import write_image
    from napari_medseg.samples import SAMPLES

    volume = SAMPLES[SAMPLE].make().volume
    noise = np.random.default_rng(0)
    for case in range(1, count + 1):
        values = volume.array + noise.normal(0, 2, volume.array.shape).astype(np.float32)
        write_image(folder / f"case_{case:03}.nii.gz", volume.with_array(values))


def show_point(viewer: Any, workbench: Any, path: Path) -> None:
    """Click on what is missing of a lesion that was found in part."""
    from napari_medseg.interact.robot import next_prompt
    from napari_medseg.samples import SAMPLES

    phantom = SAMPLES["ultrasound"].make()
    labels = open_labels(viewer, "ultrasound")
    found = phantom.labels.copy()
    found[:, int(np.argwhere(found)[:, 1].mean()) :] = 0
    labels.data = found
    prompt = next_prompt(phantom.labels, found, phantom.volume)
    give(viewer, workbench, prompt, use_model=False)
    shoot(viewer, workbench, "interact", path)


def show_box(viewer: Any, workbench: Any, path: Path) -> None:
    """Pull a box around a kidney in CT, where there are no labels yet."""
    from napari_medseg.interact.prompts import Prompt
    from napari_medseg.samples import SAMPLES

    phantom = SAMPLES["ct"].make()
    labels = open_labels(viewer, "ct")
    value = next(value for value, name, _ in phantom.classes if "kidney" in name.lower())
    kidney = phantom.labels == value
    level = int(np.count_nonzero(kidney, axis=(1, 2)).argmax())
    labels.data = np.zeros_like(phantom.labels)
    rows, columns = np.nonzero(kidney[level])
    corners = [(level, rows.min(), columns.min()), (level, rows.max(), columns.max())]
    viewer.dims.set_current_step(0, level)
    prompt = Prompt.drawn(phantom.volume, corners, value, kind="box", axis=0)
    give(viewer, workbench, prompt, use_model=False)
    shoot(viewer, workbench, "interact", path)


def open_labels(viewer: Any, sample: str) -> Any:
    """Open a sample and select its labels, seen and on top."""
    from napari.layers import Labels

    viewer.layers.clear()
    viewer.open_sample("napari-medseg", sample)
    labels = next(layer for layer in viewer.layers if isinstance(layer, Labels))
    labels.visible = True
    viewer.layers.move(viewer.layers.index(labels), len(viewer.layers))
    viewer.layers.selection.active = labels
    return labels


def give(viewer: Any, workbench: Any, prompt: Any, *, use_model: bool) -> None:
    """Give the Interact panel a prompt as if it was drawn, and wait for the answer."""
    workbench.go_to("interact")
    spin(seconds=1.0)
    panel = workbench.panel("interact")
    panel.parts.use_model.setChecked(use_model)
    viewer.layers.selection.active.selected_label = prompt.value
    panel.parts.tools.buttons[prompt.kind].click()
    panel.view.hand.drawn.emit(prompt)
    labels = viewer.layers.selection.active
    spin(lambda: not panel.prompting.queue.waiting(labels), LONGEST, must=True)


def show_segmented(viewer: Any, workbench: Any, folder: Path) -> None:
    """Segment a phantom, then show its model, and a folder of such phantoms."""
    from napari_medseg.engine.zoo import find_model
    from napari_medseg.widgets.case_folder import open_folder

    viewer.open_sample("napari-medseg", SAMPLE)
    workbench.choose_model(find_model(MODEL))
    spin(lambda: workbench.segment.segment.isEnabled(), LONGEST, must=True)
    workbench.segment.segment.click()
    spin(lambda: not workbench.runner.busy, LONGEST, must=True)
    show_largest(viewer)
    shoot(viewer, workbench, "segment", folder / "segment.png")
    shoot(viewer, workbench, "model", folder / "model.png")
    with tempfile.TemporaryDirectory() as name:
        scans = Path(name) / "scans"
        scans.mkdir()
        make_cases(scans)
        open_folder(viewer, scans)
        shoot(viewer, workbench, "worklist", folder / "worklist.png")
    viewer.layers.clear()


def show_prompts(viewer: Any, workbench: Any, folder: Path) -> None:
    """Show a point and a box."""
    show_point(viewer, workbench, folder / "interact_point.png")
    show_box(viewer, workbench, folder / "interact_box.png")


SHOWN: dict[str, Callable[[Any, Any, Path], None]] = {
    "segment": show_segmented,
    "edit": show_editing,
    "interact": show_prompts,
}


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", default="1366x768")
    parser.add_argument("--light", action="store_true", help="napari's light theme")
    parser.add_argument("--only", nargs="+", choices=SHOWN, default=list(SHOWN))
    words = parser.parse_args()
    words.folder.mkdir(parents=True, exist_ok=True)
    os.environ["NAPARI_MEDSEG_JOURNALS"] = tempfile.mkdtemp()  # no unsaved work of earlier times

    import napari

    viewer = napari.Viewer(show=True)
    viewer.theme = "light" if words.light else "dark"
    viewer.window.resize(*map(int, words.size.split("x")))
    _, workbench = viewer.window.add_plugin_dock_widget("napari-medseg", "Workbench")
    for name in words.only:
        SHOWN[name](viewer, workbench, words.folder)
    viewer.close()


if __name__ == "__main__":
    main()
