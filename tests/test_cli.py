from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from napari_medseg import __version__
from napari_medseg.cli import main
from napari_medseg.io import read_labels


def save_png(path, size=(20, 24)):
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(0).integers(0, 255, size, dtype=np.uint8)
    Image.fromarray(values).save(path)
    return path


def save_nifti(path, size=(12, 10, 8)):
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(0).normal(100, 20, size).astype(np.float32)
    nib.save(nib.Nifti1Image(values, np.diag([2.0, 1.0, 3.0, 1.0])), path)
    return path


def segment(*words):
    return main(["segment", *map(str, words), "--device", "cpu"])


def test_the_version_is_printed(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"napari-medseg {__version__}\n"


def test_python_dash_m_is_the_same_program():
    run = subprocess.run(
        [sys.executable, "-m", "napari_medseg", "--version"], capture_output=True, text=True
    )
    assert run.stdout == f"napari-medseg {__version__}\n"


def test_an_unknown_command_is_exit_code_2(capsys):
    assert main(["segmentate"]) == 2
    assert "invalid choice" in capsys.readouterr().err


def test_a_list_that_begins_with_a_minus_is_a_value(tmp_path, capsys):
    words = ["train", str(tmp_path / "gone"), "--out", "x.safetensors", "--clip", "-100,300"]
    assert main(words) == 2
    assert "gone" in capsys.readouterr().err


def test_models_prints_one_a_line_its_name_first(capsys, tiny_2d, tiny_3d, monkeypatch):
    monkeypatch.setenv("NAPARI_MEDSEG_MODELS", str(tiny_2d.parent))
    assert main(["models"]) == 0
    lines = capsys.readouterr().out.splitlines()
    mine = next(line for line in lines if line.startswith("tiny-2d "))
    assert mine.split() == ["tiny-2d", "2D", "Blobs", "Dice", "0.50", "user"]
    assert len({line.split()[0] for line in lines}) == len(lines)


def test_info_shows_the_card_without_loading_torch(tiny_2d):
    script = f"""
import sys
from napari_medseg.cli import main
assert main(["info", {str(tiny_2d)!r}]) == 0
assert "torch" not in sys.modules
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert "3 = blob" in run.stdout
    assert "research use only" in run.stdout


def test_info_as_json_is_the_card(capsys, tiny_3d):
    from napari_medseg.engine.checkpoint import read_card

    assert main(["info", str(tiny_3d), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == read_card(tiny_3d).to_dict()


def test_segment_one_image_into_one_file(tmp_path, tiny_2d, capsys):
    image, out = save_png(tmp_path / "a.png"), tmp_path / "labels.png"
    assert segment(image, "--model", tiny_2d, "--out", out) == 0
    labels = np.asarray(Image.open(out))
    assert labels.shape == (20, 24)
    assert set(np.unique(labels)) <= {0, 3}
    assert capsys.readouterr().out == f"{out}\n"
    provenance = json.loads((tmp_path / "labels.json").read_text())
    assert provenance["model"] == "tiny-2d"


def test_segment_a_folder_gives_a_label_file_per_image(tmp_path, tiny_2d):
    for name in ("a.png", "b.png", "c.png"):
        save_png(tmp_path / "in" / name)
    assert segment(tmp_path / "in", "--model", tiny_2d, "--out", tmp_path / "out") == 0
    assert {p.name for p in (tmp_path / "out").glob("*.png")} == {"a.png", "b.png", "c.png"}


def test_segment_case_folders_names_labels_after_the_case(tmp_path, tiny_3d):
    for case in ("case_1", "case_2"):
        for modality in ("flair", "t1"):
            save_nifti(tmp_path / "in" / case / f"{modality}.nii.gz")
    assert segment(tmp_path / "in", "--model", tiny_3d, "--out", tmp_path / "out") == 0
    written = {p.name for p in (tmp_path / "out").glob("*.nii.gz")}
    assert written == {"case_1.nii.gz", "case_2.nii.gz"}
    image = nib.load(tmp_path / "in" / "case_1" / "t1.nii.gz")
    label = nib.load(tmp_path / "out" / "case_1.nii.gz")
    assert label.shape == image.shape
    np.testing.assert_allclose(label.affine, image.affine)


def test_modalities_makes_one_image_of_the_files(tmp_path, tiny_3d):
    files = [save_nifti(tmp_path / "in" / f"{m}.nii.gz") for m in ("flair", "t1")]
    outs = [tmp_path / "files.nii.gz", tmp_path / "folder.nii.gz"]
    assert segment(*files, "--modalities", "--model", tiny_3d, "--out", outs[0]) == 0
    assert segment(tmp_path / "in", "--modalities", "--model", tiny_3d, "--out", outs[1]) == 0
    np.testing.assert_array_equal(*(read_labels(out).array for out in outs))


def test_one_case_folder_with_its_label_is_one_image(tmp_path, tiny_3d):
    for name in ("flair", "t1", "label"):
        save_nifti(tmp_path / "case_9" / f"{name}.nii.gz")
    out = tmp_path / "out"
    assert segment(tmp_path / "case_9", "--model", tiny_3d, "--out", out) == 0
    assert [p.name for p in out.glob("*.nii.gz")] == ["case_9.nii.gz"]


def test_probabilities_and_uncertainty_are_written_beside_the_labels(tmp_path, tiny_2d):
    image, out = save_png(tmp_path / "a.png"), tmp_path / "out"
    words = ["--model", tiny_2d, "--out", out, "--probabilities", "--uncertainty"]
    assert segment(image, *words) == 0
    names = {p.name for p in out.iterdir() if p.suffix != ".json"}
    assert names == {"a.png", "a_probabilities.tif", "a_uncertainty.tif"}


def test_a_second_run_replaces_the_labels_with_the_same(tmp_path, tiny_2d):
    image, out = save_png(tmp_path / "a.png"), tmp_path / "a_labels.png"
    for _ in range(2):
        assert segment(image, "--model", tiny_2d, "--out", out) == 0
        labels = out.read_bytes()
    assert labels == out.read_bytes()


def test_flags_reach_the_engine(tmp_path, tiny_2d):
    image, out = save_png(tmp_path / "a.png"), tmp_path / "out.png"
    words = ["--overlap", "0.25", "--window", "32x32", "--flips", "--no-crop-to-body"]
    assert segment(image, "--model", tiny_2d, "--out", out, *words) == 0
    config = json.loads((tmp_path / "out.json").read_text())["config"]
    assert config["overlap"] == 0.25
    assert config["window"] == [32, 32]
    assert config["flips"] is True
    assert config["crop_to_body"] is False


def test_one_bad_image_does_not_stop_the_others(tmp_path, tiny_2d, capsys):
    save_png(tmp_path / "in" / "a.png")
    (tmp_path / "in" / "b.png").write_text("not an image")
    save_png(tmp_path / "in" / "c.png")
    assert segment(tmp_path / "in", "--model", tiny_2d, "--out", tmp_path / "out") == 2
    assert {p.name for p in (tmp_path / "out").glob("*.png")} == {"a.png", "c.png"}
    errors = capsys.readouterr().err.splitlines()
    assert errors[0].startswith("b: ")
    assert errors[-1] == "1 of 3 images failed: b"


def test_an_image_that_does_not_fit_into_memory_does_not_stop_the_others(
    tmp_path, tiny_2d, monkeypatch, capsys
):
    from napari_medseg.commands import segment as command

    def full(segmenter, case, *args, **options):
        if case.name == "a":
            raise MemoryError
        return [tmp_path / f"{case.name}.png"], ()

    for name in "ab":
        save_png(tmp_path / "in" / f"{name}.png")
    monkeypatch.setattr(command, "segment_case", full)
    assert segment(tmp_path / "in", "--model", tiny_2d, "--out", tmp_path / "out") == 2
    said = capsys.readouterr()
    assert said.out.split() == [str(tmp_path / "b.png")]
    assert said.err.startswith("a: there is not enough memory")


def test_ctrl_c_stops_at_the_next_step_and_is_exit_code_130(tmp_path, tiny_2d, monkeypatch, capsys):
    from napari_medseg.commands import terminal

    steps = []

    def press_ctrl_c(title):
        def report(step):
            steps.append(step)
            signal.raise_signal(signal.SIGINT)

        return report

    monkeypatch.setattr(terminal, "_plain", press_ctrl_c)
    before = signal.getsignal(signal.SIGINT)
    image, out = save_png(tmp_path / "a.png"), tmp_path / "out"
    assert segment(image, "--model", tiny_2d, "--out", out) == 130
    assert len(steps) == 1
    assert not out.exists()
    assert capsys.readouterr().err.splitlines()[-1] == "stopped"
    assert signal.getsignal(signal.SIGINT) is before


def test_evaluate_prints_the_table_and_writes_csv(tmp_path, capsys):
    truth = np.zeros((10, 10), np.uint8)
    truth[2:6, 2:6] = 255
    prediction = np.zeros_like(truth)
    prediction[2:6, 2:4] = 1
    for folder, values in (("truth", truth), ("prediction", prediction)):
        (tmp_path / folder).mkdir()
        Image.fromarray(values).save(tmp_path / folder / "a.png")
    table = tmp_path / "scores.csv"
    words = [str(tmp_path / "prediction"), str(tmp_path / "truth"), "--csv", str(table)]
    assert main(["evaluate", *words]) == 0
    printed = capsys.readouterr().out
    assert "0.6667" in printed  # 2 * 8 / (8 + 16)
    assert "Dice = 2 TP" in printed
    with table.open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["case"] == "a"
    assert float(row["dice"]) == pytest.approx(2 / 3)


def test_evaluate_scores_the_cases_it_can_and_exits_with_1(tmp_path, capsys):
    for name in "ab":
        Image.fromarray(np.eye(9, dtype=np.uint8)).save(tmp_path / f"{name}.png")
    predictions = tmp_path / "p"
    predictions.mkdir()
    for name in "ab":
        (predictions / f"{name}.png").write_bytes((tmp_path / "a.png").read_bytes())
    (predictions / "b.png").write_bytes(b"not a picture")
    report = tmp_path / "new" / "report.html"
    assert main(["evaluate", str(predictions), str(tmp_path), "--html", str(report)]) == 1
    said = capsys.readouterr()
    assert said.out.startswith("1 case; 1 could not be scored")
    assert "b: not scored, b.png" in said.err
    assert "b is left out: b.png" in report.read_text(encoding="utf-8")
    (predictions / "a.png").unlink()
    assert main(["evaluate", str(predictions), str(tmp_path)]) == 2
    assert "b.png" in capsys.readouterr().err


def test_evaluate_counts_lesions_and_writes_json_and_html(tmp_path, capsys):
    truth, prediction = np.zeros((2, 9, 9), np.uint8)
    truth[1:3, 1:3] = truth[5:8, 5:8] = 1
    prediction[5:7, 5:8] = prediction[1, 7] = 1
    for name, values in (("t.png", truth), ("p.png", prediction)):
        Image.fromarray(values).save(tmp_path / name)
    pair = [str(tmp_path / "p.png"), str(tmp_path / "t.png")]
    out = [tmp_path / "scores.json", tmp_path / "report.html"]
    words = ["--lesions", "--json", str(out[0]), "--html", str(out[1])]
    assert main(["evaluate", *pair, *words]) == 0
    assert "lesion F1" in capsys.readouterr().out
    (case,) = json.loads(out[0].read_text(encoding="utf-8"))["cases"]
    assert case["lesions"] == {"found": 1, "missed": 1, "extra": 1, "overlap": 0.8}
    assert "</html>" in out[1].read_text(encoding="utf-8")
    assert main(["evaluate", *pair, "--lesion-iou", "0.7"]) == 0
    assert "an IoU of 0.7" in capsys.readouterr().out
    assert main(["evaluate", *pair, "--lesion-iou", "7"]) == 2
    assert "from 0 to 1" in capsys.readouterr().err


def test_evaluate_scores_the_classes_asked_for(tmp_path, capsys):
    labels = np.array([[0, 1, 2, 3]], np.uint8)
    Image.fromarray(labels).save(tmp_path / "a.png")
    path = str(tmp_path / "a.png")
    assert main(["evaluate", path, path, "--classes", "1,3"]) == 0
    printed = capsys.readouterr().out
    assert "class 1" in printed
    assert "class 3" in printed
    assert "class 2" not in printed


def test_train_refuses_to_replace_a_model_without_being_told(tmp_path, capsys):
    model = tmp_path / "liver.safetensors"
    model.write_bytes(b"precious")
    assert main(["train", str(tmp_path), "--out", str(model)]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert model.read_bytes() == b"precious"


@pytest.mark.parametrize("command", ["demo", "models", "info", "segment", "train", "evaluate"])
def test_every_command_has_help(command, capsys):
    assert main([command, "--help"]) == 0
    assert command in capsys.readouterr().out


def test_debug_mode_shows_the_traceback(monkeypatch, tmp_path):
    monkeypatch.setenv("NAPARI_MEDSEG_DEBUG", "1")
    with pytest.raises(OSError, match="there is no"):
        main(["info", str(tmp_path / "nothing.safetensors")])


def test_a_bug_keeps_its_traceback(monkeypatch):
    from napari_medseg.commands import models

    def broken(args):
        raise RuntimeError("a bug")

    monkeypatch.setattr(models, "list_models", broken)
    with pytest.raises(RuntimeError, match="a bug"):
        main(["models"])
