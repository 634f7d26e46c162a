"""A published file becomes a model that can be used, or a sentence; nothing in it is ever run."""

from __future__ import annotations

import argparse
import os
import pickle

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from napari_medseg.cli import main
from napari_medseg.engine.checkpoint import file_hash, load_checkpoint, read_card
from napari_medseg.engine.import_checkpoint import import_checkpoint
from napari_medseg.engine.published_recipes import PUBLISHED_RECIPES, recipe_for
from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.engine.zoo import models
from napari_medseg.networks.import_weights import import_weights
from napari_medseg.volume import Volume

WIDTHS = (4, 4, 4, 4, 4)


@pytest.fixture(scope="module")
def picture_state(published_state):
    """LGMSNet for red, green and blue pictures and one class."""
    return published_state("lgmsnet2d_keys", "lgmsnet", in_channels=3, num_classes=1, widths=WIDTHS)


@pytest.fixture(scope="module")
def volume_state(published_state):
    """LGMSNet for volumes of one channel and two classes beside the background."""
    fields = {"spatial_dims": 3, "in_channels": 1, "num_classes": 3, "widths": WIDTHS}
    return published_state("lgmsnet3d_keys", "lgmsnet", **fields)


@pytest.fixture(scope="module")
def slice_state(published_state):
    """MSA²Net for Synapse: background and eight organs."""
    fields = {"in_channels": 3, "num_classes": 9, "width": 32, "stem_width": 4}
    return published_state("msa2net_keys", "msa2net", depths=(1, 1, 1, 1), layout="raw", **fields)


def saved(state, path):
    torch.save(state, path)
    return path


def run_as_imported(path):
    network, card = load_checkpoint(path)
    return network.eval(), card


def test_the_model_computes_what_the_published_weights_compute(picture_state, tmp_path):
    path = saved({"epoch": 9, "state_dict": picture_state}, tmp_path / "BUSI best.pth")
    report = import_checkpoint(path, out=tmp_path / "busi.safetensors")
    network, card = run_as_imported(report.checkpoint)
    imported = import_weights(picture_state)
    for key, tensor in network.state_dict().items():
        assert torch.equal(tensor, imported.state[key])
    assert report.parameters == network.count_parameters()
    assert (card.name, card.architecture, card.activation) == ("busi", "lgmsnet", "sigmoid")
    assert card.parent == file_hash(path)
    assert card.history[0]["file"] == "BUSI best.pth"
    assert "licence: none" in card.licence


def test_the_report_names_what_was_left_out_missing_and_reshaped(slice_state, tmp_path):
    old = {k: t for k, t in slice_state.items() if not k.endswith("norm1.num_batches_tracked")}
    report = import_checkpoint(saved(old, tmp_path / "s.pth"), out=tmp_path / "s.safetensors")
    assert "decoder_3.tran_layer1.attn.keys.weight" in report.dropped
    assert "encoder.stem.norm1.num_batches_tracked" in report.missed
    assert "decoder_0.last_layer.weight" in report.reshaped
    said = "\n".join(report.sentences())
    assert "MSA²Net 2D, as in the paper" in said
    assert f"{len(report.dropped)} tensors left out, for they never run: backbone.conv (7)" in said
    assert "missing and filled in, for they count" in said
    assert "3 channels in, 9 outputs" in said


def test_a_picture_is_prepared_as_the_program_that_trained_it_did(picture_state, tmp_path):
    path = saved(picture_state, tmp_path / "p.pth")
    card = import_checkpoint(path, out=tmp_path / "m.safetensors").card
    pixels = np.random.default_rng(0).integers(0, 256, (3, 256, 256)).astype(np.uint8)
    segmenter = Segmenter.load(tmp_path / "m.safetensors", device="cpu")
    seen = []
    segmenter.network.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    segmenter.segment(Volume(pixels, (1.0, 1.0), channels=("red", "green", "blue")))
    # main.py: blue, green, red; ImageNet's numbers on 0 to 255; divided by 255 again
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    standardised = (pixels[::-1] - 255 * mean[:, None, None]) / (255 * std[:, None, None])
    np.testing.assert_allclose(seen[0][0].numpy(), standardised / 255, atol=1e-6)
    assert card.preprocessing.size == (256, 256)


