"""Laws of place: a DICOM slice lies where its position says, whatever its file is called."""

from __future__ import annotations

import itertools

import nibabel as nib
import numpy as np
import pytest

from napari_medseg.io import read_volume, write_labels

SITK = pytest.importorskip("SimpleITK")
ORDERS = [
    (order, signs)
    for order in itertools.permutations(range(3))
    for signs in itertools.product((1, -1), repeat=3)
]
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def ball(shape=(5, 9, 7), at=(3, 2, 5)):
    """Return air with a bright voxel, so that its place can be found again."""
    values = (np.arange(np.prod(shape)).reshape(shape) % 89).astype(np.int16)
    values[at] = 1000
    return values


def brightest_mm(volume):
    at = np.unravel_index(volume.array[0].argmax(), volume.shape)
    return (volume.affine @ [*at, 1])[:3]


def oriented(make_scan, order, signs, turn=None):
    """Return a scan whose slices, rows and columns run along the given axes of the patient."""
    basis = np.eye(3)[list(order)] * np.array(signs)[:, None]
    basis = basis if turn is None else basis @ turn.T
    return make_scan(ball(), rows=basis[2], columns=basis[1], step=basis[0] * 2.5)


def turned(degrees):
    a = np.deg2rad(degrees)
    return np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])


def by_simpleitk(folder):
    """Read a series with ITK's own sorting; return values and the mm (RAS) of the brightest."""
    reader = SITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    image = reader.Execute()
    values = SITK.GetArrayFromImage(image)
    at = np.unravel_index(values.argmax(), values.shape)
    point = image.TransformIndexToPhysicalPoint([int(i) for i in at[::-1]])
    return values, (LPS_TO_RAS @ [*point, 1])[:3]


@pytest.mark.parametrize("turn", [None, turned(17)], ids=["straight", "oblique"])
@pytest.mark.parametrize(("order", "signs"), ORDERS[::5])  # all of them: test_every_format.py
def test_the_ball_is_where_another_library_finds_it(make_scan, write_series, order, signs, turn):
    scan = oriented(make_scan, order, signs, turn)
    folder = write_series(scan, names=[f"{(7 * i) % 5}" for i in range(5)])
    volume = read_volume(folder)
    values, place = by_simpleitk(folder)
    np.testing.assert_allclose(brightest_mm(volume), place, atol=1e-4)
    np.testing.assert_array_equal(np.sort(volume.array, axis=None), np.sort(values, axis=None))
    lps = scan.position(3) + 2 * 0.8 * np.array(scan.columns) + 5 * 0.6 * np.array(scan.rows)
    np.testing.assert_allclose(brightest_mm(volume), lps * [-1, -1, 1], atol=1e-4)


@pytest.mark.parametrize(("order", "signs"), ORDERS[::5])
def test_labels_of_a_series_lie_on_it_for_another_library(
    make_scan, write_series, tmp_path, order, signs
):
    volume = read_volume(write_series(oriented(make_scan, order, signs, turned(-8))))
    labels = (volume.array[0] == 1000).astype(np.uint8)
    write_labels(tmp_path / "labels.nii.gz", labels, like=volume)
    again = nib.load(tmp_path / "labels.nii.gz")
    at = np.argwhere(np.asanyarray(again.dataobj))
    assert len(at) == 1
    np.testing.assert_allclose((again.affine @ [*at[0], 1])[:3], brightest_mm(volume), atol=1e-3)


def test_axes_run_to_superior_posterior_and_left(make_scan, write_series):
    volume = read_volume(write_series(oriented(make_scan, (2, 1, 0), (-1, -1, 1))))
    np.testing.assert_allclose(
        volume.affine[:3, :3] / volume.spacing, [[0, 0, -1], [0, -1, 0], [1, 0, 0]]
    )
    assert volume.spacing == (2.5, 0.8, 0.6)


def test_slices_are_sorted_by_position_and_their_distance_is_not_the_thickness(
    make_scan, write_series
):
    scan = make_scan(ball(), tags={"SliceThickness": "9.0"})
    volume = read_volume(write_series(scan, names=["e", "a", "d", "b", "c"]))
    assert volume.spacing[0] == 2.5
    np.testing.assert_array_equal(volume.storage.to_stored(volume.array[0]), scan.values)
    assert volume.notes == ()


