"""The list of architectures, which needs no torch."""

from __future__ import annotations

import subprocess
import sys

import pytest

from napari_medseg.networks import architectures, create_network
from napari_medseg.networks.config import NetConfig
from napari_medseg.networks.registry import PRESETS


def test_architectures_are_listed_without_torch():
    code = (
        "import sys; from napari_medseg.networks import architectures; architectures(); "
        "print('torch' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


@pytest.mark.parametrize("name", list(architectures()))
def test_every_architecture_has_every_preset_in_all_its_dimensions(name):
    architecture = architectures()[name]
    assert architecture.name == name
    assert set(architecture.presets) == {
        (preset, dims) for preset in PRESETS for dims in architecture.spatial_dims
    }
    for preset, dims in architecture.presets:
        config = architecture.preset(preset, spatial_dims=dims)
        assert config.spatial_dims == dims


@pytest.mark.parametrize("name", list(architectures()))
def test_every_architecture_says_where_it_comes_from(name):
    architecture = architectures()[name]
    assert architecture.paper.startswith("https://")
    assert architecture.code_licence


def test_a_network_is_made_from_a_preset_and_fields():
    network = create_network("lgmsnet", preset="small", spatial_dims=3, num_classes=4)
    assert (network.config.spatial_dims, network.config.num_classes) == (3, 4)


def test_a_field_given_wins_over_the_preset():
    network = create_network("lgmsnet", preset="base", widths=(4, 4, 4, 4, 4))
    assert network.config.widths == (4, 4, 4, 4, 4)


def test_an_unknown_architecture_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match=r"no architecture 'unet'; there are .*lgmsnet"):
        create_network("unet")


def test_a_slip_in_the_name_is_answered_with_the_name():
    with pytest.raises(ValueError, match=r"'GLAD-Net' \(did you mean gladnet\?\); there are"):
        create_network("GLAD-Net")
    with pytest.raises(ValueError, match=r"'larger' for 2D \(did you mean large\?\); it has"):
        create_network("lgmsnet", preset="larger")


def test_an_unknown_preset_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match=r"no preset 'huge' for 2D; it has small \(2D\)"):
        create_network("lgmsnet", preset="huge")


def test_an_unknown_field_is_refused_as_a_wrong_value_is():
    with pytest.raises(ValueError, match="has no field colour"):
        create_network("lgmsnet", colour="red")


def test_the_config_of_another_network_is_refused():
    with pytest.raises(ValueError, match="configured by LGMSNetConfig, got NetConfig"):
        architectures()["lgmsnet"].build(NetConfig())
