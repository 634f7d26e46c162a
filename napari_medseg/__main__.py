"""``python -m napari_medseg``."""

from __future__ import annotations

import sys

from napari_medseg.cli import main

sys.exit(main())
