"""The benchmark of interactive segmentation: its robot's sessions, its peers, its sums."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from benchmarks import interactive, interactive_cases, interactive_table, interactive_tools
from napari_medseg.engine.cases import Case
from napari_medseg.interact.robot import RobotConfig
from napari_medseg.volume import Volume


@pytest.fixture(scope="module")
def disc():
    """A bright disc on a dark ground, and where it is."""
    rows, columns = np.mgrid[:48, :56]
    truth = (np.hypot(rows - 22, columns - 30) < 11).astype(np.uint8)
    values = 100 + 60 * truth + np.random.default_rng(0).normal(0, 4, truth.shape)
    return Case(Volume(values.astype(np.float32)[None], (1.0, 1.0)), truth, name="disc")


class Scripted:
    """A tool that gives one answer after the other, and the last one for ever."""

    needs_start = True

    def __init__(self, *answers, outside=0):
        self.answers, self.outside = list(answers), outside

    def answer(self, labels, prompts):
        return (self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]), self.outside


def run(tool, case):
    start = np.zeros_like(case.labels)
    return interactive.session(tool, case, start, [1], RobotConfig(), 0)


def test_a_session_ends_when_it_is_good_and_where_nothing_helps_at_its_cap(disc):
    nothing, good = np.zeros_like(disc.labels), disc.labels
    rather = np.where(np.arange(56) < 31, good, 0)  # a Dice of about 0.7
    shrunk = good.copy()
    shrunk[:15] = 0  # a Dice above 0.90 and below 0.95
    assert run(Scripted(rather, good), disc)["dice"][2:] == [1.0]
    assert len(run(Scripted(nothing), disc)["dice"]) == interactive_table.CAP + 1
    close = run(Scripted(shrunk, outside=2), disc)
    assert 0.90 < close["dice"][1] < 0.95
    assert len(close["dice"]) == interactive.LEAST + 1
    assert close["outside"] == 2 * interactive.LEAST
    assert len(close["cpu"]) == len(close["wall"]) == interactive.LEAST


def test_what_starts_from_nothing_does_not_get_the_answer_of_the_model(disc):
    walker = interactive_tools.RandomWalker(disc.volume)
    result = interactive.session(walker, disc, disc.labels, [1], RobotConfig(radius=2), 0)
    assert result["dice"][0] == 0
    assert result["dice"][-1] > 0.95


def test_the_random_walker_needs_something_and_its_opposite(disc):
    walker = interactive_tools.RandomWalker(disc.volume)
    prompt = interactive.next_prompt(np.zeros_like(disc.labels), disc.labels, disc.volume)
    assert not prompt.positive
    labels, outside = walker.answer(disc.labels, [prompt])
    np.testing.assert_array_equal(labels, disc.labels)
    assert outside == 0


def test_grabcut_finds_a_disc_from_a_point_and_from_a_poor_mask(disc):
    pytest.importorskip("cv2")
    for start in (np.zeros_like(disc.labels), np.roll(disc.labels, 6, 0)):
        prompt = interactive.next_prompt(disc.labels, start, disc.volume)
        labels, _ = interactive_tools.GrabCut(disc.volume).answer(start, [prompt])
        assert interactive.mean_dice(labels, disc.labels, [1]) > 0.9


def test_a_lane_changes_nothing_outside_of_its_region_and_it_is_seen_if_it_did(disc):
    lane = interactive_tools.Lane(disc.volume, None, "refine")
    start = np.zeros_like(disc.labels)
    prompt = interactive.next_prompt(disc.labels, start, disc.volume)
    labels, outside = lane.answer(start, [prompt])
    assert outside == 0
    assert labels[22, 30] == 1
    assert not start.any()

    box = (slice(0, 4), slice(0, 4))
    answer = SimpleNamespace(box=box, labels=np.ones((4, 4), np.uint8))
    lane._interaction = SimpleNamespace(
        answer=lambda *_: answer, region=lambda *_: (slice(0, 2), slice(0, 4))
    )
    assert lane.answer(start, [prompt])[1] == 8

    def scribbles_over(given, _):
        given[40:42, 50:53] = 1
        return answer

    lane._interaction.answer = scribbles_over
    assert lane.answer(start.copy(), [prompt])[1] == 8 + 6


def test_a_weakened_model_is_another_one_each_time_the_same(monkeypatch):
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.BatchNorm2d(4))
    before = [p.clone() for p in network.parameters()]
    segmenter = SimpleNamespace(network=network, card=None, device="cpu")
    monkeypatch.setattr(interactive_cases, "Segmenter", lambda n, card, device: n)
    one, again = (interactive_cases.weakened(segmenter, 0.5) for _ in range(2))
    for was, now, noisy, same in zip(
        before, network.parameters(), one.parameters(), again.parameters(), strict=True
    ):
        assert torch.equal(was, now)
        assert torch.equal(noisy, same)
        assert torch.equal(noisy, was) == (was.ndim == 1)


def test_a_shrunk_picture_shows_the_same_in_larger_pixels():
    truth = np.zeros((13, 14), np.uint8)
    truth[3:9, 6:12] = 2
    image = np.repeat(truth[None], 3, 0) * 50
    small = interactive_cases.shrunk(Case(Volume(image, (0.5, 0.5)), truth), 3)
    assert small.volume.spacing == (1.5, 1.5)
    assert small.labels.shape == (4, 4)
    assert small.labels.dtype == truth.dtype
    np.testing.assert_array_equal(
        np.argwhere(small.labels == 2), [(r, c) for r in (1, 2) for c in (2, 3)]
    )
    np.testing.assert_array_equal(small.volume.array, np.repeat(small.labels[None], 3, 0) * 50)


def test_a_picture_with_coloured_marks_is_taken_in_grey():
    colours = np.full((3, 4, 5), 90, np.uint8)
    colours[1, 2, 2] = 250
    grey = interactive_cases.in_grey(Volume(colours, (1.0, 1.0)))
    assert grey.array.shape == (1, 4, 5)
    assert grey.array[0, 0, 0] == 90
    assert 90 < grey.array[0, 2, 2] < 250
    assert interactive_cases.in_grey(grey) is grey


def scores(*dices, outside=0):
    return {"dice": list(dices), "cpu": [0.1] * (len(dices) - 1), "outside": outside}


def test_sums_of_sessions():
    early, late = scores(0.2, 0.7, 0.96), scores(*[0.1] * 4, 0.82, *[0.88] * 16)
    assert interactive_table.dice_after(early, 10) == 0.96
    assert interactive_table.clicks_to(early, 0.9) == 2
    assert interactive_table.clicks_to(late, 0.8) == 4
    assert interactive_table.clicks_to(late, 0.9) == interactive_table.CAP
    assert interactive_table.mean_after([early, late], 1) == pytest.approx(0.4)


def test_a_table_has_a_row_for_each_tool():
    ours = [scores(0.1, 0.5, 0.96), scores(0.3, 0.5, 0.96, outside=2)]
    head, lane = interactive_table.table({"lane 0": ours})
    assert lane.split()[2:10] == ["0.200", "0.500", *["0.960"] * 3, *["2.0"] * 3]
    assert lane.split()[10:] == ["100", "100", "2"]
    assert len(head) == len(lane)


def test_goals_say_met_or_missed_and_by_how_much():
    rows = {
        "lane 0": [scores(0.4, 0.39, *[0.7] * 20)],
        "lane 1": [scores(0.4, 0.5, *[0.85] * 20, outside=3)],
        "random walker": [scores(0.0, 0.5, *[0.8] * 4)],
    }
    lines = interactive_table.goals({("polyps", "weakened"): rows, ("hippocampus", "bundled"): {}})
    verdicts = {line[19:].split(": ", 1)[-1].strip(): line[:18].strip() for line in lines}
    assert verdicts["lane 0 lowers nothing at 1 click"] == "MISSED, by 0.010"
    assert verdicts["lane 1 at least lane 0 at 3, 5, 10 clicks (least at 3)"] == "met, by 0.150"
    assert verdicts["lane 0 at least random walker at 3, 5 clicks (least at 3)"].startswith(
        "MISSED"
    )
    assert verdicts["lane 1 at least random walker at 3, 5 clicks (least at 3)"] == "met, by 0.050"
    failed = next(v for words, v in verdicts.items() if "0.850" in words)
    assert failed == "MISSED, by 0.050"
    assert lines[-1].startswith("MISSED, by 3 voxels")


def test_cells_that_are_done_are_not_run_again(monkeypatch, tmp_path):
    made = []

    class Bench:
        segmenter = SimpleNamespace(card=SimpleNamespace(spatial_dims=2))

        def __init__(self, name, model, tuning):
            made.append((name, model))

        def cell(self, row):
            return [scores(0.1, 0.96)]

    monkeypatch.setattr(interactive, "Bench", Bench)
    rows = ["lane 0", "random walker", "0+1, noisy"]
    for _ in range(2):
        interactive.run_cells(tmp_path, ["lesions"], interactive.MODELS, rows, False)
    assert made == [("lesions", "bundled"), ("lesions", "weakened")]
    done = {
        model: interactive.read_cells(tmp_path, "lesions", model) for model in interactive.MODELS
    }
    assert list(done["bundled"]) == ["lane 0", "random walker"]
    assert list(done["weakened"]) == rows  # the walker needs no model: its cell is shared
    assert len(list(tmp_path.iterdir())) == 4
    assert json.loads(next(tmp_path.glob("*walker*")).read_text())[0]["dice"] == [0.1, 0.96]


def test_judged_images_and_those_for_tuning_are_different_ones():
    files = [SimpleNamespace(name=f"val_{n}") for n in (4, 7)] + [SimpleNamespace(name="train_4")]
    assert [n for n, _ in interactive_cases.held_out_polyps(files)] == [4, 7]
    assert interactive_cases.held_out_hippocampi(list("abcdefghijk")) == [
        (0, "a"),
        (1, "f"),
        (2, "k"),
    ]


def test_without_data_it_says_so(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(interactive, "DATA", tmp_path / "none")
    interactive.main()
    assert "skipped: there is no data" in capsys.readouterr().out
