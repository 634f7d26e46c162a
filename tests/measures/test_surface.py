"""Surfaces are closed, enclose what they should, and lie where the patient is."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from napari_medseg.measures import surface_area, surface_mesh, write_surface

TILTED = np.array([[0.1, 0, -0.9, 50], [0, -1.2, 0, 20], [2.4, 0, 0.1, -70], [0, 0, 0, 1]])


def ball(radius=12.0, spacing=(1.0, 1.0, 1.0)):
    shape = tuple(int(2 * (radius + 2) / s) for s in spacing)
    axes = np.ogrid[tuple(slice(0, n) for n in shape)]
    return sum(
        ((a - (n - 1) / 2) * s) ** 2 for a, n, s in zip(axes, shape, spacing, strict=True)
    ) <= (radius**2)


@pytest.mark.parametrize("smooth", [0.0, 1.0, 2.5])
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.0, 0.8, 0.8)])
def test_a_ball_has_a_closed_surface_of_its_volume(spacing, smooth):
    mask = ball(spacing=spacing)
    mesh = surface_mesh(mask, spacing, smooth=smooth)
    assert mesh.is_watertight
    assert mesh.is_winding_consistent
    assert mesh.volume == pytest.approx(mask.sum() * np.prod(spacing), rel=0.02)


def test_smoothing_takes_the_steps_away():
    rough, smooth = (surface_mesh(ball(), (1, 1, 1), smooth=s) for s in (0, 1.5))
    true = 4 * np.pi * 12**2
    assert rough.area > 1.06 * true
    assert smooth.area == pytest.approx(true, rel=0.02)
    assert surface_area(ball(), (1, 1, 1)) == pytest.approx(true, rel=0.02)
    assert surface_area(ball(spacing=(2, 1, 1)), (2, 1, 1)) == pytest.approx(true, rel=0.02)


def test_a_body_at_the_border_of_the_volume_is_closed_there():
    mesh = surface_mesh(np.ones((4, 5, 6), bool), (1, 1, 1))
    assert mesh.is_watertight
    assert mesh.bounds == pytest.approx(np.array([[-0.5, -0.5, -0.5], [5.5, 4.5, 3.5]]))


def test_thin_things_survive_smoothing():
    mask = np.zeros((5, 30, 30), bool)
    mask[2, 15, 3:27] = True
    mesh = surface_mesh(mask, (1, 1, 1), smooth=2)
    assert mesh.is_watertight
    assert np.ptp(mesh.bounds[:, 0]) > 15


@pytest.mark.parametrize("affine", [None, TILTED])
def test_it_lies_where_the_affine_says_in_lps_or_ras(affine):
    mask = np.zeros((8, 9, 10), bool)
    mask[2:5, 3:7, 4:6] = True
    middle = np.array([3, 4.5, 4.5, 1])
    matrix = np.diag([0, 0, 0, 1.0]) if affine is None else affine
    if affine is None:
        matrix[2, 0], matrix[1, 1], matrix[0, 2] = 2.5, -1, -1
    expected = (matrix @ middle)[:3]
    ras = surface_mesh(mask, (2.5, 1, 1), affine=affine, system="RAS")
    lps = surface_mesh(mask, (2.5, 1, 1), affine=affine)
    assert ras.center_mass == pytest.approx(expected)
    assert lps.center_mass == pytest.approx(expected * (-1, -1, 1))
    assert ras.volume == pytest.approx(lps.volume)
    assert lps.volume > 0  # its outside is outside, though axes were swapped and mirrored


@pytest.mark.parametrize(("suffix", "kind"), [(".stl", "stl"), (".PLY", "ply")])
def test_files_read_back_and_say_their_axes(tmp_path, suffix, kind):
    mesh = surface_mesh(ball(5.0), (1, 1, 1))
    path = tmp_path / f"liver{suffix}"
    write_surface(path, mesh)
    content = path.read_bytes()
    assert b"SPACE=LPS" in content[:200]
    assert len(list(tmp_path.iterdir())) == 1
    again = trimesh.load_mesh(path, file_type=kind)
    assert again.volume == pytest.approx(mesh.volume, rel=1e-5)
    assert again.bounds == pytest.approx(mesh.bounds, abs=1e-4)
    assert len(again.faces) == len(mesh.faces)
    write_surface(path, mesh, "RAS")
    assert b"SPACE=RAS" in path.read_bytes()[:200]


def test_bad_input_is_said(tmp_path):
    with pytest.raises(ValueError, match="no voxels"):
        surface_mesh(np.zeros((3, 3, 3), bool), (1, 1, 1))
    with pytest.raises(ValueError, match="single slice"):
        surface_mesh(np.ones((3, 3), bool), (1, 1))
    with pytest.raises(ValueError, match="LPS or RAS"):
        surface_mesh(ball(3), (1, 1, 1), system="XYZ")
    with pytest.raises(ValueError, match="0 mm or more"):
        surface_mesh(ball(3), (1, 1, 1), smooth=-1)
    with pytest.raises(ValueError, match=r"\.stl or \.ply"):
        write_surface(tmp_path / "liver.obj", surface_mesh(ball(3), (1, 1, 1)))
    (tmp_path / "file").touch()
    mesh = surface_mesh(ball(3), (1, 1, 1))
    with pytest.raises(OSError, match="cannot write"):
        write_surface(tmp_path / "file" / "a.stl", mesh)
