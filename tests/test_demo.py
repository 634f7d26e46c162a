"""The demo: the whole walk through the real panels."""

from __future__ import annotations

import json

import numpy as np
import pytest

from napari_medseg import demo
from napari_medseg.io import read_labels


@pytest.fixture
def model(tmp_path):
    """A tiny untrained model for the hippocampus sample."""
    from napari_medseg.engine.card import LabelClass, ModelCard, Preprocessing
    from napari_medseg.engine.checkpoint import save_checkpoint
    from napari_medseg.networks import create_network

    network = create_network(
        "lgmsnet", spatial_dims=3, in_channels=1, num_classes=2, widths=(4, 4, 4, 4, 4)
    )
    card = ModelCard(
        name="tiny",
        architecture="lgmsnet",
        config=network.config.to_dict(),
        classes=(LabelClass(value=1, name="hippocampus"),),
        preprocessing=Preprocessing(window=(32, 32, 32)),
    )
    path = tmp_path / "tiny.safetensors"
    save_checkpoint(path, network, card)
    return path


def test_the_demo_leaves_a_picture_labels_and_their_provenance(make_napari_viewer, model, tmp_path):
    out = tmp_path / "demo"
    done = demo.main(out, sample="hippocampus", model=str(model))
    assert done.model == "tiny"
    assert done.screenshot.stat().st_size > 10_000
    assert set(np.unique(read_labels(done.labels).array)) <= {0, 1}
    assert json.loads((out / "hippocampus_labels.json").read_text())["model"] == "tiny"


def test_a_sample_that_is_not_there_is_said():
    with pytest.raises(ValueError, match="no sample 'liver'; choose"):
        demo.main(sample="liver")
