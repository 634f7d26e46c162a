"""``napari-medseg models`` and ``info``: what there is, without loading any weights."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_medseg.engine.card import ModelCard


def list_models(args: argparse.Namespace) -> int:
    """Print one model a line, its name first."""
    from napari_medseg.commands.terminal import say
    from napari_medseg.engine.headline import headline_score
    from napari_medseg.engine.zoo import models

    found = models()
    rows = [
        (name, f"{card.spatial_dims}D", _title(card), headline_score(card), entry.origin)
        for name, entry in found.items()
        for card in (entry.card,)
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(4)] if rows else []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        print("  ".join([*cells, row[-1]]).rstrip())
    if not rows:
        say("no models yet; 'napari-medseg train' makes one")
    return 0


def show_model(args: argparse.Namespace) -> int:
    """Print the card of one model."""
    from napari_medseg.engine.checkpoint import read_card
    from napari_medseg.engine.zoo import find_model, models

    entry = models().get(args.model)
    if entry is not None and entry.origin == "download":
        card, file = entry.card, "not downloaded yet; 'napari-medseg segment' fetches it"
    else:
        path = find_model(args.model)
        card, file = read_card(path), f"{path}, {path.stat().st_size / 1e6:.1f} MB"
    if args.json:
        print(card.to_json())
        return 0
    print(f"{card.name}: {_title(card)}")
    for label, value in [*_facts(card), ("file", file)]:
        if value:
            print(f"  {label:<14}{value}")
    return 0


def _title(card: ModelCard) -> str:
    return card.title or ", ".join(c.name for c in card.classes)


def _scores(card: ModelCard) -> str:
    return ", ".join(f"{name} {_number(value)}" for name, value in card.scores.items())


def _number(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _facts(card: ModelCard) -> list[tuple[str, str]]:
    pre = card.preprocessing
    dims = "volumes (3D)" if card.spatial_dims == 3 else "images (2D)"
    channels = f"{card.in_channels} channel{'s' if card.in_channels > 1 else ''}"
    if pre.channels:
        channels += f" ({', '.join(pre.channels)})"
    return [
        ("segments", ", ".join(f"{c.value} = {c.name}" for c in card.classes)),
        ("input", f"{dims}, {channels}" + (f", {pre.modality}" if pre.modality else "")),
        ("spacing", " × ".join(f"{s:g}" for s in pre.spacing) + " mm" if pre.spacing else ""),
        ("resized to", " × ".join(map(str, pre.size)) if pre.size else ""),
        ("window", " × ".join(map(str, pre.window)) + " voxels" if pre.window else ""),
        ("about", card.description),
        ("architecture", card.architecture),
        ("config", ", ".join(f"{k}={v}" for k, v in card.config.items())),
        ("data", card.data),
        ("split", card.split),
        ("scores", _scores(card)),
        ("licence", card.licence),
        ("made by", card.reproduce),
        ("created", card.created),
        ("parent", card.parent),
        ("use", card.intended_use),
    ]
