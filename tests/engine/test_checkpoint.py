import errno
import json
import struct

import pytest
import torch

from napari_medseg.engine.card import LabelClass, ModelCard, Preprocessing
from napari_medseg.engine.checkpoint import (
    CARD_KEY,
    file_hash,
    load_checkpoint,
    read_card,
    save_checkpoint,
)
from napari_medseg.networks import create_network


def tiny(widths=(4, 4, 4, 4, 4), **changes):
    torch.manual_seed(3)
    network = create_network("lgmsnet", in_channels=1, num_classes=2, widths=widths)
    card = ModelCard(
        name="tiny",
        architecture="lgmsnet",
        config=network.config.to_dict(),
        classes=(LabelClass(value=5, name="liver", colour="#ff0000"),),
        preprocessing=Preprocessing(window=(32, 32), clip=(-100.0, 200.0)),
        scores={"Dice": 0.9},
        **changes,
    )
    return network.eval(), card


def test_weights_and_card_come_back_exactly(tmp_path):
    network, card = tiny(history=({"what": "trained", "config": {"lr": 0.1}},))
    save_checkpoint(tmp_path / "a.safetensors", network, card)
    again, card_again = load_checkpoint(tmp_path / "a.safetensors")
    assert card_again == card
    for key, value in network.state_dict().items():
        assert torch.equal(again.state_dict()[key], value), key
    assert not again.training


def test_half_precision_keeps_norm_statistics_and_halves_the_file(tmp_path):
    network, card = tiny(widths=(32, 32, 32, 32, 32))
    save_checkpoint(tmp_path / "whole.safetensors", network, card)
    save_checkpoint(tmp_path / "half.safetensors", network, card, half=True)
    sizes = [(tmp_path / f"{n}.safetensors").stat().st_size for n in ("half", "whole")]
    assert sizes[0] < 0.6 * sizes[1]
    again, _ = load_checkpoint(tmp_path / "half.safetensors")
    for key, value in network.state_dict().items():
        loaded = again.state_dict()[key]
        assert loaded.dtype == value.dtype
        if value.ndim <= 1:
            assert torch.equal(loaded, value), key
        else:
            torch.testing.assert_close(loaded, value, atol=1e-3, rtol=1e-3)


def test_the_card_is_read_without_the_weights(tmp_path):
    network, card = tiny()
    path = tmp_path / "a.safetensors"
    save_checkpoint(path, network, card)
    whole = path.read_bytes()
    (length,) = struct.unpack("<Q", whole[:8])
    # damage every weight: the card does not care
    path.write_bytes(whole[: 8 + length] + b"\xff" * (len(whole) - 8 - length))
    assert read_card(path) == card


def test_saving_another_networks_card_is_refused_and_keeps_the_old_file(tmp_path):
    network, card = tiny()
    path = tmp_path / "a.safetensors"
    save_checkpoint(path, network, card)
    before = path.read_bytes()
    other, _ = tiny(widths=(8, 8, 8, 8, 8))
    with pytest.raises(ValueError, match="does not describe"):
        save_checkpoint(path, other, card)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "not a napari-medseg model"),
        (b"hello, this is plain text and no model at all", "not a napari-medseg model"),
        (struct.pack("<Q", 10) + b"{not json}", "not a napari-medseg model"),
        (struct.pack("<Q", 2) + b"{}", "no model card"),
        (struct.pack("<Q", 29) + b'{"a":{"data_offsets":[0,""]}}', "not a napari-medseg model"),
    ],
)
def test_a_file_that_is_no_checkpoint_is_refused_in_one_sentence(tmp_path, content, says):
    path = tmp_path / "odd.safetensors"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=says) as caught:
        load_checkpoint(path)
    assert "odd.safetensors" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("share", [0.05, 0.5, 0.999])
def test_a_cut_off_checkpoint_is_refused(tmp_path, share):
    network, card = tiny()
    path = tmp_path / "a.safetensors"
    save_checkpoint(path, network, card)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(ValueError, match="cut off"):
        load_checkpoint(path)


def rewrite_card(path, change):
    """Replace the card in a checkpoint's header as another program might."""
    whole = path.read_bytes()
    (length,) = struct.unpack("<Q", whole[:8])
    header = json.loads(whole[8 : 8 + length])
    card = json.loads(header["__metadata__"][CARD_KEY])
    change(card)
    header["__metadata__"][CARD_KEY] = json.dumps(card)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + whole[8 + length :])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda card: card.update(architecture="unknown-net"), "unknown-net"),
        (lambda card: card["config"].update(widths=[8] * 5), "do not fit its card"),
        (lambda card: card.update(version=99), "update napari-medseg"),
        (lambda card: card.update(surprise=1), "surprise"),
        (lambda card: card.pop("classes"), "classes"),
        (lambda card: card["config"].update(num_classes=7), "output channels"),
    ],
)
def test_a_card_that_does_not_fit_is_refused(tmp_path, change, says):
    network, card = tiny()
    path = tmp_path / "a.safetensors"
    save_checkpoint(path, network, card)
    rewrite_card(path, change)
    with pytest.raises(ValueError, match=says):
        load_checkpoint(path)


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no file"):
        read_card(tmp_path / "nowhere.safetensors")


def test_a_checkpoint_can_be_read_by_whom_other_files_can(tmp_path):
    network, card = tiny()
    save_checkpoint(tmp_path / "a.safetensors", network, card)
    (tmp_path / "other").write_text("made with the usual permissions")
    modes = {path.stat().st_mode for path in tmp_path.iterdir()}
    assert len(modes) == 1


def test_a_full_disk_is_said_and_the_old_checkpoint_stays(tmp_path, monkeypatch):
    network, card = tiny()
    path = tmp_path / "a.safetensors"
    save_checkpoint(path, network, card)
    before = path.read_bytes()

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(OSError, match="disk is full"):
        save_checkpoint(path, network, card)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_the_hash_tells_two_checkpoints_apart(tmp_path):
    network, card = tiny()
    for name in ("a", "b"):
        save_checkpoint(tmp_path / f"{name}.safetensors", network, card.replace(title=name))
    assert file_hash(tmp_path / "a.safetensors") != file_hash(tmp_path / "b.safetensors")
    assert len(file_hash(tmp_path / "a.safetensors")) == 64
