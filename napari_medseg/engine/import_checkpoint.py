"""A published checkpoint becomes a model of ours: read, renamed, checked, described, saved."""

from __future__ import annotations

import datetime
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from napari_medseg.engine.card import LabelClass, ModelCard, Preprocessing
from napari_medseg.engine.cases import classes_of
from napari_medseg.engine.checkpoint import SUFFIX, file_hash, save_checkpoint
from napari_medseg.engine.published_file import read_published
from napari_medseg.engine.published_recipes import PUBLISHED_RECIPES, recipe_for
from napari_medseg.engine.zoo import user_directory
from napari_medseg.networks import architectures
from napari_medseg.networks.import_weights import Imported, import_weights


@dataclass(frozen=True)
class ImportReport:
    """What an import made of a file.

    Parameters
    ----------
    source : Path
        The published file.
    checkpoint : Path
        The model written.
    card : ModelCard
        Its card.
    build : str
        Which published network it is, in words.
    parameters : int
        Of the network as it runs.
    dropped : tuple of str
        Published names of tensors that never run and were left out.
    missed : tuple of str
        Our names of tensors the file lacks; only counters, which change nothing, may be missing.
    reshaped : tuple of str
        Published names of tensors that have another shape here and the same numbers.
    notes : tuple of str
        What was assumed, for a person to check.
    """

    source: Path
    checkpoint: Path
    card: ModelCard
    build: str
    parameters: int
    dropped: tuple[str, ...]
    missed: tuple[str, ...]
    reshaped: tuple[str, ...]
    notes: tuple[str, ...]

    def sentences(self) -> list[str]:
        """Return the report in words, tensors grouped by where they are."""
        record, card = architectures()[self.card.architecture], self.card
        said = [
            f"{record.title} {card.spatial_dims}D, {self.build}: {self.parameters:,} parameters, "
            f"{_counted(card.in_channels, 'channel')} in, {_counted(card.out_channels, 'output')}"
        ]
        for what, keys in (
            ("left out, for they never run", self.dropped),
            ("missing and filled in, for they count and do nothing else", self.missed),
            ("in another shape, with the same numbers", self.reshaped),
        ):
            if keys:
                said.append(f"{len(keys)} tensors {what}: {_grouped(keys)}")
        return [*said, *self.notes]


def import_checkpoint(
    path: str | Path,
    architecture: str | None = None,
    *,
    out: str | Path | None = None,
    recipe: str | None = None,
    classes: Sequence[str] = (),
    axes: str = "ours",
    overwrite: bool = False,
) -> ImportReport:
    """Read a published checkpoint and write it as a model of ours.

    Nothing in the file is run. Dimensions, channels, classes, widths and build are read off the
    names and shapes of its tensors.

    Parameters
    ----------
    path : str or Path
        A file of ``torch.save`` or ``.safetensors`` with a published state dict.
    architecture : str, optional
        "lgmsnet" or "msa2net"; None finds out.
    out : str or Path, optional
        ``NAME.safetensors``; by default a file of the same name among the user's models.
    recipe : str, optional
        A key of `PUBLISHED_RECIPES`: the program that trained it, which decides what is done to an
        image; by default the likeliest.
    classes : sequence of str
        ``"1=liver"`` or names in order; a checkpoint holds none.
    axes : str
        "ours", or "ras" for a 3D network trained on MONAI's axes (to the right, anterior,
        superior): its kernels are turned to our axes, which gives the same numbers.
    overwrite : bool
        Replace a model that is there.

    Raises
    ------
    ValueError
        If the file is no such checkpoint, is damaged, wants to run code, or does not fit what was
        asked for; nothing is written then.
    OSError
        If a file cannot be read or written.
    """
    path = Path(path)
    target = Path(out) if out is not None else user_directory() / f"{_name(path)}{SUFFIX}"
    _check_target(target, overwrite)
    imported = import_weights(read_published(path), architecture)
    card, notes = _card(path, imported, target.stem, recipe, classes)
    state = imported.state
    if axes == "ras":
        if card.spatial_dims != 3:
            raise ValueError("--axes ras is for volumes; this is a network of pictures")
        state = {key: _turned(tensor) for key, tensor in state.items()}
    elif axes != "ours":
        raise ValueError(f"axes must be ours or ras, got {axes!r}")
    with torch.device("meta"):
        network = architectures()[imported.architecture].build(imported.config)
    network.load_state_dict(state, assign=True)
    save_checkpoint(target, network, card)
    return ImportReport(
        path,
        target,
        card,
        imported.build,
        network.count_parameters(),
        imported.dropped,
        imported.added,
        imported.reshaped,
        notes,
    )


