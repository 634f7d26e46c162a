"""Copying models out and in, and their cards as text."""

from __future__ import annotations

import json
import os

import pytest

from napari_medseg.engine.card import ModelCard
from napari_medseg.engine.checkpoint import read_card
from napari_medseg.engine.model_files import (
    copy_model,
    delete_model,
    export_model,
    is_own,
    keep_model,
    write_card,
)
from napari_medseg.progress import Cancelled


@pytest.fixture
def own(tmp_path, monkeypatch):
    folder = tmp_path / "eigene Modelle für Ärzte"
    monkeypatch.setenv("NAPARI_MEDSEG_MODELS", str(folder))
    return folder


def test_an_export_is_the_same_file_with_its_card_beside_it(tiny_2d, tmp_path):
    target = tmp_path / "für Köln" / "geprüft.safetensors"
    written = export_model(tiny_2d, target, with_card=True)
    assert target.read_bytes() == tiny_2d.read_bytes()
    assert [path.name for path in written] == ["geprüft.safetensors", "geprüft.md"]
    text = written[1].read_text(encoding="utf-8")
    assert text.startswith("# Blobs\n")
    assert "blob" in text
    assert "research use" in text
    assert export_model(tiny_2d, tmp_path / "alone.safetensors") == [tmp_path / "alone.safetensors"]
    assert not (tmp_path / "alone.md").exists()


def test_a_card_is_written_for_people_and_for_programs(tiny_3d, tmp_path):
    card = read_card(tiny_3d)
    write_card(card, tmp_path / "card.json")
    assert ModelCard.from_json((tmp_path / "card.json").read_text(encoding="utf-8")) == card
    json.loads((tmp_path / "card.json").read_text(encoding="utf-8"))
    with pytest.raises(ValueError, match=r"\.md or \.json"):
        write_card(card, tmp_path / "card.docx")


def test_a_cancelled_copy_leaves_what_was_there(tiny_2d, tmp_path):
    target = tmp_path / "copy.safetensors"
    target.write_bytes(b"before")

    def stop(_step):
        raise Cancelled

    with pytest.raises(Cancelled):
        copy_model(tiny_2d, target, report=stop)
    assert target.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_that_is_no_model_any_more_is_not_exported(tmp_path):
    source, target = tmp_path / "broken.safetensors", tmp_path / "copy.safetensors"
    source.write_bytes(b"half a mod")
    with pytest.raises(ValueError, match="not a napari-medseg model"):
        copy_model(source, target)
    assert list(tmp_path.iterdir()) == [source]


def test_a_model_is_not_copied_onto_itself_or_under_another_ending(tiny_2d, tmp_path):
    with pytest.raises(ValueError, match="the model itself"):
        copy_model(tiny_2d, tiny_2d)
    link = tmp_path / "link.safetensors"
    os.link(tiny_2d, link)
    with pytest.raises(ValueError, match="the model itself"):
        copy_model(tiny_2d, link)
    with pytest.raises(ValueError, match=r"must end in \.safetensors"):
        copy_model(tiny_2d, tmp_path / "model.pth")
    with pytest.raises(FileNotFoundError):
        copy_model(tmp_path / "gone.safetensors", tmp_path / "copy.safetensors")


def test_a_kept_model_gets_a_free_name_among_ones_own(tiny_2d, own):
    first = keep_model(tiny_2d)
    second = keep_model(tiny_2d)
    assert first == own / tiny_2d.name
    assert second == own / f"{tiny_2d.stem}-2.safetensors"
    assert keep_model(first) == first
    assert is_own(first)
    assert not is_own(tiny_2d)


def test_only_ones_own_models_are_deleted(tiny_2d, own):
    with pytest.raises(ValueError, match="does not lie in your models folder"):
        delete_model(tiny_2d)
    kept = keep_model(tiny_2d)
    delete_model(kept)
    delete_model(kept)  # gone already is fine
    assert tiny_2d.exists()
    assert not kept.exists()
