"""Which image of a case a layer is, read from its name: "ann_t1ce", "BraTS-GLI-1-t2f", "x_0001"."""

from __future__ import annotations

import re
from collections.abc import Sequence

_CONTRASTS = {  # the first that is found: "t1ce" is not T1, "t2_flair" is not T2
    "t1ce": r"t1w?_?(ce|c|gd|post|contrast|km)(?![a-z])(_contrast)?|(post|ce|gd)_t1w?(?![a-z])",
    "flair": r"(t2w?_?)?flair|t2_?f(?![a-z])",
    "t1": r"t1[wn]?(?![a-z0-9])|mprage",
    "t2": r"t2w?(?![a-z0-9])",
}
_INDEX = re.compile(r"_(\d{4})$")  # nnU-Net's name of a channel


def shows(name: str, channels: Sequence[str], index: int) -> bool:
    """Whether a layer of this name is channel `index` of a model, as far as names tell.

    MRI contrasts are known by the names data sets give them; nnU-Net numbers its channels from
    0000; any other channel is found where all words of its name are.
    """
    text = _plain(name)
    numbered = _INDEX.search(text)
    if numbered:
        return int(numbered[1]) == index
    if index >= len(channels):
        return False
    wanted = _contrast(_plain(channels[index]))
    if wanted:
        return _contrast(text) == wanted
    words = _plain(channels[index]).split("_")
    return any(words) and all(word in text.split("_") for word in words)


def case_of(name: str, channels: Sequence[str]) -> str:
    """Return what the names of all images of one case share: all but the channel's name."""
    text = _plain(name)
    if _INDEX.search(text):
        return _INDEX.sub("", text)
    contrast = _contrast(text)
    if contrast and any(_contrast(_plain(channel)) for channel in channels):
        return _joined(re.sub(rf"(?<![a-z0-9])({_CONTRASTS[contrast]})", "", text, count=1))
    known = {w for channel in channels for w in _plain(channel).split("_")}
    words = text.split("_")
    if known.isdisjoint(words):
        return "_".join(words[:-1]) if len(words) > 1 else text
    return _joined("_".join(word for word in words if word not in known))


def _contrast(text: str) -> str:
    for contrast, pattern in _CONTRASTS.items():
        if re.search(rf"(?<![a-z0-9])({pattern})", text):
            return contrast
    return ""


def _plain(name: str) -> str:
    """Return a name in small letters, its words joined by one underscore."""
    return _joined(
        re.sub(r"[\W_]+", "_", re.sub(r"\.(nii|gz|mha|nrrd|tiff?|png)\b", "", name.lower()))
    )


def _joined(text: str) -> str:
    return re.sub(r"_+", "_", text).strip("_")
