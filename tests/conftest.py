"""What all tests share: one seed, no models of the user's, tiny models to run."""

from __future__ import annotations

import functools
import gc
import itertools
import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

settings.register_profile("unhurried", settings(), deadline=None)  # machines are busy now and then
settings.load_profile("unhurried")

PARITY = Path(__file__).parent / "networks" / "parity"
PATIENCE = 60_000  # ms that a test waits for what must come; one that passes never waits so long
_NUMBERS = itertools.count()


def pytest_configure(config):
    """Give each of several processes a virtual screen of its own, where there are any.

    One screen has one mouse, one focus and one clipboard, which tests side by side would share. It
    ends with the process, however that ends.
    """
    if not hasattr(config, "workerinput") or shutil.which("Xvfb") is None:
        return
    number = 100 + os.getpid() % 50_000  # no other process takes it at the same moment
    screen = f"Xvfb :{number} -displayfd 1 -screen 0 1920x1200x24 -nolisten tcp"
    ends_with_its_input = f"{screen} & exec >/dev/null; read -r _ <&3; kill $!; wait"
    apart = ["sh", "-c", f"exec 3<&0; {{ {ends_with_its_input}; }} &"]
    end, _held_until_this_process_ends = os.pipe()
    pipes = {"stdin": end, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    told = subprocess.run(apart, check=False, **pipes).stdout
    os.close(end)
    if told:  # else it did not start, and the one there is will do
        os.environ["DISPLAY"] = f":{number}"
        os.environ.pop("WAYLAND_DISPLAY", None)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection():
    """Keep what lives as long as the run out of the garbage collector's sight.

    A whole collection looks at every object of every library and test, which takes longer than
    most tests, and closing a viewer asks for one.
    """
    thresholds = gc.get_threshold()
    gc.set_threshold(0)  # not disable(): dask, imported meanwhile, would go back to that for ever
    try:
        return (yield)
    finally:
        gc.set_threshold(*thresholds)
        gc.collect()
        gc.freeze()


def pytest_collection_modifyitems(items):
    """Put files with windows, which take longest, first: then no process waits for the last one."""
    items.sort(key=lambda item: "widgets" not in item.path.parts)


@pytest.fixture(autouse=True)
def _seeded():
    """Fix every random number; torch only where a test has imported it."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002  # MONAI draws from it
    torch = sys.modules.get("torch")
    if torch is not None:  # manual_seed() notes the whole stack for each GPU not yet in use
        torch.default_generator.manual_seed(0)
        if torch.cuda.is_initialized():
            torch.cuda.manual_seed_all(0)


@pytest.fixture
def qtbot(qtbot):
    """Wait as long as a busy machine may need, unless a test says otherwise."""
    for name in ("waitUntil", "waitSignal", "waitSignals", "waitExposed"):
        setattr(qtbot, name, functools.partial(getattr(qtbot, name), timeout=PATIENCE))
    return qtbot


@pytest.fixture(scope="session", autouse=True)
def _no_models_of_the_user(tmp_path_factory):
    """Look for a user's own models in an empty folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NAPARI_MEDSEG_MODELS", str(tmp_path_factory.mktemp("no-user-models")))
        yield


@pytest.fixture(autouse=True)
def _no_journals_of_the_user(tmp_path_factory, monkeypatch):
    """Keep journals of images that have no folder in one of this test alone, made when needed."""
    folder = tmp_path_factory.getbasetemp() / "journals" / str(next(_NUMBERS))
    monkeypatch.setenv("NAPARI_MEDSEG_JOURNALS", str(folder))


def _save_tiny_model(path, *, spatial_dims, in_channels):
    import torch

    from napari_medseg.engine.card import LabelClass, ModelCard, Preprocessing
    from napari_medseg.engine.checkpoint import save_checkpoint
    from napari_medseg.networks import create_network

    torch.manual_seed(0)
    network = create_network(
        "lgmsnet",
        preset="small",
        spatial_dims=spatial_dims,
        in_channels=in_channels,
        num_classes=2,
        widths=(4, 4, 8, 8, 8),
    )
    card = ModelCard(
        name=path.stem,
        architecture="lgmsnet",
        config=network.config.to_dict(),
        classes=(LabelClass(value=3, name="blob"),),
        preprocessing=Preprocessing(window=(16,) * spatial_dims),
        title="Blobs",
        scores={"Dice": 0.5},
    )
    save_checkpoint(path, network, card)
    return path


@pytest.fixture(scope="session")
def smallest_networks():
    """Return the fields that make a network of each architecture as small as it can be."""
    return {
        "lgmsnet": {"widths": (4, 4, 8, 8, 8)},
        "gladnet": {"width": 8},
        "msa2net": {"width": 32, "stem_width": 8, "depths": (1, 1, 1, 1)},
        "msd_kmamba": {"widths": (8, 8, 8, 8, 8), "depths": (0, 0, 0, 1, 1)},
    }


@pytest.fixture(scope="session")
def small_model(smallest_networks):
    """Make an untrained segmenter: ``small_model(architecture, dims, activation=...)``."""
    from napari_medseg.engine.card import LabelClass, ModelCard, Preprocessing
    from napari_medseg.engine.segmenter import Segmenter
    from napari_medseg.networks import create_network

    def make(architecture="lgmsnet", dims=2, *, activation="softmax", sha256="", **preprocessing):
        import torch

        torch.manual_seed(2)
        classes = (LabelClass(value=1, name="one"), LabelClass(value=4, name="four", order=1))
        network = create_network(
            architecture,
            preset="small",
            spatial_dims=dims,
            in_channels=1,
            num_classes=len(classes) + (activation == "softmax"),
            **smallest_networks.get(architecture, {}),
        )
        card = ModelCard(
            name="small",
            architecture=architecture,
            config=network.config.to_dict(),
            classes=classes,
            activation=activation,
            preprocessing=Preprocessing(**(preprocessing or {"window": (32,) * dims})),
        )
        return Segmenter(network.eval(), card, "cpu", sha256=sha256)

    return make


@pytest.fixture(scope="session")
def tiny_2d(tmp_path_factory):
    """A 2D model of one channel that writes the value 3; its weights are random."""
    path = tmp_path_factory.mktemp("models") / "tiny-2d.safetensors"
    return _save_tiny_model(path, spatial_dims=2, in_channels=1)


@pytest.fixture(scope="session")
def tiny_3d(tmp_path_factory):
    """A 3D model of two channels that writes the value 3; its weights are random."""
    path = tmp_path_factory.mktemp("models") / "tiny-3d.safetensors"
    return _save_tiny_model(path, spatial_dims=3, in_channels=2)


@pytest.fixture(scope="session")
def published_state():
    """Make a small state with the names and shapes of a published one, and random numbers.

    ``published_state(keys, architecture, **config)``: `keys` is a list in tests/networks/parity.
    """

    def make(keys, architecture, **config):
        import torch

        from napari_medseg.networks import architectures, import_weights

        record = architectures()[architecture]
        theirs = json.loads((PARITY / f"{keys}.json").read_text())
        whole = {key: torch.empty(shape, device="meta") for key, shape in theirs.items()}
        names = import_weights.translation_of(architecture, whole).names
        torch.manual_seed(0)
        ours = record.build(record.config(**config)).state_dict()
        state = {}
        for key, shape in theirs.items():
            if names[key] is None:
                state[key] = torch.zeros([1] * len(shape))  # never runs, so of any shape
            elif names[key] in ours:
                tensor = ours[names[key]]
                state[key] = tensor.reshape([*tensor.shape, *[1] * (len(shape) - tensor.ndim)])
        return state

    return make


@pytest.fixture
def tuned_from():
    """Make a fine-tuning with known scores: ``tuned_from(segmenter, cases=[(before, after)])``."""
    from napari_medseg.engine.finetune_choice import choose, sweep_rows
    from napari_medseg.engine.finetune_config import FineTuneConfig
    from napari_medseg.engine.finetune_result import CaseResult, FineTuned
    from napari_medseg.engine.finetune_scores import ClassScore

    config = FineTuneConfig(steps=5)

    def result(card, name, held_out, before, after, unit="mm"):
        def scored(alpha):
            dice = before + alpha * (after - before)
            return tuple(ClassScore(c.value, c.name, dice, 20 * (1 - dice)) for c in card.classes)

        by_alpha = {alpha: scored(alpha) for alpha in config.alphas}
        return CaseResult(name, held_out, by_alpha, 120, 900, "c" * 64, unit)

    def make(segmenter, cases=((0.6, 0.8),) * 3, guards=((0.9, 0.895),), *, held_out=True):
        card = segmenter.card
        learnt = [result(card, f"patient {i}", held_out, *one) for i, one in enumerate(cases)]
        known = [result(card, f"guard {i}", True, *one, unit="px") for i, one in enumerate(guards)]
        swept = ({a: [c.by_alpha[a] for c in group] for a in config.alphas if group}
                 for group in (learnt, known))  # fmt: skip
        rows = sweep_rows(*swept)
        old = {k: v.clone() for k, v in segmenter.network.state_dict().items()}
        return FineTuned(
            card=card,
            old=old,
            # the last layer with its outputs in another order: it finds what it did not find
            new={k: v.roll(1, 0) if k.startswith("head") else v for k, v in old.items()},
            teacher=segmenter,
            alpha=choose(rows, config.forgetting),
            sweep=rows,
            cases=tuple(learnt),
            guards=tuple(known),
            trained="decoder",
            steps=5,
            seconds=90.0,
            curves=(("final", [{"step": 0, "supervised": 1.0}]),),
            notes=("a note for people",),
            config=config,
        )

    return make
