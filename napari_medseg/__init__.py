"""napari-medseg: segment medical images and volumes, in napari, on the command line, in Python."""

from __future__ import annotations

__version__ = "0.1.0"
