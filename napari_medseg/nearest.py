"""What somebody may have meant by a name that is not known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``" (did you mean lgmsnet?)"`` if a known name is near, else nothing.

    Parameters
    ----------
    name : str
        What was given; capitals do not matter.
    known : iterable of str
        What there is.
    """
    spelled = {k.lower(): k for k in known}
    near = difflib.get_close_matches(name.lower(), spelled, n=1)
    return f" (did you mean {spelled[near[0]]}?)" if near else ""
