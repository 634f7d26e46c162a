"""One line that says what will be compared, before anything is computed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from napari_medseg.engine.evaluation_remarks import listed
from napari_medseg.engine.matching import match
from napari_medseg.io.paths import is_zarr_folder
from napari_medseg.io.placing import grid_relation
from napari_medseg.progress import Report, silent
from napari_medseg.volume import Volume


@dataclass(frozen=True)
class Preflight:
    """What is known before the comparison.

    Parameters
    ----------
    words : str
        In one line.
    more : str
        All of it, for the tooltip.
    why_not : str
        Why it cannot be done; empty if it can.
    """

    words: str
    more: str = ""
    why_not: str = ""


def preflight(
    judged: Volume | Path, truth: Volume | Path, resample: bool, report: Report = silent
) -> Preflight:
    """Look at what will be compared: names and places, no voxels. It may run in a thread.

    Returns
    -------
    Preflight
        What is wrong is said in it, nothing is raised.
    """
    try:
        if isinstance(judged, Path) and isinstance(truth, Path):
            return _files(judged, truth)
        for source in (judged, truth):
            if isinstance(source, Path) and source.is_dir() and not is_zarr_folder(source):
                why = "A folder is compared with a folder; choose a file or two folders"
                return Preflight(why, why_not=why)
        if isinstance(judged, Path) or isinstance(truth, Path):
            return Preflight(f"1 case: {_name(judged)} against {_name(truth)}")
        return _volumes(judged, truth, resample)
    except (ValueError, OSError) as error:
        words = str(error)
        return Preflight(words[:1].upper() + words[1:], why_not=words)


def _files(judged: Path, truth: Path) -> Preflight:
    pairs = match(judged, truth)
    count = len(pairs.matched)
    if count == 1 and judged.is_file() and truth.is_file():
        return Preflight(f"1 case: {judged.name} against {truth.name}")
    words = [f"{count} case matches" if count == 1 else f"{count} cases match"]
    more = [f"{words[0]}: {', '.join(name for name, *_ in pairs.matched[:20])}"]
    for what, names in (
        ("true labels without a partner", pairs.missing),
        ("labels to judge without a partner", pairs.unmatched),
    ):
        if names:
            words.append(f"{len(names)} {what}: {', '.join(names[:3])}{', …' * (len(names) > 3)}")
            more.append(f"{what.capitalize()}, left out: {listed(names, 20)}")
    return Preflight(" · ".join(words), "\n".join(more))


def _volumes(judged: Volume, truth: Volume, resample: bool) -> Preflight:
    pair = f"{_name(judged)} against {_name(truth)}"
    relation = grid_relation(judged, truth)
    if relation.kind == "same":
        return Preflight(f"1 case: {pair}", relation.words)
    words = relation.words.replace("the image", "the true ones")
    if not relation.overlap:
        return Preflight(f"{pair} cannot be compared: {words}", why_not=words)
    if resample:
        return Preflight(f"1 case: {pair}, put onto its grid, as {words}", words)
    return Preflight(
        f"{pair} lie on different grids: {words}",
        "Tick 'Resample' to compare them all the same: each voxel takes the nearest label",
        why_not=f"{words[:1].upper()}{words[1:]}. Tick 'Resample' to compare them all the same",
    )


def _name(labels: Volume | Path) -> str:
    return labels.name
