"""Three small volumes in a folder, and a viewer that works through them without a window."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_medseg.io import write_image
from napari_medseg.volume import Volume
from napari_medseg.widgets import case_questions
from napari_medseg.widgets.sessions import session_of
from napari_medseg.worklist import Worklist

# a scan that is stored with its axes turned, as scanners do
AFFINE = np.array([[0, 0, -0.5, 30], [0, -0.5, 0, 20], [2.0, 0, 0, -8], [0, 0, 0, 1]])


@pytest.fixture
def viewer():
    """A viewer without its window: layers are all that matters here."""
    return ViewerModel()


@pytest.fixture
def folder(tmp_path):
    """Three small volumes as NIfTI."""
    rng = np.random.default_rng(0)
    for name in ("a", "b", "c"):
        array = rng.integers(0, 90, (1, 4, 6, 5)).astype(np.int16)
        write_image(tmp_path / "study" / f"{name}.nii.gz", Volume(array, (2.0, 0.5, 0.5), AFFINE))
    return tmp_path / "study"


@pytest.fixture
def worklist(viewer, folder):
    session_of(viewer).worklist = Worklist.open(folder)
    return session_of(viewer).worklist


@pytest.fixture
def asked(monkeypatch):
    """Answer every question; the questions are listed."""
    questions = []

    def answer_with(unsaved_answer=None, replace=False):
        def unsaved_question(*about):
            questions.append(about)
            return unsaved_answer

        def replace_question(*about):
            questions.append(about)
            return replace

        monkeypatch.setattr(case_questions, "ask_unsaved", unsaved_question)
        monkeypatch.setattr(case_questions, "ask_replace", replace_question)
        return questions

    return answer_with


@pytest.fixture
def checksums(tmp_path):
    """Say what every file below the folder holds."""

    def now():
        files = [p for p in tmp_path.rglob("*") if p.is_file()]
        return {p: hashlib.sha256(p.read_bytes()).hexdigest() for p in files}

    return now
