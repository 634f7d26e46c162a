"""The review queue: the doubtful places of a label layer, one after the other."""

from napari_medseg.widgets.review.strip import ReviewStrip

__all__ = ["ReviewStrip"]
