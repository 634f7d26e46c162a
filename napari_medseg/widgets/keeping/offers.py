"""What earlier sittings left unsaved: found when its image is opened, offered, and restored."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import ref

from napari.layers import Image
from qtpy.QtCore import QObject, QTimer, Signal

from napari_medseg.journal import (
    Claim,
    Identity,
    Unsaved,
    claim,
    find_journals,
    journal_directory,
)
from napari_medseg.widgets.keeping.keeper import keep
from napari_medseg.widgets.keeping.origins import file_of, is_kept, key_of
from napari_medseg.widgets.keeping.restoring import restore
from napari_medseg.widgets.keeping.scribe import scribe
from napari_medseg.widgets.notices import show_failure, warn_once
from napari_medseg.widgets.placement import is_map

if TYPE_CHECKING:
    from napari.viewer import Viewer

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Opened:
    """What is open in a viewer, by which journals are found.

    Parameters
    ----------
    folders : frozenset of Path
        Where journals may lie.
    images, labels : frozenset of str
        Keys of contents, and paths.
    """

    folders: frozenset[Path] = frozenset()
    images: frozenset[str] = frozenset()
    labels: frozenset[str] = frozenset()

    def has(self, identity: Identity) -> bool:
        """Whether a journal is of something that is open."""
        if identity.labels_path and identity.labels_path in self.labels:
            return True
        if identity.image_key or identity.image_path:
            return (identity.image_key or identity.image_path) in self.images
        return not identity.labels_path and identity.labels_key in self.labels


@dataclass(frozen=True, eq=False)
class Offer:
    """Work of an earlier sitting that can be restored."""

    claim: Claim
    unsaved: Unsaved  # without its arrays

    def words(self, now: datetime | None = None) -> str:
        """Return what was not saved, as a sentence."""
        unsaved = self.unsaved
        counts = unsaved.outstanding
        parts = []
        if counts.corrections:
            parts.append(_plural(counts.corrections, "correction"))
        if counts.answers:
            parts.append(_plural(counts.answers, "answer") + " of a model")
        what = " and ".join(parts) or "Review marks and class names"
        one = counts.corrections + counts.answers == 1
        of = unsaved.identity.image or unsaved.identity.layer
        when = day_and_time(unsaved.time, now)
        return f"{what} of {of} from {when} {'was' if one else 'were'} not saved."


class Offers(QObject):
    """Looks for unsaved work whenever an image or labels are opened in a viewer.

    Emits ``changed()`` when there is another first offer.
    """

    changed = Signal()

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = ref(viewer)
        self.found: list[Offer] = []
        self._later: set[Path] = set()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._look)

    def look(self, _event: object = None) -> None:
        """Look, as soon as the window has nothing else to do."""
        self._timer.start(0)

    def first(self) -> Offer | None:
        """Return what is offered now."""
        return self.found[0] if self.found else None

    def restore(self) -> None:
        """Bring back what is offered, as one undo step, and offer the next."""
        offer = self._take_first()
        if offer is not None:
            scribe().ask(partial(_read, offer.claim), partial(self._show, offer))

    def discard(self) -> None:
        """Delete what is offered."""
        offer = self._take_first()
        if offer is not None:
            try:
                offer.claim.delete()
            except OSError as error:
                show_failure(error)

    def later(self) -> None:
        """Leave what is offered for the next opening of its image."""
        offer = self._take_first()
        if offer is not None:
            self._later.add(offer.claim.path)
            offer.claim.release()

    def _take_first(self) -> Offer | None:
        offer = self.found.pop(0) if self.found else None
        self.changed.emit()
        return offer

    def _look(self) -> None:
        viewer = self._viewer()
        if viewer is None or not len(viewer.layers):
            return
        known = self._later | {offer.claim.path for offer in self.found}
        scribe().ask(partial(_found, opened(viewer), frozenset(known)), self._take)

    def _take(self, found: list[Offer]) -> None:
        known = {offer.claim.path for offer in self.found}
        self.found += [offer for offer in found if offer.claim.path not in known]
        if found:
            self.changed.emit()

    def _show(self, offer: Offer, unsaved: Unsaved | Exception) -> None:
        viewer = self._viewer()
        try:
            if isinstance(unsaved, Exception):
                raise unsaved
            if viewer is None:
                raise OSError("the window was closed before the work was restored; open it again")
            layer = restore(viewer, unsaved)
        except (ValueError, OSError) as error:
            offer.claim.release()
            show_failure(error)
            return
        keep(layer, viewer).when_written(partial(_delete, offer.claim))


def opened(viewer: Viewer) -> Opened:
    """Return what is open in a viewer."""
    folders, images, labels = {journal_directory()}, set[str](), set[str]()
    for layer in viewer.layers:
        is_image = isinstance(layer, Image) and not is_map(layer)
        if not is_image and not is_kept(layer):
            continue
        path, own = file_of(layer), images if is_image else labels
        own |= {key for key in (path, key_of(layer)) if key}
        if path:
            folders.add(Path(path).parent)
    return Opened(frozenset(folders), frozenset(images), frozenset(labels))


def day_and_time(time: str, now: datetime | None = None) -> str:
    """Return a time people read at a glance: "today 13:05", "3 May 2026 9:12"."""
    now = now or datetime.now().astimezone()
    then = datetime.fromisoformat(time).astimezone(now.tzinfo)
    clock = f"{then:%H:%M}"
    if then.date() == now.date():
        return f"today {clock}"
    if then.date() == (now - timedelta(days=1)).date():
        return f"yesterday {clock}"
    return f"{then.day} {then:%B %Y} {clock}"


def _found(opened: Opened, known: Iterable[Path]) -> list[Offer]:
    """Claim the journals of what is open."""
    offers = []
    for path in find_journals(opened.folders):
        if path not in known:
            try:
                offers += _offer(path, opened)
            except ValueError as error:
                warn_once(f"{error} It lies in {path.parent}.")
            except OSError:  # gone meanwhile, or another one's
                _log.debug("a journal is passed over", exc_info=True)
    return offers


def _offer(path: Path, opened: Opened) -> list[Offer]:
    held = claim(path)
    if held is None:
        return []
    if opened.has(held.identity()):
        unsaved = held.read(arrays=False)
        if unsaved.outstanding:
            return [Offer(held, unsaved)]
        held.delete()
    held.release()
    return []


def _read(held: Claim) -> Unsaved | Exception:
    try:
        return held.read()
    except (ValueError, OSError) as error:
        return error


def _delete(held: Claim) -> None:
    with suppress(OSError):  # it is offered again then
        held.delete()


def _plural(count: int, word: str) -> str:
    return f"{count} {word}{'s' * (count != 1)}"
