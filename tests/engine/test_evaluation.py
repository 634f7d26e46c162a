"""An evaluation in memory: statistics, order of the worst, remarks, and its files."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from napari_medseg.engine.evaluate import evaluate_volumes
from napari_medseg.engine.evaluation import Evaluation
from napari_medseg.engine.evaluation_html import CASES_SHOWN, page
from napari_medseg.engine.evaluation_statistics import CASES_FOR_INTERVAL, summarise
from napari_medseg.engine.evaluation_svg import box_plot
from napari_medseg.engine.lesions import LesionRule
from napari_medseg.engine.metric_table import METRICS
from napari_medseg.engine.metrics import dice
from napari_medseg.io.classes import ClassName
from napari_medseg.progress import Cancelled, Step
from napari_medseg.volume import Storage, Volume

NASTY = 'tumour <script>alert("x")</script> & co'


def masks(seed: int, shape=(5, 14, 13)) -> tuple[np.ndarray, np.ndarray]:
    """Two label images with classes 1 and 2 that agree in part."""
    from scipy import ndimage

    random = np.random.default_rng(seed)
    grey, noise = (ndimage.gaussian_filter(random.standard_normal(shape), 1.5) for _ in range(2))
    grey, noise = grey / grey.std(), noise / noise.std()
    truth = np.digitize(grey, [0.5, 1.4]).astype(np.uint8)
    return np.digitize(grey + 0.1 * seed * noise, [0.5, 1.4]).astype(np.uint8), truth


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    """Seven cases, getting worse; the last one misses class 2 altogether."""
    cases = []
    for seed in range(7):
        prediction, truth = masks(seed)
        if seed == 6:
            prediction[prediction == 2] = 0
        one = evaluate_volumes(
            prediction,
            truth,
            spacing=(3.0, 1.0, 0.5),
            classes={1: "liver", 2: NASTY},
            lesions=LesionRule(),
            name=f"case {seed}",
        )
        files = {
            "prediction": Path(f"/home/someone/out/{seed}.nii"),
            "truth": Path("/secret/t.nii"),
        }
        cases += [replace(case, **files) for case in one.cases]
    return replace(one, cases=tuple(cases), compared=("out", "labelsTr"), missing=("case 9",))


def test_arrays_and_volumes_score_alike():
    prediction, truth = masks(3)
    spacing = (3.0, 1.0, 0.5)
    arrays = evaluate_volumes(prediction, truth, spacing=spacing, tolerance=0.5)
    volumes = evaluate_volumes(
        Volume(prediction[None], spacing), Volume(truth[None], spacing), tolerance=0.5
    )
    assert [c.scores for c in arrays.cases] == [c.scores for c in volumes.cases]
    assert arrays.mean("dice", 1) == dice(prediction, truth, 1)
    assert {c.unit for c in arrays.cases} == {"mm"}
    assert evaluate_volumes(prediction, truth).unit == "px"
    assert arrays.cases[0].prediction is None


def test_names_of_classes_come_from_the_labels_themselves():
    prediction, truth = masks(3)
    storage = Storage((0, 1, 2), (False,) * 3, header={"classes": [ClassName(1, "liver", "")]})
    named = Volume(truth[None], (1.0, 1.0, 1.0), storage=storage, name="truth")
    result = evaluate_volumes(Volume(prediction[None], (1.0, 1.0, 1.0), name="mine"), named)
    assert result.classes == {1: "liver", 2: "class 2"}
    assert result.unknown == (2,)
    assert any("do not name" in line or "does not name" in line for line in result.remarks())
    assert result.compared == ("mine", "truth")
    assert result.names() == ["mine"]


def test_labels_on_another_grid_are_put_there_only_when_asked():
    prediction, truth = masks(0)
    spacing = (3.0, 1.0, 0.5)
    there = Volume(truth[None], spacing)
    affine = there.affine.copy()
    affine[:3, 3] = (affine @ [0, 2, 0, 1])[:3]
    cropped = Volume(prediction[None, :, 2:], spacing, affine)
    with pytest.raises(ValueError, match="--resample"):
        evaluate_volumes(cropped, there)
    result = evaluate_volumes(cropped, there, resample=True, name="a")
    assert result.resampled == ("a",)
    filled = prediction.copy()
    filled[:, :2] = 0
    assert result.cases[0].scores.counts == evaluate_volumes(filled, truth).cases[0].scores.counts
    assert any("another grid" in line for line in result.remarks())


def test_cancel_stops_between_two_classes():
    steps = []

    def stop_before_the_second(step):
        steps.append(step)
        if step.done == 1:
            raise Cancelled

    with pytest.raises(Cancelled):
        evaluate_volumes(*masks(3), report=stop_before_the_second)
    assert steps[-1] == Step(1, 2, "class")


def test_a_value_only_one_side_has_is_said():
    prediction, truth = masks(0)
    prediction[prediction == 2] = 5
    remarks = " ".join(evaluate_volumes(prediction, truth).remarks())
    assert "class 5: only predictions have the value 5" in remarks
    assert "class 2: only truths have the value 2" in remarks
    some = evaluate_volumes(prediction, truth, classes=[1])
    assert some.unscored == (2, 5)
    assert any("not asked for" in line for line in some.remarks())


def test_the_worst_case_is_first_whichever_way_is_better(evaluation):
    for name, metric in METRICS.items():
        found = [case.number(name) for case in evaluation.worst(name, 1)]
        expected = sorted(found, reverse=not metric.higher_is_better)
        if metric.higher_is_better is None:
            expected = sorted(found, key=lambda number: -abs(number))
        assert found == expected
    assert evaluation.worst("dice")[0].case == "case 6"
    assert evaluation.worst("hd95", 2)[0].case == "case 6"
    assert [c.case for c in evaluation.worst("lesion_dice", 2)].count("case 6") == 0


def test_a_summary_is_what_numpy_says_of_the_numbers(evaluation):
    numbers = np.array(evaluation.numbers("hd95", 1))
    summary = evaluation.summary("hd95", 1)
    assert (summary.count, summary.left_out) == (7, 0)
    assert summary.mean == pytest.approx(numbers.mean())
    assert (summary.least, summary.most) == (numbers.min(), numbers.max())
    assert (summary.lower, summary.median, summary.upper) == pytest.approx(
        tuple(np.quantile(numbers, [0.25, 0.5, 0.75]))
    )
    undefined = evaluation.summary("lesion_dice", 2)
    assert (undefined.count, undefined.left_out) == (6, 1)
    assert evaluation.mean("dice") == pytest.approx(
        (evaluation.mean("dice", 1) + evaluation.mean("dice", 2)) / 2
    )


def test_an_interval_holds_the_mean_narrows_with_cases_and_needs_six():
    numbers = np.random.default_rng(1).normal(0.8, 0.1, 60)
    few, many = summarise(numbers[:10]).interval, summarise(numbers).interval
    for (low, high), part in ((few, numbers[:10]), (many, numbers)):
        assert low < part.mean() < high
        # of a mean of normal numbers it is about 1.96 standard errors
        assert high - low == pytest.approx(2 * 1.96 * part.std() / len(part) ** 0.5, rel=0.15)
    assert many[1] - many[0] < few[1] - few[0]
    assert summarise(numbers).interval == many
    assert summarise(numbers[: CASES_FOR_INTERVAL - 1]).interval is None
    assert summarise([0.5] * 6).interval == pytest.approx((0.5, 0.5))


def test_nothing_known_summarises_to_nothing():
    summary = summarise([float("nan")] * 3)
    assert (summary.count, summary.left_out, summary.interval) == (0, 3, None)
    assert np.isnan(summary.mean)


def test_pooled_is_the_score_of_all_cases_as_one_image(evaluation):
    pairs = [masks(seed) for seed in range(7)]
    pairs[6][0][pairs[6][0] == 2] = 0
    together = [np.concatenate(side) for side in zip(*pairs, strict=True)]
    whole = evaluate_volumes(*together, spacing=(3.0, 1.0, 0.5)).cases
    for value in (1, 2):
        for name, metric in METRICS.items():
            if metric.pools and not metric.lesion:
                expected = whole[value - 1].number(name)
                assert evaluation.pooled(name, value) == pytest.approx(expected)
        found = sum(evaluation.numbers("lesions_found", value))
        assert evaluation.pooled("lesions_found", value) == found
        assert evaluation.pooled("hd95", value) is None


def test_json_holds_everything_but_paths(evaluation, tmp_path):
    evaluation.write_json(tmp_path / "scores.json")
    text = (tmp_path / "scores.json").read_text(encoding="utf-8")
    assert "secret" not in text
    assert "someone" not in text
    again = Evaluation.from_json(tmp_path / "scores.json")
    assert again.cases[0].prediction == Path("0.nii")
    assert again == evaluation.without_paths()
    content = json.loads(text)
    assert content["schema"] == 1
    assert content["summaries"]["1"]["dice"]["mean"] == evaluation.mean("dice", 1)
    assert content["summaries"]["2"]["lesion_dice"]["left_out"] == 1
    assert set(content["metrics"]) == set(METRICS)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "no evaluation"),
        ("[]", "no evaluation"),
        ('{"format": "something else"}', "no evaluation"),
        ('{"format": "napari-medseg evaluation", "schema": 99, "version": "9"}', "newer"),
    ],
)
def test_other_json_files_are_refused(text, words, tmp_path):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ValueError, match=words):
        Evaluation.from_json(tmp_path / "a.json")


def test_a_file_that_is_no_text_is_refused_in_a_sentence(tmp_path):
    (tmp_path / "a.json").write_bytes(b"\x1f\x8b\x08\xff\xfe")
    with pytest.raises(ValueError, match=r"a\.json is no evaluation"):
        Evaluation.from_json(tmp_path / "a.json")


class Page(HTMLParser):
    """Checks that tags nest, and gathers what they say."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.text: list[str] = []
        self.rows: list[list[str]] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in ("meta", "br"):
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data


