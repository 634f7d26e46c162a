"""Grow, shrink, hollow, open and close a class by a radius in mm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from napari_medseg.config import Config
from napari_medseg.editing.ball import Ball
from napari_medseg.editing.checks import check_label, check_labels, spacing_of
from napari_medseg.editing.islands import reshaped
from napari_medseg.editing.tool import OVERWRITE, Scene, Tool
from napari_medseg.progress import Report, silent

SHELLS = ("inward", "outward", "centred")


def grow(
    labels: np.ndarray,
    label: int = 1,
    radius: float = 2.0,
    spacing: Sequence[float] = (),
    *,
    overwrite: bool = False,
    report: Report = silent,
) -> np.ndarray:
    """Grow `label` by `radius` mm on all sides.

    Parameters
    ----------
    labels : ndarray
        ``(*S)`` integers, 2D or 3D.
    label : int
        The class.
    radius : float
        mm; a voxel is taken if its centre lies within it from the centre of one of the class.
    spacing : sequence of float
        mm along each axis; 1 by default.
    overwrite : bool
        Whether other classes are grown over; if not, only the background is.
    report : Report
        Called before each part; may raise `Cancelled`.

    Raises
    ------
    ValueError
        If the labels are no integers in 2D or 3D, or the radius is negative.
    """
    ball = _ball_for(labels, label, radius, spacing)
    return reshaped(labels, label, ball.dilated, ball.reach, overwrite=overwrite, report=report)


def shrink(
    labels: np.ndarray,
    label: int = 1,
    radius: float = 2.0,
    spacing: Sequence[float] = (),
    *,
    report: Report = silent,
) -> np.ndarray:
    """Shrink `label` by `radius` mm on all sides but where the volume cuts it off.

    Parameters and errors are those of `grow`.
    """
    ball = _ball_for(labels, label, radius, spacing)
    return reshaped(labels, label, ball.eroded, ball.reach, report=report)


def hollow(
    labels: np.ndarray,
    label: int = 1,
    thickness: float = 3.0,
    spacing: Sequence[float] = (),
    *,
    shell: str = "inward",
    overwrite: bool = False,
    report: Report = silent,
) -> np.ndarray:
    """Turn `label` into a shell of `thickness` mm: "inward" of its surface, "outward", "centred".

    Parameters and errors are those of `grow`; the inside becomes background.
    """
    if shell not in SHELLS:
        raise ValueError(f"a shell lies {', '.join(SHELLS)}; got {shell!r}, choose one of these")
    outer = {"inward": 0.0, "outward": thickness, "centred": thickness / 2}[shell]
    out = _ball_for(labels, label, outer, spacing)
    into = _ball_for(labels, label, thickness - outer, spacing)
    reach = tuple(map(max, out.reach, into.reach))

    def change(mask: np.ndarray) -> np.ndarray:
        return out.dilated(mask) & ~into.eroded(mask)

    return reshaped(labels, label, change, reach, overwrite=overwrite, report=report)


def opening(
    labels: np.ndarray,
    label: int = 1,
    radius: float = 2.0,
    spacing: Sequence[float] = (),
    *,
    report: Report = silent,
) -> np.ndarray:
    """Remove the parts of `label` into which no ball of `radius` mm fits: spikes, bridges.

    Parameters and errors are those of `grow`.
    """
    ball = _ball_for(labels, label, radius, spacing)
    return reshaped(
        labels,
        label,
        lambda mask: ball.dilated(ball.eroded(mask)),
        [2 * r for r in ball.reach],
        report=report,
    )


def closing(
    labels: np.ndarray,
    label: int = 1,
    radius: float = 2.0,
    spacing: Sequence[float] = (),
    *,
    overwrite: bool = False,
    report: Report = silent,
) -> np.ndarray:
    """Fill the gaps of `label` into which no ball of `radius` mm fits: cracks, dents, small holes.

    Parameters and errors are those of `grow`.
    """
    ball = _ball_for(labels, label, radius, spacing)
    return reshaped(
        labels,
        label,
        lambda mask: ball.eroded(ball.dilated(mask)),
        [2 * r for r in ball.reach],
        overwrite=overwrite,
        report=report,
    )


def _ball_for(labels: np.ndarray, label: int, radius: float, spacing: Sequence[float]) -> Ball:
    check_labels(labels)
    check_label(labels, label)
    return Ball(radius, spacing_of(labels, spacing))


@dataclass(frozen=True, kw_only=True)
class Radius(Config):
    """How far."""

    radius: float = field(
        default=2.0,
        metadata={
            "word": "Radius",
            "unit": "mm",
            "min": 0.0,
            "max": 100.0,
            "tip": "how far, in mm",
        },
    )


@dataclass(frozen=True, kw_only=True)
class RadiusOver(Radius):
    """How far, and over what."""

    overwrite: bool = field(default=False, metadata=OVERWRITE)


@dataclass(frozen=True, kw_only=True)
class Hollow(Config):
    """Where the shell lies and how thick it is."""

    thickness: float = field(
        default=3.0,
        metadata={
            "word": "Thickness",
            "unit": "mm",
            "min": 0.0,
            "max": 100.0,
            "tip": "of the shell",
        },
    )
    shell: str = field(
        default="inward",
        metadata={
            "word": "Shell",
            "choices": SHELLS,
            "tip": "inward keeps the outer surface, outward the inner one",
        },
    )
    overwrite: bool = field(default=False, metadata=OVERWRITE)


def _run_grow(scene: Scene, options: RadiusOver) -> np.ndarray:
    return grow(
        scene.labels,
        scene.label,
        options.radius,
        scene.spacing,
        overwrite=options.overwrite,
        report=scene.report,
    )


def _run_shrink(scene: Scene, options: Radius) -> np.ndarray:
    return shrink(scene.labels, scene.label, options.radius, scene.spacing, report=scene.report)


def _run_opening(scene: Scene, options: Radius) -> np.ndarray:
    return opening(scene.labels, scene.label, options.radius, scene.spacing, report=scene.report)


def _run_closing(scene: Scene, options: RadiusOver) -> np.ndarray:
    return closing(
        scene.labels,
        scene.label,
        options.radius,
        scene.spacing,
        overwrite=options.overwrite,
        report=scene.report,
    )


def _run_hollow(scene: Scene, options: Hollow) -> np.ndarray:
    return hollow(
        scene.labels,
        scene.label,
        options.thickness,
        scene.spacing,
        shell=options.shell,
        overwrite=options.overwrite,
        report=scene.report,
    )


TOOLS = (
    Tool(
        name="grow",
        title="Grow",
        group="grow",
        tip="Make the class larger by the radius on all sides",
        options=RadiusOver,
        run=_run_grow,
        margin_mm=lambda options: options.radius,
        sees="around",
    ),
    Tool(
        name="shrink",
        title="Shrink",
        group="grow",
        tip="Make the class smaller by the radius on all sides",
        options=Radius,
        run=_run_shrink,
        margin_mm=lambda options: options.radius,
        sees="around",
    ),
    Tool(
        name="opening",
        title="Open",
        group="grow",
        tip="Remove spikes and thin bridges: what a ball of the radius does not fit into",
        options=Radius,
        run=_run_opening,
        margin_mm=lambda options: 2 * options.radius,
        sees="around",
    ),
    Tool(
        name="closing",
        title="Close",
        group="grow",
        tip="Fill cracks and dents: gaps that a ball of the radius does not fit into",
        options=RadiusOver,
        run=_run_closing,
        margin_mm=lambda options: 2 * options.radius,
        sees="around",
    ),
    Tool(
        name="hollow",
        title="Hollow",
        group="grow",
        tip="Turn the class into a shell, such as the wall of an organ",
        options=Hollow,
        run=_run_hollow,
        margin_mm=lambda options: options.thickness,
        sees="around",
    ),
)
