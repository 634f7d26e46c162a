"""Evaluations of files and folders: numbers, notes, table and CSV."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from napari_medseg.engine.evaluate import OtherGrid, evaluate
from napari_medseg.engine.evaluation import Evaluation
from napari_medseg.engine.evaluation_html import page
from napari_medseg.engine.metrics import score
from napari_medseg.io import write_labels
from napari_medseg.progress import Cancelled, Step
from napari_medseg.volume import Volume

SPACING = (3.0, 1.0, 0.5)


def grid(shape=(6, 12, 14), spacing=SPACING, shift=0.0, known=True) -> Volume:
    affine = np.diag([-spacing[-1], -spacing[-2], spacing[0], 1.0])[:, [2, 1, 0, 3]]
    affine[0, 3] += shift
    return Volume(np.zeros((1, *shape), np.uint8), spacing, affine, spacing_known=known)


def ball(shape, centre, radius):
    distance = np.linalg.norm(np.indices(shape).T - centre, axis=-1).T
    return (distance <= radius).astype(np.uint8)


@pytest.fixture
def pair():
    truth = ball((6, 12, 14), (3, 5, 6), 2.6) + 2 * ball((6, 12, 14), (3, 9, 11), 1.2)
    return np.roll(truth, 1, axis=2), truth


def test_two_files_score_as_their_arrays_in_mm(tmp_path, pair):
    for name, labels in zip(("p.nii.gz", "t.nii.gz"), pair, strict=True):
        write_labels(tmp_path / name, labels, like=grid())
    result = evaluate(tmp_path / "p.nii.gz", tmp_path / "t.nii.gz", tolerance=0.6)
    assert [case.value for case in result.cases] == [1, 2]
    for case in result.cases:
        expected = score(*pair, case.value, spacing=SPACING, tolerance=0.6)
        assert case.scores.dice == expected.dice
        assert case.scores.hd95 == pytest.approx(expected.hd95, abs=1e-4)
        assert case.scores.assd == pytest.approx(expected.assd, abs=1e-4)
        assert case.scores.nsd == pytest.approx(expected.nsd, abs=1e-4)
        assert case.scores.volume_difference == pytest.approx(0)
        assert case.unit == "mm"
    assert result.mean("dice") == pytest.approx(np.mean([c.scores.dice for c in result.cases]))


def test_the_stored_order_of_axes_does_not_matter(tmp_path, pair):
    nibabel = pytest.importorskip("nibabel")
    write_labels(tmp_path / "p.nii.gz", pair[0], like=grid())
    write_labels(tmp_path / "t.nii.gz", pair[1], like=grid())
    straight = evaluate(tmp_path / "p.nii.gz", tmp_path / "t.nii.gz")
    image = nibabel.load(tmp_path / "t.nii.gz")
    turn = np.array([[1, 1], [2, -1], [0, -1]])  # to which axis, and whether flipped
    nibabel.save(image.as_reoriented(turn), tmp_path / "t2.nii.gz")
    again = evaluate(tmp_path / "p.nii.gz", tmp_path / "t2.nii.gz")
    for one, other in zip(straight.cases, again.cases, strict=True):
        assert one.scores.counts == other.scores.counts
        assert one.scores.hd95 == pytest.approx(other.scores.hd95)


@pytest.fixture
def folders(tmp_path):
    """Three pictures: a good prediction, an empty one, and one where nothing is."""
    from PIL import Image

    truth = {name: ball((20, 24), (9, 10), 5) for name in ("a", "b")}
    truth["c"] = np.zeros((20, 24), np.uint8)
    prediction = {"a": np.roll(truth["a"], 2, 1), "b": truth["c"], "c": truth["c"]}
    for folder, masks in (("masks", truth), ("out", prediction)):
        (tmp_path / folder).mkdir()
        for name, mask in masks.items():
            factor = 255 if folder == "masks" else 1
            Image.fromarray(mask * np.uint8(factor)).save(tmp_path / folder / f"{name}.png")
    return tmp_path


def test_a_mask_of_255_is_a_mask_of_1(folders):
    result = evaluate(folders / "out", folders / "masks")
    assert result.classes == {1: "class 1"}
    assert [case.case for case in result.cases] == ["a", "b", "c"]
    assert result.cases[0].scores.dice > 0.6
    assert {case.unit for case in result.cases} == {"px"}


def test_empty_cases_follow_the_definitions_and_are_counted(folders):
    result = evaluate(folders / "out", folders / "masks")
    a, b, c = (case.scores for case in result.cases)
    assert (b.dice, b.hd95) == (0, pytest.approx(np.hypot(20, 24)))
    assert (c.dice, c.hd95) == (1, 0)
    assert result.empty(1) == {"both": 1, "prediction": 1, "truth": 0}
    assert result.mean("dice", 1) == pytest.approx((a.dice + 1) / 3)
    assert result.median("dice", 1) == pytest.approx(a.dice)
    counts = a.counts + b.counts + c.counts
    assert result.pooled("dice", 1) == 2 * counts.tp / (2 * counts.tp + counts.fp + counts.fn)


def test_the_table_is_aligned_and_names_definitions_and_exceptions(folders):
    (folders / "out" / "z.png").write_bytes((folders / "out" / "a.png").read_bytes())
    (folders / "masks" / "d.png").write_bytes((folders / "masks" / "a.png").read_bytes())
    text = evaluate(folders / "out", folders / "masks", tolerance=2).table()
    lines = text.splitlines()
    assert lines[0] == "3 cases"
    head = next(line for line in lines if line.startswith("class "))
    for word in ("Dice", "IoU", "HD95 px", "ASSD px", "sensitivity", "specificity", "accuracy"):
        assert word in head
    mean = lines[lines.index(head) + 2]
    assert head.index("Dice") + len("Dice") == mean.index(mean.split()[3]) + len(mean.split()[3])
    assert "in 1 case neither side has any" in text
    assert "Truth without a prediction, not scored: 1 (d)." in text
    assert "Predictions without a truth, not scored: 1 (z)." in text
    assert "larger of the two directed 95th percentiles" in text
    assert "tolerance is 2 px" in text
    assert max(map(len, lines)) < 160


def test_the_csv_holds_every_number(folders):
    result = evaluate(folders / "out", folders / "masks")
    result.write_csv(folders / "new" / "scores.csv")
    with (folders / "new" / "scores.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["case"] for row in rows] == ["a", "b", "c"]
    assert float(rows[0]["dice"]) == result.cases[0].scores.dice
    assert rows[1]["empty"] == "prediction"
    assert [str(value) for value in result.rows[2].values()] == list(rows[2].values())
    assert not list((folders / "new").glob(".*"))


def test_a_csv_that_cannot_be_written_leaves_the_old_one(folders):
    result = evaluate(folders / "out", folders / "masks")
    with pytest.raises(OSError, match="out"):
        result.write_csv(folders / "out")


def test_a_class_that_only_one_case_has_is_empty_in_the_others(tmp_path):
    for name, value in (("a", 1), ("b", 3)):
        labels = np.zeros((9, 8), np.uint8)
        labels[2:5, 3:6] = value
        like = Volume(labels[None], (1.0, 1.0), spacing_known=False)
        write_labels(tmp_path / "p" / f"{name}.png", labels, like=like)
        write_labels(tmp_path / "t" / f"{name}.png", labels, like=like)
    result = evaluate(tmp_path / "p", tmp_path / "t")
    assert result.empty(1) == result.empty(3) == {"both": 1, "prediction": 0, "truth": 0}
    assert all(case.scores.accuracy == 1 for case in result.cases)
    assert result.cases[1].scores.counts.tn == 72
    chosen = evaluate(tmp_path / "p", tmp_path / "t", classes={3: "cyst"})
    assert chosen.classes == {3: "cyst"}
    assert "3 cyst" in chosen.table()


def test_names_come_from_the_file_beside_a_prediction(tmp_path, pair):
    names = {"classes": {"1": "liver", "2": "spleen"}}
    write_labels(tmp_path / "p" / "x.nii.gz", pair[0], like=grid(), provenance=names)
    write_labels(tmp_path / "t" / "x" / "label.nii.gz", pair[1], like=grid())
    assert evaluate(tmp_path / "p", tmp_path / "t").classes == {1: "liver", 2: "spleen"}
    (tmp_path / "p" / "x.json").write_text("not json")
    assert evaluate(tmp_path / "p", tmp_path / "t").classes == {1: "class 1", 2: "class 2"}


def test_names_come_from_a_data_set(tmp_path, pair):
    data = tmp_path / "data"
    write_labels(tmp_path / "p" / "x.nii.gz", pair[0], like=grid())
    write_labels(data / "labelsTr" / "x.nii.gz", pair[1], like=grid())
    write_labels(data / "imagesTr" / "x_0000.nii.gz", pair[1], like=grid())
    described = {"channel_names": {"0": "CT"}, "labels": {"background": 0, "liver": 1}}
    (data / "dataset.json").write_text(json.dumps(described))
    for truth in (data, data / "labelsTr"):
        result = evaluate(tmp_path / "p", truth)
        assert result.classes == {1: "liver", 2: "class 2"}


def test_another_grid_is_refused_by_name(tmp_path, pair):
    write_labels(tmp_path / "t.nii.gz", pair[1], like=grid())
    write_labels(tmp_path / "small.nii.gz", pair[0][:4], like=grid((4, 12, 14)))
    with pytest.raises(ValueError, match=r"small.nii.gz does not lie .*t.nii.gz: .*--resample"):
        evaluate(tmp_path / "small.nii.gz", tmp_path / "t.nii.gz")
    write_labels(tmp_path / "far.nii.gz", pair[0], like=grid(shift=0.4))
    with pytest.raises(ValueError, match=r"far.nii.gz does not lie"):
        evaluate(tmp_path / "far.nii.gz", tmp_path / "t.nii.gz")
    write_labels(tmp_path / "near.nii.gz", pair[0], like=grid(shift=0.04))
    assert evaluate(tmp_path / "near.nii.gz", tmp_path / "t.nii.gz").cases


def test_nothing_but_background_has_nothing_to_score(tmp_path):
    labels = np.zeros((6, 12, 14), np.uint8)
    write_labels(tmp_path / "a.nii.gz", labels, like=grid())
    write_labels(tmp_path / "b.nii.gz", labels, like=grid())
    with pytest.raises(ValueError, match="nothing to score"):
        evaluate(tmp_path / "a.nii.gz", tmp_path / "b.nii.gz")
    named = evaluate(tmp_path / "a.nii.gz", tmp_path / "b.nii.gz", classes=[1])
    assert named.mean("dice") == 1


def test_large_values_are_classes_too(tmp_path):
    labels = np.zeros((6, 12, 14), np.uint16)
    labels[2:4, 3:6, 3:6] = 40_000
    write_labels(tmp_path / "a.nii.gz", labels, like=grid())
    result = evaluate(tmp_path / "a.nii.gz", tmp_path / "a.nii.gz")
    assert list(result.classes) == [40_000]
    assert result.mean("dice") == 1


def test_cancel_stops_before_the_next_case_or_class(folders):
    seen = []

    def stop_at_second(step):
        seen.append(step)
        if step.note == "b":
            raise Cancelled

    with pytest.raises(Cancelled):
        evaluate(folders / "out", folders / "masks", report=stop_at_second)
    assert list(dict.fromkeys(seen)) == [Step(0, 3, "case", "a"), Step(1, 3, "case", "b")]
    assert len(seen) > 2  # also asked between the classes of a case


@pytest.fixture
def some_unusable(tmp_path, pair):
    """Three cases: a good one, one on another grid, and one that is cut off."""
    for name in "abc":
        write_labels(tmp_path / "t" / f"{name}.nii.gz", pair[1], like=grid())
        write_labels(tmp_path / "p" / f"{name}.nii.gz", pair[0], like=grid())
    write_labels(tmp_path / "p" / "b.nii.gz", pair[0][:4], like=grid((4, 12, 14)))
    cut = tmp_path / "p" / "c.nii.gz"
    cut.write_bytes(cut.read_bytes()[:60])
    return tmp_path


def test_cases_that_cannot_be_scored_are_left_out_and_named_with_the_reason(some_unusable):
    result = evaluate(some_unusable / "p", some_unusable / "t")
    assert result.names() == ["a"]
    assert list(result.failed) == ["b", "c"]
    assert "b.nii.gz does not lie on the grid" in result.failed["b"]
    assert "c.nii.gz is cut off or damaged" in result.failed["c"]
    assert str(some_unusable) not in " ".join(result.failed.values())
    assert result.remarks()[0] == f"b is left out: {result.failed['b']}."
    assert "1 case; 2 could not be scored" in result.table()
    assert "c is left out" in page(result)
    result.write_json(some_unusable / "r.json")
    assert Evaluation.from_json(some_unusable / "r.json").failed == result.failed
    resampled = evaluate(some_unusable / "p", some_unusable / "t", resample=True)
    assert (resampled.names(), list(resampled.failed)) == (["a", "b"], ["c"])


def test_many_cases_left_out_are_not_each_a_sentence(some_unusable):
    result = evaluate(some_unusable / "p", some_unusable / "t")
    many = replace(result, failed={f"case {i}": "it is damaged" for i in range(50)})
    said = [line for line in many.remarks() if "eft out" in line]
    assert len(said) == 21
    assert said[-1].startswith("Left out for reasons like these: 30 (case 20, ")


def test_where_no_case_can_be_scored_the_first_reason_is_the_error(some_unusable):
    (some_unusable / "p" / "a.nii.gz").unlink()
    with pytest.raises(ValueError, match=r"none of the 2 cases can be scored; b: .*resample it"):
        evaluate(some_unusable / "p", some_unusable / "t")
    (some_unusable / "p" / "c.nii.gz").unlink()
    with pytest.raises(OtherGrid, match=r"^the prediction .*--resample"):
        evaluate(some_unusable / "p", some_unusable / "t")
    (some_unusable / "p" / "c.nii.gz").write_bytes((some_unusable / "p/b.nii.gz").read_bytes())
    with pytest.raises(OtherGrid, match=r"none of the 2 .*\(--resample, or resample=True\)$"):
        evaluate(some_unusable / "p", some_unusable / "t")


def test_a_question_that_no_case_can_answer_is_the_error_of_none(some_unusable):
    with pytest.raises(ValueError, match=r"^tolerance must be"):
        evaluate(some_unusable / "p", some_unusable / "t", tolerance=-1)
    with pytest.raises(ValueError, match=r"^0 is the background"):
        evaluate(some_unusable / "p", some_unusable / "t", classes=[0, 1])


def test_evaluating_needs_no_torch():
    code = "import sys, napari_medseg.engine.evaluate; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_ome_zarr_and_nifti_are_label_files_alike(tmp_path, pair):
    pytest.importorskip("zarr")
    write_labels(tmp_path / "p" / "x.ome.zarr", pair[0], like=grid())
    write_labels(tmp_path / "t" / "x.nii.gz", pair[1], like=grid())
    by_folder = evaluate(tmp_path / "p", tmp_path / "t")
    by_file = evaluate(tmp_path / "p" / "x.ome.zarr", tmp_path / "t" / "x.nii.gz")
    assert by_folder.names() == by_file.names() == ["x"]
    assert by_folder.cases[0].scores == by_file.cases[0].scores
    expected = score(*pair, 1, spacing=SPACING)
    assert by_file.cases[0].scores.counts == expected.counts
    assert by_file.cases[0].scores.hd95 == pytest.approx(expected.hd95, abs=1e-4)
