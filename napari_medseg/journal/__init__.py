"""What a person does to labels, on disk as it happens, so that a crash loses nothing."""

from __future__ import annotations

from napari_medseg.journal.claims import Claim, claim, find_journals, journal_directory
from napari_medseg.journal.identity import Identity, content_key
from napari_medseg.journal.outstanding import Outstanding
from napari_medseg.journal.records import Record
from napari_medseg.journal.state import Unsaved, read_journal
from napari_medseg.journal.steps import (
    Written,
    base_record,
    classes_record,
    marks_record,
    note_record,
    step_record,
)
from napari_medseg.journal.writing import Journal

__all__ = [
    "Claim",
    "Identity",
    "Journal",
    "Outstanding",
    "Record",
    "Unsaved",
    "Written",
    "base_record",
    "claim",
    "classes_record",
    "content_key",
    "find_journals",
    "journal_directory",
    "marks_record",
    "note_record",
    "read_journal",
    "step_record",
]
