from __future__ import annotations

import numpy as np
import pytest

from napari_medseg.volume import Volume


@pytest.fixture
def make_volume():
    """Build a volume that came from no file."""

    def make(array, spacing=None, **fields):
        array = np.asarray(array)
        return Volume(array, spacing or (1.0,) * (array.ndim - 1), **fields)

    return make
