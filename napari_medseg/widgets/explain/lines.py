"""Several curves over one axis, with a histogram of where its values lay."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

import numpy as np

from napari_medseg.widgets.classes.palette import next_colour
from napari_medseg.widgets.plots.chart import Chart, pyqtgraph

_MOST = 10  # curves that can be told apart; no network has more stages
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
        colours: list[str] = []
        for values in self.drawn.values():
            colours.append(next_colour(colours))
            pen = pyqtgraph().mkPen(colours[-1], width=2)
            self.plot.plot(x, values, pen=pen, connect="finite")
        if histogram is not None and self.drawn:
            self._add_histogram(*histogram)
        self.heading.setText(
            " &nbsp; ".join(
                f"<span style='color: {colour}'>■</span>&nbsp;{_in_one_line(name)}"
                for name, colour in zip(self.drawn, colours, strict=True)
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
