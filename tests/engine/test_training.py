import csv
import itertools
import shutil

import numpy as np
import pytest
import torch

from napari_medseg.engine.cases import Case
from napari_medseg.engine.checkpoint import file_hash, load_checkpoint, read_card
from napari_medseg.engine.objective import objective_of
from napari_medseg.engine.replay import load_replay, replay_path
from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.engine.training import train
from napari_medseg.engine.training_config import AugmentConfig, TrainingConfig
from napari_medseg.engine.training_plan import fill_in, split_cases
from napari_medseg.engine.training_recipes import paper_recipe
from napari_medseg.engine.training_run import Run, learning_rate, trains_mixed
from napari_medseg.io import read_volume, write_image, write_labels
from napari_medseg.networks import architectures
from napari_medseg.progress import Cancelled
from napari_medseg.volume import Volume

TINY = {
    "network": {"widths": (4, 4, 4, 4, 4)},
    "size": (32, 32),
    "epochs": 2,
    "batch_size": 2,
    "device": "cpu",
    "validation": 0.25,
    "seed": 7,
}


def blobs(seed, channels=1):
    """Make a noisy image with a bright square, and its labels."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((36, 40), np.uint8)
    at = rng.integers(4, 18, 2)
    labels[at[0] : at[0] + 14, at[1] : at[1] + 14] = 1
    image = rng.normal(60, 20, (channels, 36, 40)) + 120 * labels
    return Volume(image.clip(0, 255).astype(np.uint8), (1.0, 1.0), spacing_known=False), labels


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photographs")
    for i in range(4):
        volume, labels = blobs(i, channels=3)
        write_image(folder / "images" / f"p{i}.png", volume)
        write_labels(folder / "masks" / f"p{i}.png", labels * 255, like=volume)
    return folder


@pytest.fixture(scope="module")
def trained(photographs, tmp_path_factory):
    """Train once for all who only look at what was left."""
    out = tmp_path_factory.mktemp("trained") / "square.safetensors"
    return train(photographs, TrainingConfig(**TINY, classes=("1=square",)), out=out)


def weights(path):
    return load_checkpoint(path)[0].state_dict()


def equal(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def losses(result):
    with result.log.open() as file:
        return [row["loss"] for row in csv.DictReader(file)]


def stop_at(step_number):
    def report(step):
        if step.unit == "step" and step.done == step_number:
            raise Cancelled

    return report


@pytest.mark.parametrize(
    ("validate_every", "words"),
    [
        (9, r"the loss became \S+ in round \d; lower the learning rate \(1000\)"),
        (1, r"could not be scored after round 1: .*learning rate below 1000 may help"),
    ],
)
def test_a_training_that_diverges_says_what_to_change(photographs, tmp_path, validate_every, words):
    config = TrainingConfig(**{**TINY, "epochs": 9}).replace(
        learning_rate=1000.0, optimiser="sgd", schedule="poly", gradient_clip=0.0
    )
    with pytest.raises(ValueError, match=words):
        train(
            photographs,
            config.replace(validate_every=validate_every),
            out=tmp_path / "m.safetensors",
        )


def test_training_leaves_a_checkpoint_that_segments(trained, photographs):
    card = read_card(trained.checkpoint)
    assert (card.name, card.classes[0].name, card.activation) == ("square", "square", "sigmoid")
    assert card.scores["validation Dice, square"] == pytest.approx(trained.best, abs=1e-4)
    assert card.history[0]["config"]["epochs"] == 2
    assert card.mirrored
    volume = read_volume(photographs / "images" / "p0.png")
    model = Segmenter.load(trained.checkpoint, device="cpu")
    assert model.segment(volume).labels.shape == (36, 40)


def test_the_log_has_a_row_for_every_epoch(trained):
    with trained.log.open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert all(float(row["loss"]) > 0 and 0 <= float(row["dice"]) <= 1 for row in rows)
    assert trained.best == pytest.approx(max(float(row["dice"]) for row in rows))


def test_the_same_seed_gives_the_same_weights_and_another_does_not(photographs, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        config = TrainingConfig(**{**TINY, "epochs": 1, "seed": seed})
        train(photographs, config, out=tmp_path / f"{name}.safetensors")
    a, b, c = (weights(tmp_path / f"{name}.safetensors") for name in "abc")
    assert equal(a, b)
    assert not equal(a, c)


@pytest.mark.parametrize(
    ("interrupted_at", "average"),
    [
        (2, 0.9),
        pytest.param(1, 0.0, marks=pytest.mark.slow),
        pytest.param(2, 0.0, marks=pytest.mark.slow),
    ],
)
def test_a_resumed_run_equals_an_uninterrupted_one(photographs, tmp_path, interrupted_at, average):
    config = TrainingConfig(**{**TINY, "epochs": 3, "validation": 0.5, "average": average})
    whole = train(photographs, config, out=tmp_path / "whole.safetensors")
    out = tmp_path / "parts.safetensors"
    with pytest.raises(Cancelled):
        train(photographs, config, out=out, report=stop_at(interrupted_at))
    parts = train(photographs, config, out=out, resume=True)
    assert equal(weights(whole.checkpoint), weights(parts.checkpoint))
    assert parts.best == whole.best
    assert losses(whole) == losses(parts)


def test_stopping_before_the_first_score_leaves_a_usable_checkpoint(photographs, tmp_path):
    out = tmp_path / "m.safetensors"
    with pytest.raises(Cancelled):
        train(photographs, TrainingConfig(**TINY), out=out, report=stop_at(1))
    volume = read_volume(photographs / "images" / "p0.png")
    assert Segmenter.load(out, device="cpu").segment(volume).labels.shape == volume.shape


def test_resuming_needs_the_same_settings_and_something_to_resume(trained, photographs, tmp_path):
    config = TrainingConfig(**TINY, classes=("1=square",))
    with pytest.raises(ValueError, match="nothing to resume"):
        train(photographs, config, out=tmp_path / "m.safetensors", resume=True)
    out = trained.checkpoint
    before = file_hash(out)
    with pytest.raises(ValueError, match="other data or settings"):
        train(photographs, config.replace(batch_size=1), out=out, resume=True)
    assert file_hash(out) == before


@pytest.mark.parametrize("average", [0.0, 0.75])
def test_the_weights_that_are_kept_are_the_mean_of_the_last_steps(trained, tmp_path, average):
    config = TrainingConfig(**{**TINY, "average": average})
    card = trained.card
    architecture = architectures()[card.architecture]
    network = architecture.build(architecture.config.from_dict(card.config))
    loss = objective_of(card.architecture, config.loss, card.activation)
    device = torch.device("cpu")
    run = Run(network, loss, card, config, tmp_path / "n.safetensors", device, steps=5)
    expected = None
    for _ in range(3):
        run.update(torch.randn(2, 3, 32, 32), torch.zeros(2, 1, 32, 32))
        now = torch.nn.utils.parameters_to_vector(network.parameters()).detach()
        expected = now if expected is None else average * expected + (1 - average) * now
    kept = torch.nn.utils.parameters_to_vector(run.answering.parameters())
    torch.testing.assert_close(kept, expected)


def test_a_run_begun_before_a_setting_existed_is_resumed(photographs, tmp_path):
    out, config = tmp_path / "m.safetensors", TrainingConfig(**TINY)
    with pytest.raises(Cancelled):
        train(photographs, config, out=out, report=stop_at(1))
    path = out.with_suffix(".resume.pt")
    state = torch.load(path, weights_only=True)
    del state["config"]["average"], state["average"]
    torch.save(state, path)
    assert train(photographs, config, out=out, resume=True).epochs == config.epochs


def test_a_training_starts_from_another_model_and_refuses_one_of_another_shape(
    trained, photographs, tmp_path
):
    first = trained
    settings = {**TINY, "start": str(first.checkpoint), "learning_rate": 1e-12, "weight_decay": 0.0}
    second = train(photographs, TrainingConfig(**settings), out=tmp_path / "second.safetensors")
    before, after = weights(first.checkpoint), weights(second.checkpoint)
    learnt = [k for k in before if not k.endswith(("running_mean", "running_var", "tracked"))]
    for key in learnt:
        torch.testing.assert_close(before[key], after[key])
    assert second.card.parent == file_hash(first.checkpoint)
    told = [entry["what"] for entry in second.card.history]
    assert told == ["trained from scratch", "trained on from square"]
    wider = {**settings, "network": {"widths": (4, 4, 4, 4, 8)}}
    with pytest.raises(ValueError, match=r"square\.safetensors holds a lgmsnet with \d+ tensors"):
        train(photographs, TrainingConfig(**wider), out=tmp_path / "third.safetensors")


def test_training_learns_what_is_easy(photographs, tmp_path):
    still = AugmentConfig(affine=0.0, flip=0.5)
    config = TrainingConfig(
        **{**TINY, "network": {"widths": (8,) * 5}, "epochs": 10, "validate_every": 10},
        learning_rate=0.03,
        augment=still,
    )
    assert train(photographs, config, out=tmp_path / "m.safetensors").best > 0.8


def test_case_folders_with_modalities_train_a_3d_model(tmp_path):
    rng = np.random.default_rng(0)
    for i in range(3):
        labels = np.zeros((20, 34, 18), np.uint8)
        labels[4:12, 6:20, 4:9] = 1
        labels[4:12, 6:20, 9:14] = 2
        for name in ("flair", "t1"):
            values = rng.normal(0, 1, (1, *labels.shape)) + labels
            scan = Volume(values.astype(np.float32), (2.0, 1.0, 1.0))
            write_image(tmp_path / "data" / f"case_{i}" / f"{name}.nii.gz", scan)
        write_labels(tmp_path / "data" / f"case_{i}" / "label.nii.gz", labels, like=scan)
    config = TrainingConfig(
        network={"widths": (4, 4, 4, 4, 4)},
        window=(32, 32, 32),
        epochs=1,
        batch_size=1,
        device="cpu",
        schedule="cosine",
        replay=True,
        replay_patches=3,
    )
    result = train(tmp_path / "data", config, out=tmp_path / "m.safetensors")
    assert result.card.preprocessing.channels == ("flair", "t1")
    assert (result.card.activation, result.card.out_channels) == ("softmax", 3)
    replay = load_replay(replay_path(result.checkpoint))
    assert replay.images.shape == (3, 2, 32, 32, 32)
    assert replay.labels.shape == (3, 32, 32, 32)
    assert [labels.shape for _, labels in replay.guards] == [(20, 34, 18)]
    assert replay.model == file_hash(result.checkpoint)


def test_no_patches_of_the_data_are_kept_unless_asked_for(trained):
    assert not replay_path(trained.checkpoint).exists()


def test_a_file_that_is_no_replay_file_is_refused(trained, tmp_path):
    with pytest.raises(ValueError, match="no replay file"):
        load_replay(trained.checkpoint)
    (tmp_path / "text").write_text("hello, I am a text file")
    with pytest.raises(ValueError, match="no replay file or is cut off"):
        load_replay(tmp_path / "text")


KINDS = ((0, 0, 6), (1, 0, 9), (1, 2, 35))  # two label values and how many cases hold them


def labelled(*values):
    volume = Volume(np.zeros((1, 2, 2), np.float32), (1.0, 1.0))
    return Case(volume, np.array([values[:2], values[2:]]))


def test_cases_are_held_out_by_seed_and_never_both():
    cases = [labelled(0, 0, 1, 1) for _ in range(20)]
    config = TrainingConfig(validation=0.1, seed=1)
    learn, held_out = split_cases(cases, config)
    assert len(held_out) == 2
    assert not set(map(id, learn)) & set(map(id, held_out))
    assert len(learn) + len(held_out) == 20
    assert split_cases(cases, config)[1] == held_out
    assert split_cases(cases, config.replace(seed=2))[1] != held_out


@pytest.mark.parametrize("seed", range(5))
def test_every_kind_of_case_gives_its_share(seed):
    empty, one, two = ([labelled(0, v, w, 0) for _ in range(n)] for v, w, n in KINDS)
    config = TrainingConfig(validation=0.2, seed=seed)
    held_out = split_cases(empty + one + two, config)[1]
    assert len(held_out) == 10
    assert [sum(case in held_out for case in kind) for kind in (empty, one, two)] == [1, 2, 7]


def test_one_of_two_unlike_cases_is_learnt_from():
    learn, held_out = split_cases([labelled(0, 0, 0, 0), labelled(1, 1, 1, 1)], TrainingConfig())
    assert len(learn) == len(held_out) == 1


@pytest.mark.parametrize(
    ("shape", "size", "window"),
    [
        ((40, 50), (256, 256), None),
        ((36, 50, 35), None, (32, 64, 32)),
        ((300, 8, 90), None, (96, 32, 96)),
    ],
)
def test_what_the_recipe_leaves_open_the_data_decides(shape, size, window):
    case = Case(
        Volume(np.zeros((1, *shape), np.float32), (1.0,) * len(shape)), np.zeros(shape, int)
    )
    config = fill_in(TrainingConfig(), [case])
    assert (config.size, config.window) == (size, window)
    chosen = TrainingConfig(window=(32,) * len(shape))
    assert fill_in(chosen, [case]) == chosen


def test_the_data_sets_own_names_are_used_unless_others_are_given():
    labels = np.arange(4).reshape(2, 2) * (np.arange(4).reshape(2, 2) < 3)
    case = Case(Volume(np.zeros((1, 2, 2), np.float32), (1.0, 1.0)), labels)
    names = {1: "liver", 2: "spleen", 9: "absent"}
    assert fill_in(TrainingConfig(), [case], names).classes == ("1=liver", "2=spleen")
    assert fill_in(TrainingConfig(classes=("a", "b")), [case], names).classes == ("a", "b")


def test_one_case_is_too_few():
    with pytest.raises(ValueError, match="at least 2"):
        split_cases([object()], TrainingConfig())


def test_only_cases_that_fit_the_pattern_are_used(photographs, tmp_path):
    config = TrainingConfig(**TINY, cases="q*")
    with pytest.raises(ValueError, match="at least 2 labelled cases"):
        train(photographs, config, out=tmp_path / "m.safetensors")


def test_an_older_model_is_kept_unless_told_otherwise(trained, photographs, tmp_path):
    out = shutil.copy(trained.checkpoint, tmp_path / "m.safetensors")
    before = out.read_bytes()
    with pytest.raises(ValueError, match="exists already and is kept"):
        train(photographs, TrainingConfig(**TINY), out=out)
    assert out.read_bytes() == before
    other = TrainingConfig(**{**TINY, "epochs": 1, "seed": 1})
    train(photographs, other, out=out, overwrite=True)
    assert out.read_bytes() != before


def test_the_model_is_written_to_a_safetensors_file(photographs, tmp_path):
    with pytest.raises(ValueError, match=r"model\.pt"):
        train(photographs, TrainingConfig(**TINY), out=tmp_path / "model.pt")


def test_training_leaves_the_callers_random_state_alone(photographs, tmp_path):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    train(photographs, TrainingConfig(**{**TINY, "epochs": 1}), out=tmp_path / "m.safetensors")
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("schedule", ["poly", "cosine", "onecycle"])
def test_the_learning_rate_peaks_at_the_given_one_and_ends_near_zero(schedule):
    config = TrainingConfig(schedule=schedule, learning_rate=0.5, warm_up=0.2)
    rates = [learning_rate(config, s, 100) for s in range(100)]
    assert max(rates) == pytest.approx(0.5, rel=1e-3)
    assert rates.index(max(rates)) == {"poly": 0, "cosine": 19, "onecycle": 20}[schedule]
    assert 0 <= rates[-1] < 0.01
    assert all(a >= b for a, b in itertools.pairwise(rates[20:]))


def test_poly_is_the_papers_formula():
    config = TrainingConfig(schedule="poly", learning_rate=0.01)
    assert learning_rate(config, 30, 120) == pytest.approx(0.01 * (1 - 30 / 120) ** 0.9)


@pytest.mark.parametrize("schedule", ["cosine", "onecycle"])
def test_the_learning_rate_can_end_above_zero(schedule):
    config = TrainingConfig(schedule=schedule, learning_rate=1e-3, lowest_rate=1e-5, warm_up=0)
    rates = [learning_rate(config, s, 10_000) for s in range(10_000)]
    assert rates[-1] == pytest.approx(1e-5, rel=1e-3)
    assert max(rates) == pytest.approx(1e-3, rel=1e-3)


def test_without_warm_up_a_cosine_begins_at_its_top():
    config = TrainingConfig(schedule="cosine", learning_rate=1e-3, warm_up=0.0)
    assert learning_rate(config, 0, 100) == pytest.approx(1e-3)


def test_a_network_without_a_paper_for_these_dimensions_is_refused_with_those_that_have():
    assert paper_recipe("gladnet", 2) == "gladnet-2d"
    assert paper_recipe("lgmsnet", 3) == "lgmsnet-3d"
    with pytest.raises(ValueError, match=r"'gladnet' cannot be trained on 3D.*lgmsnet \(3D\)"):
        paper_recipe("gladnet", 3)
    with pytest.raises(
        ValueError, match=r"'MSA²Net' \(did you mean msa2net\?\); there are lgmsnet"
    ):
        paper_recipe("MSA²Net", 2)


@pytest.mark.parametrize(("axes", "mirrored"), [(None, True), ((-1,), False)])
def test_only_a_model_that_saw_all_mirrors_says_so(photographs, tmp_path, axes, mirrored):
    config = TrainingConfig(**{**TINY, "epochs": 1}, augment=AugmentConfig(flip_axes=axes))
    assert train(photographs, config, out=tmp_path / "m.safetensors").card.mirrored is mirrored


@pytest.mark.parametrize(
    ("precision", "device", "dims", "mixed"),
    [
        ("auto", "cuda", 3, True),
        ("auto", "cpu", 2, False),
        ("mixed", "cpu", 2, True),
        ("mixed", "cpu", 3, False),  # wrong gradients in torch 2.13
        ("mixed", "cuda", 3, True),
        ("float32", "cuda", 2, False),
    ],
)
def test_half_precision_is_used_where_its_gradients_are_right(precision, device, dims, mixed):
    assert trains_mixed(precision, torch.device(device), dims) is mixed


def test_a_recipe_can_be_given_a_name_for_the_model():
    assert TrainingConfig.recipe("cpu-2d", name="lesions").name == "lesions"
