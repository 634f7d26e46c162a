"""The window of measures: a table per class or object, to copy and save; surfaces to export."""

from napari_medseg.widgets.measure.show import show_measures
from napari_medseg.widgets.measure.window import MeasureWindow

__all__ = ["MeasureWindow", "show_measures"]
