"""The case with its differences in the viewer, as layers that nobody is asked to save."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import ref

import numpy as np
from napari.layers import Labels, Layer
from napari.utils.colormaps import DirectLabelColormap

from napari_medseg.engine.differences import BOTH, MISSED, TOO_MUCH
from napari_medseg.widgets.boxes import sliced_axis
from napari_medseg.widgets.evaluate.wrong import Wrong
from napari_medseg.widgets.file_classes import labels_with_classes
from napari_medseg.widgets.keeping.origins import file_of
from napari_medseg.widgets.keeping.sources import with_file, with_source
from napari_medseg.widgets.opened_cases import checksum
from napari_medseg.widgets.placement import insert_above, remove_layer, same_grid
from napari_medseg.widgets.review.jump import go_to
from napari_medseg.widgets.sessions import unwrapped
from napari_medseg.widgets.volume_layers import from_labels, from_volume
from napari_medseg.widgets.volumes import KEY

if TYPE_CHECKING:
    from pathlib import Path

    from napari.viewer import Viewer

    from napari_medseg.volume import Volume

# told apart by people who do not see red and green; what is right does not hide the image
COLOURS = {BOTH: "#b0b0b073", TOO_MUCH: "#d55e00", MISSED: "#56b4e9"}
WORDS = {BOTH: "right", TOO_MUCH: "too much", MISSED: "missed"}
_OPACITY = 0.75


class WrongLayers:
    """Shows one difference at a time, with the layers it needs.

    Layers it opened from files go when another case is shown, unless a person changed them.

    Parameters
    ----------
    viewer : Viewer
        Held weakly.
    """

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = ref(unwrapped(viewer))
        self._opened: list[tuple[ref[Layer], int]] = []
        self._difference: ref[Labels] | None = None
        self._case = ""

    @property
    def difference(self) -> Labels | None:
        """The layer of differences, as long as it is there."""
        layer, viewer = None if self._difference is None else self._difference(), self._viewer()
        return layer if viewer is not None and layer in viewer.layers else None

    def show(
        self, wrong: Wrong, truth: Labels | None = None, step: tuple[int, ...] = ()
    ) -> Labels | None:
        """Show where a case is wrong, and go there.

        Parameters
        ----------
        wrong : Wrong
            What was found.
        truth : Labels or None
            The true layer, if it was one.
        step : tuple of int
            Where along its axes before the spatial ones.

        Returns
        -------
        Labels or None
            The layer of differences; None if the viewer is gone.
        """
        viewer = self._viewer()
        if viewer is None:
            return None
        if self.difference is not None:
            remove_layer(viewer, self.difference)
        below: Layer | None = truth
        if truth is None:
            below = self._open_files(viewer, wrong)
        layer = _layer(wrong, truth, step)
        if below is None:
            viewer.add_layer(layer)
        else:
            insert_above(viewer, _topmost(viewer, below), layer)
        layer.editable = False
        self._difference = ref(layer)
        _go(viewer, layer, wrong, step)
        return layer

    def _open_files(self, viewer: Viewer, wrong: Wrong) -> Layer | None:
        """Open truth, labels and image of a case, each unless it is open; return the topmost."""
        score = wrong.score
        if score.case != self._case:
            self._close(viewer)
            self._case = score.case
        files = ((volume, path, "") for volume, path in wrong.images)
        labels = (
            (wrong.truth, score.truth, "true labels"),
            (wrong.judged, score.prediction, "labels to judge"),
        )
        top: Layer | None = None
        for volume, path, what in (*files, *labels):
            if path is not None:
                top = _open_layer(viewer, path) or self._add(viewer, volume, path, score.case, what)
        return top

    def _add(self, viewer: Viewer, volume: Volume, path: Path, case: str, what: str) -> Layer:
        if what:
            layers = [with_file(labels_with_classes(volume, f"{case} · {what}"), path)]
        else:
            layers = with_source(from_volume(volume, case), [path])
        layer: Layer | None = None
        for data, kwargs, kind in layers:
            # the differences are what one wants to see; the labels are a click away
            own = {**kwargs, "visible": False} if what else kwargs
            layer = Layer.create(data, own, kind)
            viewer.add_layer(layer)
            self._opened.append((ref(layer), checksum(layer.data) if what else 0))
        assert layer is not None  # a volume has at least one channel
        return layer

    def _close(self, viewer: Viewer) -> None:
        for opened, sum_then in self._opened:
            layer = opened()
            if layer is None or layer not in viewer.layers:
                continue
            if not isinstance(layer, Labels) or checksum(layer.data) == sum_then:
                remove_layer(viewer, layer)
        self._opened.clear()


def _layer(wrong: Wrong, truth: Labels | None, step: tuple[int, ...]) -> Labels:
    score = wrong.score
    name = f"{score.case} · {score.name}: where it is wrong"
    if truth is None:
        values, kwargs, _ = from_labels(wrong.truth.with_array(wrong.values[None]), name)
    else:
        values = wrong.values.reshape((*(1,) * len(step), *wrong.values.shape))
        kwargs = {"name": name, **same_grid(truth, step)}
    colours: dict[int | None, str] = {None: "transparent", 0: "transparent"}
    colours.update(COLOURS.items())
    return Labels(
        values,
        **{
            **kwargs,
            "metadata": {KEY: {"preview": True, "map": "difference"}},
            "colormap": DirectLabelColormap(color_dict=colours),
            "features": {"index": [0, *WORDS], "name": ["", *WORDS.values()]},
            "opacity": _OPACITY,
        },
    )


def _open_layer(viewer: Viewer, path: Path) -> Layer | None:
    """Return the layer of a file that is open already."""
    where = str(path.absolute())
    return next((layer for layer in viewer.layers if file_of(layer) == where), None)


def _topmost(viewer: Viewer, below: Layer) -> Layer:
    """Return the highest layer that lies on the voxels of this one: they would cover the answer."""
    shape = getattr(below.data, "shape", None)
    there = [x for x in viewer.layers if getattr(x.data, "shape", ()) == shape]
    return there[-1] if there else below


def _go(viewer: Viewer, layer: Labels, wrong: Wrong, step: tuple[int, ...]) -> None:
    axis = sliced_axis(viewer, layer)
    found = wrong.place(axis if axis is not None else 0)
    if found is not None:
        centre, box = found
        here = tuple(slice(0, 1) for _ in step)
        go_to(
            viewer, layer, (*(0,) * len(step), *(int(i) for i in np.asarray(centre))), (*here, *box)
        )