def test_storage_turns_the_volume_back_into_slices_rows_and_columns(make_scan, write_series):
    scan = oriented(make_scan, (0, 2, 1), (-1, 1, -1))
    volume = read_volume(write_series(scan))
    stored = volume.storage.to_stored(volume.array[0])
    forwards = np.array_equal(stored, scan.values)
    assert forwards or np.array_equal(stored, scan.values[::-1])


def test_a_tilted_gantry_is_said_and_every_slice_stays_where_it_is(make_scan, write_series):
    scan = make_scan(ball(), step=(0.0, 0.5, 2.5))
    volume = read_volume(write_series(scan))
    assert "tilted by 11.3°" in volume.notes[0]
    lps = scan.position(3) + np.array([5 * 0.6, 2 * 0.8, 0])
    np.testing.assert_allclose(brightest_mm(volume), lps * [-1, -1, 1], atol=1e-4)


def test_slices_that_are_there_twice_are_used_once_and_said(make_scan, write_series):
    scan = make_scan(ball())
    folder = write_series(scan)
    write_series(
        make_scan(scan.values[1:3], origin=scan.position(1), uid=scan.uid), names=["again", "too"]
    )
    volume = read_volume(folder)
    np.testing.assert_array_equal(volume.storage.to_stored(volume.array[0]), scan.values)
    assert volume.notes == ("2 slices of 'CT' were there twice; one is used",)


def test_two_different_slices_in_one_place_are_refused(make_scan, write_series):
    scan = make_scan(ball())
    folder = write_series(scan)
    write_series(make_scan(scan.values[:1] + 1, uid=scan.uid), names=["other"])
    with pytest.raises(ValueError, match="different slices in one place"):
        read_volume(folder)


@pytest.mark.parametrize(("gone", "said"), [((2,), "lacks 1 slice"), ((1, 2), "lacks 2 slices")])
def test_missing_slices_are_refused_with_where_they_are_missing(
    make_scan, write_series, gone, said
):
    folder = write_series(make_scan(ball()))
    for i in gone:
        (folder / f"IM{i:04d}").unlink()
    with pytest.raises(ValueError, match=f"'CT' {said}: after slice {gone[0]} the next"):
        read_volume(folder)


def test_two_slice_distances_in_one_series_are_refused(make_scan, write_series):
    def later(i):
        return {"ImagePositionPatient": [0, 0, 2 * i if i < 3 else 3 * i]}

    with pytest.raises(ValueError, match="do not lie regularly, from 2 to 5 mm apart"):
        read_volume(write_series(make_scan(ball()), each=later))


def test_two_pixel_sizes_in_one_series_are_refused(make_scan, write_series):
    def coarser(i):
        return {"PixelSpacing": [1 + (i > 2), 1]}

    with pytest.raises(ValueError, match="different pixel sizes"):
        read_volume(write_series(make_scan(ball()), each=coarser))


def test_slices_off_a_straight_line_are_refused(make_scan, write_series):
    def aside(i):
        return {"ImagePositionPatient": [40 if i == 2 else 0, 0, 2 * i]}

    with pytest.raises(ValueError, match="beside a straight line"):
        read_volume(write_series(make_scan(ball()), each=aside))


def test_an_impossible_orientation_is_refused(make_scan, write_series):
    with pytest.raises(ValueError, match="impossible orientation"):
        read_volume(write_series(make_scan(ball(), rows=(1, 0, 0), columns=(1, 0, 0))))


def test_one_slice_is_a_volume_as_thick_as_the_slice(make_scan, write_series):
    volume = read_volume(write_series(make_scan(ball()[:1])))
    assert volume.shape == (1, 9, 7)
    assert volume.spacing == (7.7, 0.8, 0.6)


def test_frames_of_an_enhanced_file_are_sorted_by_position_and_scaled(make_scan, write_enhanced):
    scan = make_scan(ball())
    volume = read_volume(write_enhanced(scan, order=[3, 0, 4, 2, 1]))
    np.testing.assert_array_equal(volume.storage.to_stored(volume.array[0]), 2 * scan.values - 3)
    lps = scan.position(3) + np.array([5 * 0.6, 2 * 0.8, 0])
    np.testing.assert_allclose(brightest_mm(volume), lps * [-1, -1, 1], atol=1e-4)
