"""The pieces of the benchmarks of learning that need no data."""

import json

import numpy as np
import pytest

from benchmarks import finetune, from_nothing, shifts
from napari_medseg.engine.cases import Case
from napari_medseg.engine.sparse import planes_along
from napari_medseg.volume import Volume


def picture():
    values = np.random.default_rng(0).integers(0, 256, (3, 48, 64), dtype=np.uint8)
    return Volume(values, (1.0, 1.0))


def scan():
    values = np.random.default_rng(0).gamma(3.0, 50.0, (1, 20, 24, 18)).astype(np.float32)
    return Volume(values, (1.0, 1.0, 1.0))


@pytest.mark.parametrize(
    ("shift", "volume"), [(shifts.other_camera, picture()), (shifts.other_scanner, scan())]
)
def test_a_shift_is_decided_by_its_seed_and_the_image(shift, volume):
    before = volume.array.copy()
    first, again, image, domain = (
        shift(volume, seed, number).array for seed, number in ((1, 1), (1, 1), (1, 2), (2, 1))
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, image)
    assert not np.array_equal(first, domain)
    assert np.abs(first - image.astype(float)).mean() < np.abs(first - before.astype(float)).mean()
    np.testing.assert_array_equal(volume.array, before)
    assert (first.dtype, first.shape) == (before.dtype, before.shape)


def test_the_other_camera_is_bluer_blurred_and_darker_at_the_rim():
    shifted = shifts.other_camera(picture(), 0, 0).array.astype(float)
    red, _, blue = shifted.mean((1, 2))
    assert blue > 1.5 * red
    assert (
        np.abs(np.diff(shifted)).mean()
        < 0.5 * np.abs(np.diff(picture().array.astype(float))).mean()
    )
    assert shifted[:, 20:28, 28:36].mean() > 1.2 * shifted[:, :4, :4].mean()


def test_the_other_scanner_shows_bright_what_was_dark():
    before, after = scan().array.ravel(), shifts.other_scanner(scan(), 0, 0).array.ravel()
    assert np.corrcoef(before, after)[0, 1] < -0.5
    assert (after >= 0).all()


def test_a_grey_picture_in_colour_is_grey_three_times():
    grey = Volume(np.arange(12, dtype=np.uint8).reshape(1, 3, 4), (1.0, 1.0))
    assert (shifts.in_colour(grey, 0, 0).array == grey.array).all()
    assert shifts.in_colour(grey, 0, 0).array.shape == (3, 3, 4)
    assert shifts.in_colour(picture(), 0, 0).array.shape == (3, 48, 64)


def test_a_domain_of_other_images_learns_from_them_and_is_asked_of_its_own(monkeypatch):
    old, other = [f"val_{i}" for i in range(70)], [f"benign_{i}" for i in range(50)]
    monkeypatch.setattr(finetune, "load_case", lambda name: name)
    monkeypatch.setattr(finetune.Bench, "_corrected", lambda bench, case: case)
    monkeypatch.setattr(finetune.Bench, "_shifted", lambda bench, place, seed: bench._new[place])
    for name, new in (("polyps", old), ("lesions", other)):
        bench = object.__new__(finetune.Bench)
        bench.domain, bench._test, bench._new = finetune.DOMAINS[name], old, new
        learn, judged, kept = bench.cases(0, 5)
        assert {*learn, *judged} <= set(new)
        assert set(kept) <= set(old)
        assert len({*learn, *judged, *kept}) == 65  # none of them twice
        assert bench.cases(0, 1)[0] == learn[:1]


def test_painted_slices_are_spread_evenly_and_all_else_is_unseen():
    labels = np.ones((23, 4, 5), np.uint8)
    case = from_nothing.painted(Case(Volume(labels[None].astype(np.float32), (1.0,) * 3), labels))
    planes = planes_along(case.reviewed, 0)
    assert planes.size == from_nothing.SLICES
    assert set(np.diff(planes)) <= {4, 5}
    assert case.reviewed[planes].all()
    assert not case.labels[~case.reviewed].any()


def test_judged_volumes_are_neither_learnt_from_nor_tuned_on():
    assert not set(from_nothing.JUDGED) & {*from_nothing.LEARN, *range(100, 110), 5, 55, 105}
    assert len(from_nothing.JUDGED) == 20


def test_without_data_benchmarks_say_so(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(from_nothing, "DATA", tmp_path / "none")
    monkeypatch.setattr(finetune, "DATA", tmp_path)
    from_nothing.main()
    finetune.main()
    assert capsys.readouterr().out.count("skipped: ") == 2


def cell(row, new, old, minutes=2.0):
    rows = {row: {"alpha": 1.0, "new": new, "old": old}}
    return json.dumps({"before": {"new": 0.3, "old": 0.8}, "rows": rows, "minutes": minutes})


def test_a_table_has_mean_and_spread_over_the_seeds_that_are_done(tmp_path):
    for seed, (new, old) in enumerate([(0.5, 0.7), (0.6, 0.76), (0.7, 0.73)]):
        path = tmp_path / finetune.file_name("polyps", 5, seed, "plain")
        path.write_text(cell("plain", new, old))
    path = tmp_path / finetune.file_name("polyps", 5, 0, "distillation")
    path.write_text(cell("+ distillation", 0.57, 0.795))
    lines = finetune.table(tmp_path, "polyps", 5)
    assert lines[1].split() == ["plain", "+30.0", "±", "10.0", "+7.0", "±", "3.0", "100%", "2.00"]
    assert lines[2].split()[2:] == [
        *("+27.0", "±", "0.0", "+0.5", "±", "0.0", "90%", "2.00"),
        *("(1", "of", "3", "seeds)"),
    ]
    assert len(finetune.table(tmp_path, "polyps", 1)) == 1


def test_where_plain_learning_loses_there_is_no_share_of_its_gain(tmp_path):
    for run, row, new in (("plain", "plain", 0.2), ("distillation", "+ distillation", 0.5)):
        (tmp_path / finetune.file_name("polyps", 1, 0, run)).write_text(cell(row, new, 0.8))
    _, plain, distilled = finetune.table(tmp_path, "polyps", 1)
    assert plain.split()[1:4] == ["-10.0", "±", "0.0"]
    assert not any("%" in line for line in (plain, distilled))
