import csv
import logging

import numpy as np
import pytest

from napari_medseg.engine.cases import Case
from napari_medseg.engine.checkpoint import load_checkpoint, read_card
from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.engine.training import train
from napari_medseg.engine.training_config import AugmentConfig, TrainingConfig
from napari_medseg.engine.training_plan import fill_in, make_card
from napari_medseg.volume import Volume

TINY = {
    "network": {"widths": (4, 4, 4, 4, 4)},
    "epochs": 2,
    "batch_size": 2,
    "device": "cpu",
    "seed": 7,
}


def scan(seed, unseen=0, slices=(2, 9, 14), name=None):
    """Make a noisy volume with a bright cube, of which three slices were painted."""
    rng = np.random.default_rng(seed)
    truth = np.zeros((18, 34, 36), np.uint8)
    at = rng.integers(4, 16, 2)
    truth[3:15, at[0] : at[0] + 14, at[1] : at[1] + 14] = 2
    image = rng.normal(0, 1, (1, *truth.shape)) + 3 * (truth > 0)
    reviewed = np.zeros(truth.shape, bool)
    reviewed[list(slices)] = True
    labels = np.where(reviewed, truth, unseen).astype(np.uint8)
    volume = Volume(image.astype(np.float32), (1.0, 1.0, 1.0))
    return Case(volume, labels, reviewed=reviewed, name=name or f"scan {seed}"), truth


def weights(path):
    return {k: v.numpy() for k, v in load_checkpoint(path)[0].state_dict().items()}


@pytest.mark.parametrize("slices", [False, True])
def test_a_model_is_trained_on_a_few_painted_slices(tmp_path, slices, caplog):
    caplog.set_level(logging.INFO)
    cases = [scan(i)[0] for i in range(2)]
    settings = {"slices": True, "size": (32, 32)} if slices else {"window": (32, 32, 32)}
    config = TrainingConfig(**{**TINY, "epochs": 1}, **settings, classes=("2=cube",))
    result = train(cases, config, out=tmp_path / "m.safetensors")
    card = read_card(result.checkpoint)
    assert card.spatial_dims == (2 if slices else 3)
    assert [(c.value, c.name) for c in card.classes] == [(2, "cube")]
    assert "1 of 6 labelled slices held out" in caplog.text
    volume = cases[0].volume
    assert Segmenter(*load_checkpoint(result.checkpoint), "cpu").segment(volume).labels.shape == (
        volume.shape
    )


def test_labels_nobody_looked_at_do_not_change_a_bit_of_the_model(tmp_path):
    config = TrainingConfig(**{**TINY, "epochs": 1}, window=(32, 32, 32))
    for name, unseen in (("a", 0), ("b", 9)):
        train([scan(0, unseen)[0]], config, out=tmp_path / f"{name}.safetensors")
    a, b = (weights(tmp_path / f"{name}.safetensors") for name in "ab")
    assert all((a[key] == b[key]).all() for key in a)
    assert [c.value for c in read_card(tmp_path / "b.safetensors").classes] == [2]


def test_a_model_learns_an_easy_thing_from_a_few_slices(tmp_path):
    cases = [scan(i)[0] for i in range(3)]
    config = TrainingConfig(
        **{**TINY, "network": {"widths": (8,) * 5}, "epochs": 4, "batch_size": 6},
        slices=True,
        size=(32, 32),
        windows_per_case=3,
        validate_every=4,
        learning_rate=0.02,
        augment=AugmentConfig(affine=0.0),
    )
    result = train(cases, config, out=tmp_path / "m.safetensors")
    case, truth = scan(9)
    found = Segmenter.load(result.checkpoint, device="cpu").segment(case.volume).labels
    overlap = 2 * ((found == 2) & (truth == 2)).sum() / ((found == 2).sum() + (truth == 2).sum())
    assert overlap > 0.7


def test_the_last_weights_are_kept_where_asked_for(tmp_path):
    cases = [scan(i)[0] for i in range(2)]
    kept, rows = {}, {}
    for keep in ("best", "last"):
        config = TrainingConfig(**TINY, keep=keep, slices=True, size=(32, 32), learning_rate=1e-9)
        result = train(cases, config, out=tmp_path / f"{keep}.safetensors")
        kept[keep] = result.card.scores["validation epoch"]
        with result.log.open() as file:
            rows[keep] = [float(row["dice"]) for row in csv.DictReader(file)]
    assert kept["last"] == len(rows["last"]) == 2
    assert kept["best"] == 1 + rows["best"].index(max(rows["best"]))


def test_cases_without_anything_seen_are_refused_by_name(tmp_path):
    case, _ = scan(0)
    nothing = Case(case.volume, case.labels, reviewed=np.zeros_like(case.reviewed), name="empty")
    with pytest.raises(ValueError, match="nothing of 'empty' was painted"):
        train([case, nothing], TrainingConfig(**TINY), out=tmp_path / "m.safetensors")
    with pytest.raises(ValueError, match="no cases"):
        train([], TrainingConfig(**TINY), out=tmp_path / "m.safetensors")
    assert not list(tmp_path.iterdir())


def test_only_background_seen_is_nothing_to_learn():
    case, _ = scan(0)
    case.labels[:] = 0
    with pytest.raises(ValueError, match="nothing to learn"):
        make_card([case], TrainingConfig(), name="m")


def test_classes_are_those_that_were_seen():
    case, _ = scan(0, unseen=5)
    names = {2: "cube", 5: "elsewhere"}
    assert fill_in(TrainingConfig(), [case], names).classes == ("2=cube",)
    assert [c.value for c in make_card([case], TrainingConfig(), name="m").classes] == [2]


def test_slices_get_a_window_of_their_own_size():
    case, _ = scan(0)
    assert fill_in(TrainingConfig(slices=True), [case]).window == (32, 32)
    assert fill_in(TrainingConfig(), [case]).window == (32, 32, 32)
