"""An encoder that has seen ImageNet is taken over whole, or not at all."""

from __future__ import annotations

import copy
import functools

import pytest
import torch
from safetensors.torch import save_file

from napari_medseg.engine import encoder_weights
from napari_medseg.engine.encoder_weights import load_encoder_weights
from napari_medseg.networks import create_network

SMALL = {"preset": "small", "width": 32, "stem_width": 4, "depths": (1, 1, 1, 1)}


def network_of(channels=3):
    return copy.deepcopy(_built(channels))


@functools.cache
def _built(channels):
    return create_network("msa2net", in_channels=channels, **SMALL).eval()


@pytest.fixture(scope="module")
def imagenet():
    """What timm would hold for an encoder of this size, with its classifier."""
    torch.manual_seed(7)
    other = create_network("msa2net", in_channels=3, **SMALL)  # none of `network_of`'s weights
    return other.encoder.state_dict() | {"head.fc.weight": torch.zeros(10, 256)}


def save(tensors, path):
    if path.suffix == ".safetensors":
        save_file({key: t.contiguous() for key, t in tensors.items()}, path)
    else:
        torch.save(tensors, path)
    return path


@pytest.mark.parametrize("name", ["weights.safetensors", "weights.pth"])
def test_the_encoder_computes_what_the_loaded_one_did(imagenet, tmp_path, name):
    path, network = save(imagenet, tmp_path / name), network_of()
    decoder = network.dec16.linear.weight.clone()
    load_encoder_weights(network, path)
    for key, tensor in network.encoder.state_dict().items():
        torch.testing.assert_close(tensor, imagenet[key], rtol=0, atol=0)
    assert torch.equal(network.dec16.linear.weight, decoder)


def test_names_of_a_feature_extractor_are_understood(imagenet, tmp_path):
    spread = {key.replace("stages.", "stages_"): t for key, t in imagenet.items()}
    network = network_of()
    load_encoder_weights(network, save(spread, tmp_path / "w.pth"))
    key = "stages.3.blocks.0.conv.conv3_1x1.weight"
    assert torch.equal(network.encoder.state_dict()[key], imagenet[key])


@pytest.mark.parametrize("channels", [1, 4])
def test_an_image_in_every_channel_gives_what_a_grey_picture_gives(imagenet, tmp_path, channels):
    path = save(imagenet, tmp_path / "w.pth")
    of_colours, other = network_of(), network_of(channels)
    load_encoder_weights(of_colours, path)
    load_encoder_weights(other, path)
    image = torch.randn(1, 1, 32, 64)
    with torch.no_grad():
        expected = of_colours.encoder(image.expand(-1, 3, -1, -1))
        found = other.encoder(image.expand(-1, channels, -1, -1))
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_weights_of_other_widths_are_refused_and_change_nothing(imagenet, tmp_path):
    network = create_network("msa2net", in_channels=3, **{**SMALL, "width": 64})
    before = {key: t.clone() for key, t in network.state_dict().items()}
    with pytest.raises(ValueError, match=r"do not fit: .* tensors have another shape, .* base and"):
        load_encoder_weights(network, save(imagenet, tmp_path / "w.pth"))
    assert all(torch.equal(t, before[key]) for key, t in network.state_dict().items())


def test_weights_of_another_network_are_refused(tmp_path):
    path = save({"conv.weight": torch.zeros(1)}, tmp_path / "w.pth")
    with pytest.raises(ValueError, match=r"no stem\.conv1\.weight, the first tensors are conv\.w"):
        load_encoder_weights(network_of(), path)


def test_another_network_is_refused(tmp_path):
    with pytest.raises(ValueError, match="for the encoder of MSA²Net; leave encoder_weights empty"):
        load_encoder_weights(create_network("lgmsnet", preset="small"), tmp_path / "w.pth")


def test_without_the_internet_it_says_what_to_do(monkeypatch):
    def offline(*args, **kwargs):
        raise ConnectionError("no route")

    monkeypatch.setattr("pooch.retrieve", offline)
    with pytest.raises(OSError, match=r"could not be downloaded .* give its file to --encoder-wei"):
        load_encoder_weights(network_of(), "imagenet")


@pytest.mark.parametrize("right", [True, False])
def test_a_download_is_used_only_with_the_right_sha256(imagenet, tmp_path, monkeypatch, right):
    path = save(imagenet, tmp_path / "w.pth")
    digest = encoder_weights.file_hash(path)[:8] if right else "00000000"
    monkeypatch.setattr(encoder_weights, "_SHA256", digest)
    monkeypatch.setattr("pooch.retrieve", lambda *args, **kwargs: str(path))
    network = network_of()
    if right:
        load_encoder_weights(network, "imagenet")
        assert path.exists()
        return
    with pytest.raises(OSError, match="damaged or was replaced"):
        load_encoder_weights(network, "imagenet")
    assert not path.exists()
