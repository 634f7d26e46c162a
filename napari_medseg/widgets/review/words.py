"""What the review strip says."""

from __future__ import annotations

from napari.layers import Labels

from napari_medseg.widgets.classes.class_list import classes_of
from napari_medseg.widgets.review.queue import CORRECTED, RIGHT, ReviewQueue

_FIRST = (
    "Finds where these labels may be wrong: where the model is unsure, islands and holes, slices "
    "that do not go with their neighbours."
)
FIND_TIP = (
    "Look at the labels and at what the model is unsure of, and list the places to check, the "
    "most doubtful first; the labels stay as they are"
)

NEXT_TIP = "Go to the next place nobody has looked at: its slice, in the middle, close by"
BACK_TIP = "Go to the place before this one"
RIGHT_TIP = (
    "The labels are right within the outline: count this place as seen, and go on. If they are "
    "wrong, correct them: that counts as seen, too"
)
MIRRORED_TIP = (
    "Ask the model about mirrored copies of the image, too: where its answers differ, it is not "
    "to be trusted. Takes three times as long"
)


def words(queue: ReviewQueue | None, layer: Labels | None) -> str:
    """Return why the place one is at is doubtful, or what to do to come to one."""
    if queue is None or layer is None:
        return "No labels yet: segment an image or add a label layer."
    if queue.stale:
        return "These labels have a new answer since: find the doubtful places anew."
    if not queue.source:
        return _FIRST
    if not queue.places:
        return f"Nothing is doubtful here. {queue.source}"
    count = len(queue.places)
    if queue.place is None:
        return f"{count} doubtful place{'s' * (count > 1)} found. {queue.source}"
    place, state = queue.place, queue.states[queue.current]
    names = {c.value: c.name for c in classes_of(layer)}
    name = f"{names[place.label]}: " if place.label in names else ""
    after = {RIGHT: " Looks right.", CORRECTED: " Corrected."}.get(state, "")
    return f"Place {queue.current + 1} of {count} · {name}{place.reason}.{after}"


def progress(queue: ReviewQueue | None) -> str:
    """Return how far one is: "5 of 17 looked at, 12 left · 81 % of the doubt seen"."""
    count = 0 if queue is None else len(queue.places)
    if queue is None or not count:
        return ""
    left, share = count - queue.done, round(100 * queue.share_done)
    return f"{queue.done} of {count} looked at, {left} left · {share} % of the doubt seen"
