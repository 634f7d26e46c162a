"""napari-medseg: segment medical images interactively."""
