import hashlib
import json

import pytest

from napari_medseg.engine import zoo
from napari_medseg.engine.card import LabelClass, ModelCard
from napari_medseg.engine.checkpoint import save_checkpoint
from napari_medseg.networks import create_network


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Give the zoo an empty bundled folder and an empty user folder."""
    bundled, user = tmp_path / "bundled", tmp_path / "user"
    bundled.mkdir()
    user.mkdir()
    monkeypatch.setattr(zoo, "_BUNDLED", bundled)
    monkeypatch.setattr(zoo, "_INDEX", bundled / "downloads.json")
    monkeypatch.setenv("NAPARI_MEDSEG_MODELS", str(user))
    return bundled, user


def put(path, title=""):
    network = create_network("lgmsnet", in_channels=1, num_classes=1, widths=(4, 4, 4, 4, 4))
    card = ModelCard(
        name=path.stem,
        title=title,
        architecture="lgmsnet",
        config=network.config.to_dict(),
        classes=(LabelClass(value=1, name="x"),),
        activation="sigmoid",
    )
    save_checkpoint(path, network, card)
    return card


def test_models_are_listed_by_name_with_where_they_come_from(folders):
    bundled, user = folders
    put(bundled / "b.safetensors")
    put(user / "a.safetensors")
    assert [(e.name, e.origin) for e in zoo.models().values()] == [("a", "user"), ("b", "bundled")]


def test_a_users_model_hides_a_bundled_one(folders):
    bundled, user = folders
    put(bundled / "m.safetensors", "theirs")
    put(user / "m.safetensors", "mine")
    assert zoo.models()["m"].card.title == "mine"
    assert zoo.find_model("m") == user / "m.safetensors"


def test_a_file_that_is_no_model_is_left_out_and_said(folders, caplog):
    _, user = folders
    (user / "odd.safetensors").write_bytes(b"nonsense")
    put(user / "m.safetensors")
    (user / "m.replay.safetensors").write_bytes(b"patches, not a model")
    assert list(zoo.models()) == ["m"]
    assert "odd.safetensors" in caplog.text
    assert "replay" not in caplog.text


def test_an_unknown_name_lists_the_known_ones(folders):
    put(folders[0] / "liver.safetensors")
    with pytest.raises(ValueError, match=r"'lever'.*liver"):
        zoo.find_model("lever")


def test_a_path_is_taken_as_it_is_and_must_exist(folders, tmp_path):
    put(tmp_path / "here.safetensors")
    assert zoo.find_model(tmp_path / "here.safetensors") == tmp_path / "here.safetensors"
    with pytest.raises(FileNotFoundError, match="check the path"):
        zoo.find_model(tmp_path / "there.safetensors")


def offer(folders, tmp_path, sha256=None):
    """Put a model up for download from a file: address."""
    served = tmp_path / "served.safetensors"
    card = put(served)
    digest = hashlib.sha256(served.read_bytes()).hexdigest()
    entry = {"url": served.as_uri(), "sha256": sha256 or digest, "card": card.to_dict()}
    (folders[0] / "downloads.json").write_text(json.dumps({"far": entry}))
    return served


class CopyingDownloader:
    """Stand in for the network: pooch speaks no file: addresses."""

    def __init__(self, served):
        self.served = served

    def __call__(self, url, output_file, pooch):
        from pathlib import Path

        Path(output_file).write_bytes(self.served.read_bytes())


def test_a_downloadable_model_is_listed_before_and_fetched_when_asked_for(
    folders, tmp_path, monkeypatch
):
    served = offer(folders, tmp_path)
    monkeypatch.setattr("pooch.core.choose_downloader", lambda *_, **__: CopyingDownloader(served))
    assert zoo.models()["far"].origin == "download"
    path = zoo.find_model("far")
    assert path.read_bytes() == served.read_bytes()
    assert zoo.models()["far"].origin == "user"


def test_a_download_with_another_hash_is_not_used(folders, tmp_path, monkeypatch):
    served = offer(folders, tmp_path, sha256="0" * 64)
    monkeypatch.setattr("pooch.core.choose_downloader", lambda *_, **__: CopyingDownloader(served))
    with pytest.raises(OSError, match="damaged or was replaced"):
        zoo.find_model("far")
    assert zoo.models()["far"].origin == "download"


def test_files_that_cannot_be_used_are_listed_with_the_reason(folders):
    _, user = folders
    (user / "odd.safetensors").write_bytes(b"nonsense")
    (user / "weights.pth").write_bytes(b"pickled")
    (user / "folder.safetensors").mkdir()
    (user / ".hidden.safetensors").write_bytes(b"half written")
    (user / "notes.txt").write_text("mine")
    put(user / "m.safetensors")
    entries, unreadable = zoo.survey()
    assert list(entries) == ["m"]
    assert {one.path.name for one in unreadable} == {
        "odd.safetensors",
        "weights.pth",
        "folder.safetensors",
    }
    assert all(one.path.name in one.reason for one in unreadable)


def test_a_card_is_read_again_only_when_its_file_changed(folders, monkeypatch):
    _, user = folders
    put(user / "m.safetensors", "first")
    assert zoo.models()["m"].card.title == "first"
    monkeypatch.setattr(zoo, "read_card", None)  # whoever reads again, fails
    assert zoo.models()["m"].card.title == "first"
    monkeypatch.undo()
    monkeypatch.setattr(zoo, "_BUNDLED", folders[0])
    monkeypatch.setenv("NAPARI_MEDSEG_MODELS", str(user))
    put(user / "m.safetensors", "second, longer")
    assert zoo.models()["m"].card.title == "second, longer"


def test_another_folder_can_be_looked_into(folders, tmp_path):
    _, user = folders
    more = tmp_path / "Größe für Ärzte"
    more.mkdir()
    put(user / "m.safetensors", "mine")
    put(more / "n.safetensors", "theirs")
    (more / "weights.pth").write_bytes(b"of no interest there")
    entries, unreadable = zoo.survey(str(more))
    assert {e.name: e.origin for e in entries.values()} == {"m": "user", "n": "folder"}
    assert unreadable == []
    assert zoo.survey(str(user)) == zoo.survey()
