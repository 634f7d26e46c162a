"""The prompts given to labels: those in the layer, those not accepted yet; kept with the layer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from weakref import WeakKeyDictionary, ref

from napari.layers import Labels
from psygnal import Signal, SignalInstance

from napari_medseg.interact.prompts import Prompt
from napari_medseg.widgets.interact.turns import Turn
from napari_medseg.widgets.keeping.prompts import keep_prompts, kept_prompts
from napari_medseg.widgets.layers import Happened, Step, follow_steps, steps
from napari_medseg.widgets.notices import sentence, warn_once

At = tuple[int, ...]
"""Index along the axes before the spatial ones: prompts of one time are not those of another."""


@dataclass(frozen=True, eq=False)
class Accepted:
    """Prompts whose effect lies in the layer.

    Parameters
    ----------
    prompts : tuple of Prompt
        The oldest first.
    turns : tuple of Turn
        How the answers came about; none where they are of an earlier sitting.
    at : tuple of int
        The time they belong to.
    """

    prompts: tuple[Prompt, ...]
    turns: tuple[Turn, ...] = ()
    at: At = ()


class Given:
    """The prompts of one Labels layer.

    Undo of the step that wrote an answer takes its prompts out, redo puts them back in.
    Emits ``changed()`` at anything of this.
    """

    changed = Signal()

    def __init__(self, layer: Labels) -> None:
        self.turns: list[Turn] = []
        self.at: At = ()  # the time of the turns
        self.accepted: list[Accepted] = []
        self._of_step: WeakKeyDictionary[Step, Accepted] = WeakKeyDictionary()
        self._layer = ref(layer)
        self.read_kept(layer)
        self.changed.connect(self._keep)
        follow_steps(layer, self._follow)

    def prompts(self, at: At | None = None) -> tuple[Prompt, ...]:
        """Return the prompts in the layer, the oldest first; of one time only, if it is given."""
        return tuple(
            prompt
            for accepted in self.accepted
            if at is None or accepted.at == at
            for prompt in accepted.prompts
        )

    def pending(self) -> tuple[Prompt, ...]:
        """Return the prompts that are answered and not accepted."""
        return tuple(prompt for turn in self.turns for prompt in turn.prompts)

    def accept(self, layer: Labels, changed: int) -> None:
        """Note that all turns were written into the layer, as its last step if that changed it."""
        turns = tuple(turn.packed() for turn in self.turns)
        accepted = Accepted(self.pending(), turns, self.at)
        self.accepted.append(accepted)
        if changed:
            self._of_step[steps(layer)[-1]] = accepted
        self.turns.clear()
        self.changed.emit()

    def last_step(self, layer: Labels) -> Accepted | None:
        """Return what the layer's last step wrote, if that were answers to prompts."""
        done = steps(layer)
        return self._of_step.get(done[-1]) if done else None

    def is_written(self, accepted: Accepted) -> bool:
        """Whether a step of the layer holds what came of accepted prompts."""
        return any(other is accepted for other in self._of_step.values())

    def drop(self, accepted: Accepted, place: int) -> None:
        """Let go of one of the accepted prompts; what came of it stays."""
        rest = accepted.prompts[:place] + accepted.prompts[place + 1 :]
        index = next(i for i, other in enumerate(self.accepted) if other is accepted)
        self.accepted[index : index + 1] = [Accepted(rest, (), accepted.at)] if rest else []
        for step, other in list(self._of_step.items()):
            if other is accepted:
                del self._of_step[step]
                if rest:
                    self._of_step[step] = self.accepted[index]
        self.changed.emit()

    def read_kept(self, layer: Labels) -> None:
        """Take the prompts that are kept with the layer, of an earlier sitting, for those in it."""
        try:
            kept = kept_prompts(layer)
        except ValueError as error:
            warn_once(f"{layer.name}: {sentence(error)}")
            return
        self.accepted = [Accepted(prompts, (), at) for at, prompts in kept]
        self.changed.emit()

    def _keep(self) -> None:
        """Keep the prompts with the layer: in its journal, and in projects."""
        layer = self._layer()
        if layer is not None:
            keep_prompts(layer, [(a.at, a.prompts) for a in self.accepted])

    def _follow(self, happened: Happened, step: Step) -> None:
        accepted = self._of_step.get(step)
        if accepted is None:
            return
        if happened == "undone":
            self.accepted = [other for other in self.accepted if other is not accepted]
        elif happened == "redone":
            self.accepted.append(accepted)
        self.changed.emit()


_given: WeakKeyDictionary[Labels, Given] = WeakKeyDictionary()


def given_of(layer: Labels) -> Given:
    """Return the prompts of a layer."""
    if layer not in _given:
        _given[layer] = Given(layer)
    return _given[layer]


def prompts_of(layer: Labels) -> tuple[Prompt, ...]:
    """Return the prompts whose effect is in the layer, the oldest first."""
    return given_of(layer).prompts()


def prompts_changed(layer: Labels) -> SignalInstance:
    """Return a signal that comes without arguments when prompts came or went."""
    return given_of(layer).changed


def restore_prompts(layer: Labels, prompts: Iterable[Prompt], at: At = ()) -> None:
    """Let prompts of an earlier sitting belong to a layer; what came of them is in it already."""
    given = given_of(layer)
    restored = tuple(prompts)
    if restored:
        given.accepted.append(Accepted(restored, (), at))
        given.changed.emit()
