"""Several curves over one axis, with a histogram of where its values lay."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

import numpy as np
from qtpy.QtCore import Qt

from napari_medseg.widgets.classes.palette import next_colour
from napari_medseg.widgets.plots.chart import Chart, pyqtgraph

_MOST = 10  # curves that can be told apart; no network has more stages
_COLOURS = 7  # that people tell apart; further curves are dashed
_SHARE = 0.25  # of the height, that the histogram takes


class Lines(Chart):
    """Curves by name, drawn at once.

    Parameters
    ----------
    below : str
        What the horizontal axis says.
    x : ndarray
        ``(p,)``.
    curves : mapping of str to ndarray
        ``(p,)`` each; of many the first are drawn.
    histogram : (ndarray, ndarray), optional
        Edges ``(bins + 1,)`` and counts ``(bins,)``, drawn at the foot.
    """

    def __init__(
        self,
        below: str,
        x: np.ndarray,
        curves: Mapping[str, np.ndarray],
        histogram: tuple[np.ndarray, np.ndarray] | None = None,
    ) -> None:
        super().__init__("There is nothing to draw")
        self.drawn = dict(list(curves.items())[:_MOST])
        self.left_out = len(curves) - len(self.drawn)
        self.plot.setLabel("bottom", below)
        self.plot.showGrid(y=True, alpha=0.25)
        looks: list[tuple[str, str]] = []  # colour, and how the heading draws it
        for index, values in enumerate(self.drawn.values()):
            dashed = index >= _COLOURS  # the colours begin again
            colour = next_colour(one for one, _ in looks[_COLOURS if dashed else 0 :])
            looks.append((colour, "╍" if dashed else "■"))
            style = Qt.PenStyle.DashLine if dashed else Qt.PenStyle.SolidLine
            pen = pyqtgraph().mkPen(colour, width=2, style=style)
            self.plot.plot(x, values, pen=pen, connect="finite")
        if histogram is not None and self.drawn:
            self._add_histogram(*histogram)
        self.heading.setText(
            " &nbsp; ".join(
                f"<span style='color: {colour}'>{mark}</span>&nbsp;{_in_one_line(name)}"
                for name, (colour, mark) in zip(self.drawn, looks, strict=True)
            )
        )
        self.colour_plot()
        self.show_plot(bool(self.drawn))

    def _add_histogram(self, edges: np.ndarray, counts: np.ndarray) -> None:
        values = np.concatenate([v[np.isfinite(v)] for v in self.drawn.values()])
        low, high = float(values.min()), float(values.max())
        heights = counts / max(counts.max(), 1) * _SHARE * ((high - low) or 1.0)
        bars = pyqtgraph().BarGraphItem(
            x0=edges[:-1], x1=edges[1:], y0=low, height=heights, brush="#88888866", pen=None
        )
        bars.setZValue(-1)
        self.plot.addItem(bars)


def _in_one_line(name: str) -> str:
    return escape(name).replace(" ", "&nbsp;")
