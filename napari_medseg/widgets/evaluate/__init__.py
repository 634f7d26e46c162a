"""The window that compares labels with the truth: tables, box plots, and where they are wrong."""

from napari_medseg.widgets.evaluate.show import show_evaluation
from napari_medseg.widgets.evaluate.window import EvaluateWindow

__all__ = ["EvaluateWindow", "show_evaluation"]