def test_the_other_program_of_the_paper_can_be_named(picture_state, tmp_path):
    path = saved(picture_state, tmp_path / "p.pth")
    out = tmp_path / "m.safetensors"
    card = import_checkpoint(path, out=out, recipe="lgmsnet-kvasir").card
    assert not card.preprocessing.bgr
    assert card.preprocessing.mean == (0.485, 0.456, 0.406)
    with pytest.raises(
        ValueError, match="msa2net-isic is for msa2net in 2D; this is lgmsnet in 2D"
    ):
        import_checkpoint(path, out=out, recipe="msa2net-isic", overwrite=True)
    with pytest.raises(ValueError, match="no published recipe 'mine'; there are lgmsnet-2d,"):
        import_checkpoint(path, out=out, recipe="mine", overwrite=True)


def test_channels_the_program_did_not_have_are_standardised_and_said(published_state, tmp_path):
    state = published_state(
        "lgmsnet2d_keys", "lgmsnet", in_channels=2, num_classes=1, widths=WIDTHS
    )
    report = import_checkpoint(saved(state, tmp_path / "p.pth"), out=tmp_path / "m.safetensors")
    assert report.card.preprocessing.normalise == "zscore"
    assert "takes 3 channels and this network 2: each channel" in report.notes[0]


def test_a_ct_is_taken_slice_by_slice_by_a_network_of_three_channels(slice_state, tmp_path):
    path = saved(slice_state, tmp_path / "synapse.pth")
    report = import_checkpoint(path, out=tmp_path / "m.safetensors")
    assert report.card.preprocessing.clip == (-125.0, 275.0)
    segmenter = Segmenter.load(report.checkpoint, device="cpu")
    ct = np.random.default_rng(0).normal(0, 200, (1, 2, 40, 50)).astype(np.float32)
    found = segmenter.segment(Volume(ct, (5.0, 1.0, 1.0)))
    assert found.labels.shape == (2, 40, 50)


def test_the_likeliest_program_is_chosen_by_shape():
    assert recipe_for("lgmsnet", 2, 1) == "lgmsnet-2d"
    assert recipe_for("lgmsnet", 3, 14) == "lgmsnet-3d"
    assert recipe_for("msa2net", 2, 9) == "msa2net-synapse"
    assert recipe_for("msa2net", 2, 1) == "msa2net-isic"
    for recipe in PUBLISHED_RECIPES.values():
        assert len(recipe.preprocessing.mean) in (1, recipe.in_channels)


def test_kernels_are_turned_for_a_network_that_learned_on_ras_axes(volume_state, tmp_path):
    path = saved(volume_state, tmp_path / "v.pth")
    as_is = import_checkpoint(path, out=tmp_path / "a.safetensors").checkpoint
    turned = import_checkpoint(path, out=tmp_path / "t.safetensors", axes="ras").checkpoint
    ras = torch.randn(2, 1, 32, 32, 32)  # (x to the right, y to anterior, z up)
    ours = ras.permute(0, 1, 4, 3, 2).flip(3, 4)
    network = run_as_imported(as_is)[0]
    with torch.no_grad():
        expected, unturned = network(ras), network(ours)
        found = run_as_imported(turned)[0](ours)
    expected = expected.permute(0, 1, 4, 3, 2).flip(3, 4)
    torch.testing.assert_close(found, expected, atol=5e-3, rtol=5e-3)
    assert (unturned - expected).abs().max() > 0.1


