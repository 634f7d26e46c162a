"""Charts: boxes with the cases as points, and curves that grow while something runs.

pyqtgraph draws them; it is imported when the first chart is made (0.1 to 0.2 s, 17 MiB), not when
this package is. What it lacks stands here: boxes, points that do not cover each other, colours of
napari's theme, a legend with the last values, and a limit to how often it draws.
"""

from napari_medseg.widgets.plots.box_chart import BoxChart, BoxGroup
from napari_medseg.widgets.plots.curve_chart import CurveChart

__all__ = ["BoxChart", "BoxGroup", "CurveChart"]
