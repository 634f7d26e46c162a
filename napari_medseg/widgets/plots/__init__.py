"""Charts: boxes with the cases as points, and curves that grow while something runs.

They are painted by Qt itself, not by pyqtgraph. Measured here (three curves of 500 points, both
bindings, an otherwise idle machine of 2 cores): pyqtgraph takes 100 to 240 ms to import, 36 to
75 ms to build and show and 17 MiB, then 6 to 9 ms an update; painting takes 12 to 19 ms to build
and show, no memory worth naming and 3 to 4 ms an update. With 5000 points both take about 11 ms,
which is why `thinned` keeps what a column of pixels can show.
"""

from napari_medseg.widgets.plots.box_chart import BoxChart, BoxGroup
from napari_medseg.widgets.plots.curve_chart import CurveChart

__all__ = ["BoxChart", "BoxGroup", "CurveChart"]