def test_the_page_is_whole_and_holds_the_numbers_and_definitions(evaluation, tmp_path):
    evaluation.write_html(tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    found = Page()
    found.feed(text)
    found.close()
    assert found.open == []
    said = " ".join(found.text)
    for metric in evaluation.metrics:
        assert metric.definition in said or metric.definition[1:] in said
    for row, case in zip(found.rows[-14:], evaluation.worst("dice"), strict=True):
        shown = [metric.shown(case.number(metric.name)) for metric in evaluation.metrics]
        assert row[0] == case.case
        assert row[2:] == shown
    assert METRICS["dice"].shown(evaluation.mean("dice", 1)) in said
    assert found.tags.count("svg") == 8
    assert "bootstrap" in said
    assert "case 9" in said
    assert evaluation.version in said


def test_the_page_loads_nothing_runs_nothing_and_names_no_folder(evaluation):
    text = page(evaluation)
    assert "default-src 'none'" in text
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert not re.search(r"\b(src|href)=|url\(|@import|<img|<link", text)
    assert set(re.findall(r"https?://[^\s\"']+", text)) == {"http://www.w3.org/2000/svg"}
    assert "secret" not in text
    assert "someone" not in text


def test_many_cases_are_cut_and_it_is_said(evaluation):
    more = tuple(
        replace(case, case=f"{case.case}.{n}")
        for n in range(CASES_SHOWN // 14 + 1)
        for case in evaluation.cases
    )
    text = page(replace(evaluation, cases=more))
    assert f"the {CASES_SHOWN} worst of {len(more)}" in text
    assert text.count('<th scope="row">') == CASES_SHOWN


def test_a_box_plot_has_a_point_per_case_where_its_number_is(evaluation):
    plot = box_plot(evaluation, METRICS["dice"])
    found = re.findall(r'cx="([\d.]+)".*?<title>(.*?)</title>', plot)
    assert len(found) == 14
    places = {title: float(x) for x, title in found}
    best = next(c for c in evaluation.of_class(1) if c.case == "case 0")
    assert best.number("dice") == 1
    assert places["case 0: 1.0000"] == max(places.values())
    assert places["case 6: 0.0000"] == min(places.values())
    nothing = box_plot(evaluation, METRICS["lesion_dice"])
    assert nothing.count("<circle") == 13


@pytest.mark.parametrize("metric", ["hd95", "volume_difference", "lesions_found"])
def test_axes_reach_over_all_numbers(evaluation, metric):
    plot = box_plot(evaluation, METRICS[metric])
    xs = [float(x) for x in re.findall(r'cx="([\d.-]+)"', plot)]
    assert min(xs) >= 150
    assert max(xs) <= 546


def test_numbers_are_shown_with_the_digits_they_mean():
    shown = {name: METRICS[name].shown for name in METRICS}
    assert shown["dice"](0.91234) == "0.9123"
    assert shown["hd95"](5.6604) == "5.66"
    assert shown["volume_difference"](-34995.0) == "-34995"
    assert shown["volume_difference"](1.25) == "+1.25"
    assert shown["lesions_found"](3.0) == "3"
    assert shown["lesion_dice"](float("nan")) == "–"
    assert METRICS["volume_difference"].heading("mm", 2) == "volume difference mm²"
    assert METRICS["hd95"].heading("px") == "HD95 px"
    assert METRICS["dice"].span(0.871, 0.9) == "0.87…0.90"


@pytest.mark.parametrize("kind", ["csv", "json", "html"])
def test_a_disk_that_fills_in_the_middle_of_a_report_leaves_the_earlier_one(
    evaluation, tmp_path, kind
):
    resource = pytest.importorskip("resource")
    path = tmp_path / f"report.{kind}"
    write = getattr(evaluation, f"write_{kind}")
    write(path)
    before, limits = path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300, limits[1]))  # bytes of a file
    try:
        with pytest.raises(OSError, match=f"^cannot write {path}: the file would be larger than"):
            write(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