def test_only_volumes_have_axes_to_turn(picture_state, tmp_path):
    path = saved(picture_state, tmp_path / "p.pth")
    with pytest.raises(ValueError, match="--axes ras is for volumes"):
        import_checkpoint(path, out=tmp_path / "m.safetensors", axes="ras")
    with pytest.raises(ValueError, match="axes must be ours or ras, got 'lps'"):
        import_checkpoint(path, out=tmp_path / "m.safetensors", axes="lps")
    assert not (tmp_path / "m.safetensors").exists()


def test_classes_get_their_names(volume_state, tmp_path):
    path = saved(volume_state, tmp_path / "v.pth")
    card = import_checkpoint(
        path, out=tmp_path / "m.safetensors", classes=("1=liver", "2=spleen")
    ).card
    assert [(c.value, c.name) for c in card.classes] == [(1, "liver"), (2, "spleen")]


def test_a_number_of_classes_that_differs_is_refused(volume_state, tmp_path):
    path, out = saved(volume_state, tmp_path / "v.pth"), tmp_path / "m.safetensors"
    wrong = r"1 class named, this network has 2 classes \(3 outputs, the first is background\)"
    with pytest.raises(ValueError, match=wrong):
        import_checkpoint(path, out=out, classes=("liver",))
    assert not out.exists()


def test_by_default_the_model_is_listed_with_the_users_own(picture_state, tmp_path, monkeypatch):
    monkeypatch.setenv("NAPARI_MEDSEG_MODELS", str(tmp_path / "mine"))
    path = saved(picture_state, tmp_path / "best (1).pth")
    assert import_checkpoint(path).checkpoint == tmp_path / "mine" / "best-1.safetensors"
    assert models()["best-1"].card.architecture == "lgmsnet"


def test_safetensors_are_read_too_but_not_a_model_of_ours(picture_state, tmp_path):
    path = tmp_path / "weights.safetensors"
    save_file({key: t.contiguous() for key, t in picture_state.items()}, path)
    report = import_checkpoint(path, out=tmp_path / "m.safetensors")
    with pytest.raises(ValueError, match="a napari-medseg model already"):
        import_checkpoint(report.checkpoint, out=tmp_path / "n.safetensors")


def test_scores_of_numpy_beside_the_weights_do_no_harm(picture_state, tmp_path):
    path = saved({"best_acc": np.float64(0.8), "state_dict": picture_state}, tmp_path / "p.pth")
    plain = saved({"state_dict": picture_state}, tmp_path / "plain.pth")
    reports = [import_checkpoint(p, out=tmp_path / f"{p.stem}.safetensors") for p in (path, plain)]
    networks = [load_checkpoint(report.checkpoint)[0] for report in reports]
    for ours, expected in zip(*(n.state_dict().values() for n in networks), strict=True):
        torch.testing.assert_close(ours, expected, rtol=0, atol=0)


class _Harm:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_file_that_wants_to_run_code_is_refused_and_runs_none(
    picture_state, tmp_path, capsys, zipped
):
    marker, path = tmp_path / "was-here", tmp_path / "evil.pth"
    wrapped = {"state_dict": picture_state, "extra": _Harm(marker)}
    torch.save(wrapped, path, _use_new_zipfile_serialization=zipped)
    out = tmp_path / "m.safetensors"
    assert main(["import", str(path), "--out", str(out)]) == 2
    said = capsys.readouterr().err
    assert f"evil.pth was not opened: it wants to run {os.system.__module__}.system" in said
    assert "code in a file can do anything on this computer" in said
    assert not marker.exists()
    assert not out.exists()