def _check_target(target: Path, overwrite: bool) -> None:
    if target.suffix != SUFFIX:
        raise ValueError(f"the model must be written to a {SUFFIX} file, got {target.name}")
    if target.exists() and not overwrite:
        raise ValueError(
            f"{target} exists already and is kept; add --overwrite to replace it, or choose "
            "another name"
        )


def _card(
    path: Path, imported: Imported, name: str, recipe: str | None, classes: Sequence[str]
) -> tuple[ModelCard, tuple[str, ...]]:
    """Describe the model, and say what of it was assumed."""
    config, record = imported.config, architectures()[imported.architecture]
    preprocessing, notes = _preprocessing(imported, recipe)
    described, more = _classes(config.num_classes, classes)
    card = ModelCard(
        name=name,
        architecture=imported.architecture,
        config=config.to_dict(),
        classes=described,
        activation="sigmoid" if config.num_classes == 1 else "softmax",
        preprocessing=preprocessing,
        title=f"{record.title} from {path.name}",
        description=f"Published weights of {record.title} ({record.paper}), {imported.build}. "
        + " ".join(f"{note[0].upper()}{note[1:]}." for note in notes),
        licence=f"not said in the file; the published code's licence: {record.code_licence}",
        created=datetime.date.today().isoformat(),
        parent=file_hash(path),
        history=(
            {
                "what": "imported",
                "file": path.name,
                "dropped": len(imported.dropped),
                "missed": list(imported.added),
                "reshaped": len(imported.reshaped),
            },
        ),
    )
    return card, (*notes, *more)


def _preprocessing(imported: Imported, recipe: str | None) -> tuple[Preprocessing, tuple[str, ...]]:
    config = imported.config
    if recipe is not None and recipe not in PUBLISHED_RECIPES:
        raise ValueError(
            f"no published recipe {recipe!r}; there are {', '.join(PUBLISHED_RECIPES)}"
        )
    chosen = recipe or recipe_for(imported.architecture, config.spatial_dims, config.num_classes)
    published = PUBLISHED_RECIPES[chosen]
    if (published.architecture, published.spatial_dims) != (
        imported.architecture,
        config.spatial_dims,
    ):
        raise ValueError(
            f"the recipe {chosen} is for {published.architecture} in {published.spatial_dims}D; "
            f"this is {imported.architecture} in {config.spatial_dims}D"
        )
    if published.in_channels == config.in_channels:
        return published.preprocessing, published.notes
    plain = Preprocessing(
        spacing=published.preprocessing.spacing,
        size=published.preprocessing.size,
        window=published.preprocessing.window,
    )
    return plain, (
        f"the program of {chosen} takes {_counted(published.in_channels, 'channel')} and this "
        f"network {config.in_channels}: each channel of an image is standardised by itself "
        "instead; check the results",
    )


def _classes(outputs: int, named: Sequence[str]) -> tuple[tuple[LabelClass, ...], tuple[str, ...]]:
    count = outputs if outputs == 1 else outputs - 1
    values = range(1, count + 1)
    if named and len(named) != count:
        background = "" if outputs == 1 else ", the first is background"
        raise ValueError(
            f"{_counted(len(named), 'class')} named, this network has {_counted(count, 'class')} "
            f"({_counted(outputs, 'output')}{background}); name each one, or none"
        )
    if named:
        return classes_of(values, named), ()
    return classes_of(values), ("what its classes are is not in the file: name them by --classes",)


def _turned(tensor: Tensor) -> Tensor:
    """Turn a kernel over (x to the right, y to anterior, z up) into one over our (D, H, W)."""
    if tensor.ndim != 5:
        return tensor
    return tensor.permute(0, 1, 4, 3, 2).flip(3, 4).contiguous()


def _name(path: Path) -> str:
    return re.sub(r"[^\w-]+", "-", path.stem).strip("-") or "imported"


def _counted(count: int, what: str) -> str:
    plural = {"class": "classes"}.get(what, f"{what}s")
    return f"{count} {what if count == 1 else plural}"


def _grouped(keys: Sequence[str]) -> str:
    counts = Counter(".".join(key.split(".")[:2]) for key in keys)
    return ", ".join(f"{place} ({count})" for place, count in counts.items())
