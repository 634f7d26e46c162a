"""`Keeper`: follows one Labels layer and has everything a person does to it written down."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

import numpy as np
from napari.layers import Labels
from psygnal import Signal
from qtpy.QtCore import QObject
from qtpy.QtCore import Signal as QtSignal

from napari_medseg.edits import Marks
from napari_medseg.journal import (
    Identity,
    Outstanding,
    Record,
    Written,
    classes_record,
    marks_record,
    note_record,
    step_record,
)
from napari_medseg.packed import Box
from napari_medseg.widgets.classes.stored import class_signals
from napari_medseg.widgets.keeping.class_changes import class_state
from napari_medseg.widgets.keeping.ledger import Ledger
from napari_medseg.widgets.keeping.origins import identity_of, key_of
from napari_medseg.widgets.keeping.scribe import scribe
from napari_medseg.widgets.layers import Happened, Step, catch_up, follow_steps
from napari_medseg.widgets.notices import show_failure
from napari_medseg.widgets.painted import painted_of
from napari_medseg.widgets.volumes import KEY

if TYPE_CHECKING:
    from napari.viewer import Viewer

_BEGINNING = 1.0  # seconds it waits at most, once, if one paints right after labels were opened
_PATIENCE = 0.1  # seconds the window waits at most for the step before; it hardly ever has to


@dataclass(eq=False)
class Copy:
    """The labels as they are being saved, and what a person did since they were copied.

    Parameters
    ----------
    labels : ndarray
        A copy.
    marks : mapping
        What was reviewed and changed then.
    records, outstanding
        What was done since.
    """

    labels: np.ndarray
    marks: Marks
    records: list[Record] = field(default_factory=list)
    outstanding: Outstanding = field(default_factory=Outstanding)


class _Voice(QObject):
    """Brings what the scribe's thread has to say to the window's."""

    failed = QtSignal(object)
    whole_wanted = QtSignal()


class Keeper:
    """Keeps what a person does to one Labels layer, until it is saved.

    Emits ``changed()`` when something is done or saved, and ``noted(name, content)``.

    Parameters
    ----------
    layer : Labels
        With a plain array.
    viewer : Viewer
        Where it is.
    """

    changed = Signal()
    noted = Signal(str, object)

    def __init__(self, layer: Labels, viewer: Viewer) -> None:
        self._layer, self._viewer = ref(layer), ref(viewer)
        self.outstanding = Outstanding()
        self._painted = painted_of(layer)  # it hears of every step before this does
        self._voice = _Voice()
        self._voice.failed.connect(_say_unkept)
        self._voice.whole_wanted.connect(self._restart)
        self._ledger = Ledger(self._voice.failed.emit, self._voice.whole_wanted.emit)
        self._copies: list[Copy] = []
        self._known: WeakKeyDictionary[Step, tuple[int, list[Box]]] = WeakKeyDictionary()
        self._count = self._last = 0
        self._identity: Identity | None = None
        self._begun: int | None = None
        self._labels_key = key_of(layer)
        self._classes = class_state(layer)
        self._begin()
        self._ends: list[Callable[[], Any]] = [follow_steps(layer, self._follow)]
        for signal, method in (
            (self._painted.confirmed, self._on_confirmed),
            (class_signals(layer).changed, self._on_classes),
            (layer.events.data, self._on_data),
        ):
            signal.connect(method)
            self._ends.append(partial(signal.disconnect, method))

    @property
    def layer(self) -> Labels:
        """The layer."""
        layer = self._layer()
        assert layer is not None  # it holds this
        return layer

    @property
    def is_unsaved(self) -> bool:
        """Whether the layer holds steps that are on disk in a journal only."""
        catch_up(self.layer)
        return self.outstanding.in_labels

    def note(self, name: str, content: Any) -> None:
        """Keep something else with the labels, as JSON: prompts, the places to review."""
        self.layer.metadata[KEY] = {**self.layer.metadata.get(KEY, {}), name: content}
        self._write_other(note_record(name, content))
        self.noted.emit(name, content)

    def copy(self) -> Copy:
        """Return the labels to be saved; `saved` or `not_saved` must follow."""
        catch_up(self.layer)
        one = Copy(np.array(self.layer.data), self._painted.marks())
        self._copies.append(one)
        return one

    def saved(self, copy: Copy) -> None:
        """Note that a copy is on disk, in a file of its own: the journal begins anew."""
        self.not_saved(copy)
        self.outstanding, self._begun = copy.outstanding, None
        self._identity = None  # the labels have another file now
        arguments = copy.labels, copy.marks, copy.records, self._identified()
        scribe().submit(partial(self._ledger.saved, *arguments))
        self.changed.emit()

    def not_saved(self, copy: Copy) -> None:
        """Note that nothing came of a copy."""
        if copy in self._copies:
            self._copies.remove(copy)

    def when_written(self, call: Callable[[], Any]) -> None:
        """Call `call`, in another thread, once all that was done is on disk; not if it cannot."""
        scribe().submit(partial(_call_when_written, self._ledger, call))

    def forget(self) -> None:
        """Delete the journal: the person does not want what was not saved."""
        self.outstanding = Outstanding()
        scribe().submit(self._ledger.forget)
        self.changed.emit()

    def close(self) -> None:
        """End; what was not saved is offered when the image is opened again."""
        for end in self._ends:
            end()
        self._ends.clear()
        scribe().submit(self._ledger.close if self.outstanding else self._ledger.forget)

    def _follow(self, happened: Happened, step: Step) -> None:
        layer, painted = self.layer, self._painted
        if step not in self._known:
            self._count += 1
            self._known[step] = self._count, [piece.box for piece in step.pieces()]
        number, boxes = self._known[step]
        if self._begun is not None:
            self._finish_beginning(happened, step)
        by_person = step.by_person
        # what was painted is there when this is called, be it done, undone or redone
        writes = [Written(b, np.array(layer.data[b]), painted.marks(b)) for b in boxes]
        for outstanding in (self.outstanding, *(copy.outstanding for copy in self._copies)):
            outstanding.note(number, happened, by_person)
        self._write([step_record(number, happened, step.name, writes, by_person=by_person)])

    def _begin(self) -> None:
        """Have the labels read as they are now, while a person may already paint."""
        labels, marks = self.layer.data, self._painted.marks()
        self._begun = scribe().submit(partial(self._ledger.begin, labels, marks))

    def _finish_beginning(self, happened: Happened, step: Step) -> None:
        """Wait until the labels were read, and take out what the first step wrote meanwhile."""
        number, self._begun = self._begun, None
        scribe().wait(number or 0, _BEGINNING)
        if happened == "done":
            data = self.layer.data
            arguments = step.pieces(), data.shape, data.dtype
            scribe().submit(partial(self._ledger.correct, *arguments))

    def _on_confirmed(self, box: Box) -> None:
        for outstanding in (self.outstanding, *(copy.outstanding for copy in self._copies)):
            outstanding.confirmed += 1
        self._write([marks_record(box, self._painted.marks(box))])

    def _on_classes(self) -> None:
        before, self._classes = self._classes, class_state(self.layer)
        record = classes_record(self.layer.metadata.get(KEY, {}).get("classes", {}))
        if before.changed_by_person(self._classes):
            self._write_other(record)
        elif self.outstanding:
            self._write([record])

    def _write_other(self, record: Record) -> None:
        for outstanding in (self.outstanding, *(copy.outstanding for copy in self._copies)):
            outstanding.others = True
        self._write([record])

    def _on_data(self, _event: object = None) -> None:
        """Begin anew with another array: napari replays its history onto that."""
        layer = self.layer
        self._identity = None
        if not isinstance(layer.data, np.ndarray):
            return
        if self.outstanding:
            self._restart()
        else:
            self._begin()

    def _restart(self) -> None:
        labels, marks = np.array(self.layer.data), self._painted.marks()
        outstanding = Outstanding.from_dict(self.outstanding.to_dict())
        arguments = labels, marks, outstanding, self._identified()
        scribe().submit(partial(self._ledger.restart, *arguments))

    def _write(self, records: Sequence[Record]) -> None:
        for copy in self._copies:
            copy.records += records
        pen = scribe()
        pen.wait(self._last, _PATIENCE)  # so that never more than one step is not yet on disk
        self._last = pen.submit(partial(_append, self._ledger, self._identified(), records))
        self.changed.emit()

    def _identified(self) -> Identity:
        if self._identity is None:
            self._identity = identity_of(self._viewer(), self.layer, self._labels_key)
        return self._identity


def _append(ledger: Ledger, identity: Identity, records: Sequence[Record]) -> None:
    ledger.write(identity, records)
    scribe().before_rest(id(ledger), ledger.sync)


def _call_when_written(ledger: Ledger, call: Callable[[], Any]) -> None:
    if ledger.sync():
        call()


def _say_unkept(error: OSError) -> None:
    show_failure(OSError(f"corrections are not kept safe at the moment, save them soon: {error}"))


_keepers: WeakKeyDictionary[Labels, Keeper] = WeakKeyDictionary()


def keeper_of(layer: Labels) -> Keeper | None:
    """Return what keeps a layer; None if nothing does."""
    return _keepers.get(layer)


def keep(layer: Labels, viewer: Viewer) -> Keeper:
    """Keep what is done to a layer from now on; a second call does nothing."""
    if layer not in _keepers:
        _keepers[layer] = Keeper(layer, viewer)
    return _keepers[layer]


def copy_of(layer: Labels) -> Copy:
    """Return the labels of a layer to be saved, kept or not; `give_up` or a save follows."""
    keeper = keeper_of(layer)
    return Copy(np.array(layer.data), {}) if keeper is None else keeper.copy()


def give_up(layer: Labels, copy: Copy, _error: object = None) -> None:
    """Note that nothing came of a copy, or that it has been taken in."""
    keeper = keeper_of(layer)
    if keeper is not None:
        keeper.not_saved(copy)


def let_go(layer: Labels) -> None:
    """Keep a layer no longer: it left its viewer."""
    keeper = _keepers.pop(layer, None)
    if keeper is not None:
        keeper.close()
