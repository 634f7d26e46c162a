"""DICOM segmentations (SEG) in: frames where they say they are, classes as they are named.

pydicom decodes. The frames are put on slices by their positions alone, as those of images are
(see stack.py), so that a segmentation lies on its image also where the gantry was tilted or the
distances of slices are rounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.io.classes import ClassName, hex_colour
from napari_medseg.io.dicom.headers import Frame, Header, quiet, value_in
from napari_medseg.io.dicom.stack import Stack, picture_of, stacked
from napari_medseg.io.errors import UnusableFile, broken, explained
from napari_medseg.io.orientation import canonical_place
from napari_medseg.volume import Storage, Volume

_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_HALF = 0.5  # from here on a voxel of a segmentation in fractions belongs to the class
_DEFLATED = ("1.2.840.10008.1.2.8.1",)  # deflated frames, newer than pydicom's list
_OUR_VALUE = re.compile(r"class (\d+)")


def read_segmentation(path: Path) -> Volume:
    """Read a DICOM segmentation as labels.

    Parameters
    ----------
    path : Path
        A segmentation in bits, in fractions (from a half on a voxel belongs to the class) or a
        label map.

    Returns
    -------
    Volume
        ``(1, D, H, W)``, or ``(1, H, W)`` for labels of an X-ray; the number of a segment is its
        value. ``storage.header["classes"]`` has the names and colours. Slices without any label,
        which such files leave out, are background as far as the file says that they are there.

    Raises
    ------
    UnusableFile
        If it is damaged, or does not say where it lies.
    OSError
        If it cannot be read.
    """
    from pydicom import dcmread

    with explained(path), quiet():
        seg = dcmread(path, force=True)
        _refuse_form(path, seg)
        if "TotalPixelMatrixOriginSequence" in seg:
            labels, stack = _of_slide(path)
        else:
            labels, stack = _of_frames(path, seg)
        classes = _classes(seg)
    labels = labels[0] if stack.picture else labels
    axes, flips, to_file = canonical_place(stack.affine, labels.shape)
    world = stack.affine @ to_file
    if stack.picture:
        axes, flips, world = (0, 1), (False, False), stack.affine
    storage = Storage(
        axes=axes,
        flips=flips,
        affine=stack.affine,
        path=str(path),
        format="dicom",
        header={"classes": classes},
    )
    spacing = np.linalg.norm(world[:3, :3], axis=0)[-labels.ndim :]
    return Volume(
        array=np.ascontiguousarray(storage.to_canonical(labels))[None],
        spacing=tuple(float(f"{s:.6g}") for s in spacing),
        affine=world,
        spacing_known=stack.known,
        storage=storage,
        name=str(seg.get("SeriesDescription") or path.stem),
        notes=stack.notes,
    )


def _refuse_form(path: Path, seg: Any) -> None:
    """Refuse the forms of pixels that nothing here decodes, of bits at least."""
    from pydicom.uid import UID, ExplicitVRBigEndian, RLELossless

    uid = UID(str(seg.file_meta.get("TransferSyntaxUID", "")))
    bits = int(seg.get("BitsAllocated") or 8) == 1
    if uid in (ExplicitVRBigEndian, *_DEFLATED) or (uid == RLELossless and bits):
        raise UnusableFile(
            f"{path.name} is stored as {uid.name}, in which segmentations cannot be read here; "
            "export it uncompressed (Explicit VR Little Endian)"
        )
    if "PixelData" not in seg:
        raise broken(path, "is cut off: it names its classes and ends before the labels")


def _of_frames(path: Path, seg: Any) -> tuple[np.ndarray, Stack]:
    """Return one label image ``(slices, rows, columns)`` and where it lies."""
    frames = Header(path, seg).frames()
    stack = _placed(path, seg, frames)
    if seg.get("SegmentationType") == "LABELMAP":
        return _of_label_map(path, seg, stack), stack
    labels, overlap = _of_masks(path, seg, stack)
    if overlap:
        note = f"classes overlap in {overlap} voxels; the one named later is shown there"
        stack = replace(stack, notes=(*stack.notes, note))
    return labels, stack


def _placed(path: Path, seg: Any, frames: list[Frame]) -> Stack:
    if all(frame.placed for frame in frames):
        return stacked(frames, path.name)
    alone = len(frames) == 1 or len(set(_segments_of_frames(seg, len(frames)))) == len(frames)
    if alone and all(frame.position is None for frame in frames):
        return picture_of(frames)
    raise UnusableFile(
        f"{path.name} does not say where its labels lie in the patient; "
        "export it again, with its places, or as .nii.gz"
    )


def _of_masks(path: Path, seg: Any, stack: Stack) -> tuple[np.ndarray, int]:
    """Put masks, one a class and slice, into one label image; count the voxels of several."""
    values = {int(item.SegmentNumber): _value(item) for item in seg.SegmentSequence}
    numbers = _segments_of_frames(seg, len(stack.slices))
    if not set(numbers) <= set(values):
        raise broken(path, "has labels of a class that it does not name")
    rank = {number: i for i, number in enumerate(values)}  # the one named later is on top
    order = sorted(range(len(numbers)), key=lambda i: rank[numbers[i]])
    labels = np.zeros(
        (stack.count, int(seg.Rows), int(seg.Columns)), np.min_scalar_type(max(values.values()))
    )
    whole = 1.0
    if seg.get("SegmentationType") == "FRACTIONAL":
        whole = float(seg.get("MaximumFractionalValue") or 255)
    overlap = 0
    for i, plane in zip(order, _planes(seg, order), strict=True):
        value, here = values[numbers[i]], labels[stack.slices[i]]
        inside = plane >= _HALF * whole
        overlap += int(np.count_nonzero(inside & (here != 0) & (here != value)))
        here[inside] = value
    return labels, overlap


def _of_label_map(path: Path, seg: Any, stack: Stack) -> np.ndarray:
    """Put slices whose voxels are the numbers of their classes into one label image."""
    values = {int(item.SegmentNumber): _value(item) for item in seg.SegmentSequence}
    table = np.zeros(max(values) + 1, np.min_scalar_type(max(values.values())))
    for number, value in values.items():
        table[number] = value
    labels = np.zeros((stack.count, int(seg.Rows), int(seg.Columns)), table.dtype)
    every = range(len(stack.slices))
    for i, plane in zip(every, _planes(seg, every), strict=True):
        if plane.max() >= len(table):
            raise broken(path, "has labels of a class that it does not name")
        labels[stack.slices[i]] = table[plane]
    return labels


def _planes(seg: Any, order: Sequence[int]) -> Iterator[np.ndarray]:
    """Decode the frames one by one: all at once are several times the memory of the labels."""
    from pydicom.pixels.utils import iter_pixels
    from pydicom.uid import UID

    packed = int(seg.get("BitsAllocated") or 8) == 1
    if not packed or UID(str(seg.file_meta.TransferSyntaxUID)).is_encapsulated:
        yield from iter_pixels(seg, indices=order, raw=True)
        return
    # pydicom takes single frames only where they begin with a byte; few sizes are such
    rows, columns = int(seg.Rows), int(seg.Columns)
    held = np.frombuffer(seg.PixelData, np.uint8)
    if 8 * held.size < len(order) * rows * columns:
        raise broken(Path(seg.filename), "is cut off or damaged: it holds too few pixels")
    for i in order:
        first, rest = divmod(i * rows * columns, 8)
        last = -(-(i + 1) * rows * columns // 8)
        bits = np.unpackbits(held[first:last], bitorder="little")
        yield bits[rest : rest + rows * columns].reshape(rows, columns)


def _segments_of_frames(seg: Any, count: int) -> list[int]:
    shared = (seg.get("SharedFunctionalGroupsSequence") or [None])[0]
    own = seg.get("PerFrameFunctionalGroupsSequence") or [None] * count
    words = "SegmentIdentificationSequence", "ReferencedSegmentNumber"
    return [int(value_in((group, shared), *words)) for group in own]


def _of_slide(path: Path) -> tuple[np.ndarray, Stack]:
    """Read labels of a microscope's picture, which are tiles, by highdicom."""
    import highdicom as hd

    seg = hd.seg.segread(path)
    whole = seg.get_volume(combine_segments=True)
    values = {int(item.SegmentNumber): _value(item) for item in seg.SegmentSequence}
    table = np.arange(max(values) + 1, dtype=np.min_scalar_type(max(values.values())))
    for number, value in values.items():
        table[number] = value
    labels = table[np.asarray(whole.array)]
    affine = _LPS_TO_RAS @ np.asarray(whole.affine)
    return labels, Stack(np.arange(len(labels)), len(labels), affine)


def _value(item: Any) -> int:
    """Return the value of a segment: DICOM numbers them 1, 2, ... without gaps."""
    match = _OUR_VALUE.fullmatch(str(item.get("TrackingID", "")))
    return int(match[1]) if match else int(item.SegmentNumber)


def _classes(seg: Any) -> list[ClassName]:
    found = []
    for item in seg.SegmentSequence:
        colour = item.get("RecommendedDisplayCIELabValue")
        named = ClassName(_value(item), str(item.SegmentLabel), _rgb(colour))
        if named.value != 0:  # the background of label maps
            found.append(named)
    return found


def _rgb(lab: Any) -> str:
    if not lab:
        return ""
    import highdicom as hd

    rgb = hd.color.CIELabColor.from_dicom_value(tuple(lab)).to_rgb(clip=True)
    return hex_colour([part / 255 for part in rgb])