def test_a_whole_program_object_is_refused(tmp_path):
    path = saved({"model": torch.nn.Linear(1, 1), "args": argparse.Namespace()}, tmp_path / "o.pth")
    with pytest.raises(ValueError, match=r"wants to run torch\.nn\.modules\.linear\.Linear"):
        import_checkpoint(path, out=tmp_path / "m.safetensors")


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_a_torchscript_program_is_refused(tmp_path):
    path = tmp_path / "script.pt"
    torch.jit.save(torch.jit.script(torch.nn.Linear(1, 1)), path)
    with pytest.raises(ValueError, match="it is a TorchScript program, and code in a file"):
        import_checkpoint(path, out=tmp_path / "m.safetensors")


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.99])
def test_a_file_that_is_cut_off_is_refused(picture_state, tmp_path, zipped, share):
    path, out = tmp_path / "p.pth", tmp_path / "m.safetensors"
    torch.save(picture_state, path, _use_new_zipfile_serialization=zipped)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(
        ValueError, match=r"p\.pth is cut off or damaged; copy or download it again"
    ):
        import_checkpoint(path, out=out)
    assert not out.exists()


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_a_damaged_pickle_is_refused_wherever_the_damage_is(picture_state, tmp_path):
    path = tmp_path / "p.pth"
    torch.save(dict(list(picture_state.items())[:3]), path, _use_new_zipfile_serialization=False)
    content = bytearray(path.read_bytes())
    rng = np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(content)
        for place in rng.integers(1, len(content), 4):
            damaged[place] ^= int(rng.integers(1, 256))
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"p\.pth|tensor|weights"):
            import_checkpoint(path, out=tmp_path / "m.safetensors")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not a checkpoint"),
        (b"\x89PNG\r\n\x1a\n0000", "is not a checkpoint: a file written by torch.save or"),
        (pickle.dumps([1, 2], 2), "cut off or damaged"),
    ],
)
def test_what_is_no_checkpoint_is_refused(tmp_path, content, message):
    path = tmp_path / "photo.pth"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        import_checkpoint(path, out=tmp_path / "m.safetensors")


def test_a_list_of_tensors_is_no_network(tmp_path):
    path = saved([torch.zeros(1)], tmp_path / "p.pth")
    with pytest.raises(ValueError, match="holds a list and not the named tensors of a network"):
        import_checkpoint(path, out=tmp_path / "m.safetensors")


def test_nothing_is_read_when_it_could_not_be_written(tmp_path):
    out = tmp_path / "m.safetensors"
    out.write_bytes(b"kept")
    with pytest.raises(ValueError, match="exists already and is kept"):
        import_checkpoint(tmp_path / "missing.pth", out=out)
    with pytest.raises(ValueError, match=r"to a \.safetensors file, got m\.pth"):
        import_checkpoint(tmp_path / "missing.pth", out=tmp_path / "m.pth")
    with pytest.raises(FileNotFoundError, match="there is no file"):
        import_checkpoint(tmp_path / "missing.pth", out=tmp_path / "n.safetensors")
    assert out.read_bytes() == b"kept"


def test_the_command_says_what_it_found_and_prints_the_file(picture_state, tmp_path, capsys):
    path, out = saved(picture_state, tmp_path / "p.pth"), tmp_path / "m.safetensors"
    words = ["import", str(path), "--architecture", "lgmsnet", "--out", str(out), "--keys"]
    assert main([*words, "--classes", "1=lesion"]) == 0
    said = capsys.readouterr()
    assert said.out.strip() == str(out)
    assert "LGMSNet 2D, SegmsNet: " in said.err
    assert "reshaped  Conv_1x1.weight" in said.err
    assert read_card(out).classes[0].name == "lesion"
    assert main(words) == 2
    assert "exists already" in capsys.readouterr().err
    assert main([*words, "--overwrite"]) == 0


def test_the_command_refuses_the_other_architecture(picture_state, tmp_path, capsys):
    path, out = saved(picture_state, tmp_path / "p.pth"), tmp_path / "m.safetensors"
    for name, message in (
        ("msa2net", "these are weights of LGMSNet, not of MSA²Net; import them as lgmsnet"),
        ("unet", "published checkpoints can be read of lgmsnet and msa2net, not of 'unet'"),
    ):
        assert main(["import", str(path), "--architecture", name, "--out", str(out)]) == 2
        assert message in capsys.readouterr().err
    assert not out.exists()
    assert {p.name for p in tmp_path.iterdir()} == {"p.pth"}
