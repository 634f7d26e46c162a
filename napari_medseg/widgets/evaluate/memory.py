"""What was compared last, kept among the settings of the plugin."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_medseg.widgets.settings import recall, remember

if TYPE_CHECKING:
    from napari_medseg.widgets.evaluate.layout import EvaluateParts

_SECTION = "evaluate"


@dataclass(frozen=True)
class Choice:
    """What was chosen last.

    Parameters
    ----------
    truth, judged : Path or None
        Files or folders, if they are still there.
    tolerance : float
        mm.
    lesions : bool
        Whether lesions were counted.
    """

    truth: Path | None = None
    judged: Path | None = None
    tolerance: float = 1.0
    lesions: bool = False


def recall_choice() -> Choice:
    """Return what was compared last."""
    kept = recall(_SECTION)
    return Choice(
        truth=_path(kept.get("truth")),
        judged=_path(kept.get("judged")),
        tolerance=float(kept.get("tolerance", Choice.tolerance)),
        lesions=bool(kept.get("lesions", Choice.lesions)),
    )


def remember_choice(parts: EvaluateParts) -> None:
    """Keep what was compared; layers have no name that would be the same next time."""
    kept: dict[str, Any] = {
        "tolerance": parts.tolerance.value(),
        "lesions": parts.lesions.isChecked(),
    }
    for name, field in (("truth", parts.truth), ("judged", parts.judged)):
        if isinstance(field.source, Path):
            kept[name] = str(field.source)
    remember(_SECTION, kept)


def _path(text: object) -> Path | None:
    path = Path(text) if isinstance(text, str) and text else None
    return path if path is not None and path.exists() else None
