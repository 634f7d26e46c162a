"""What all tests share: one seed, no models of the user's, no network."""

from __future__ import annotations

import random

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def _seeded():
    """Fix every random number; torch only where a test has imported it."""
    import sys

    random.seed(0)
    np.random.seed(0)  # noqa: NPY002  # MONAI draws from it
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.fixture(autouse=True)
def _no_models_of_the_user(tmp_path_factory, monkeypatch):
    """Look for a user's own models in an empty folder."""
    folder = tmp_path_factory.getbasetemp() / "no-user-models"
    folder.mkdir(exist_ok=True)
    monkeypatch.setenv("NAPARI_MEDSEG_MODELS", str(folder))
