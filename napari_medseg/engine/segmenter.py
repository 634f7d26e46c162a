"""`Segmenter`: a network, its card and a device, ready to segment volumes."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch

from napari_medseg import __version__
from napari_medseg.engine.allocator import keep_memory
from napari_medseg.engine.card import ModelCard
from napari_medseg.engine.channels import can_do_without, fitted
from napari_medseg.engine.checkpoint import file_hash, load_checkpoint, save_checkpoint
from napari_medseg.engine.device import resolve_device
from napari_medseg.engine.grid import Grid
from napari_medseg.engine.inference import Answer, evaluating, infer
from napari_medseg.engine.inference_config import InferenceConfig
from napari_medseg.engine.part import Box, checked_box
from napari_medseg.engine.plan import Plan
from napari_medseg.engine.preprocess import Prepared, default_slice_axis, prepare
from napari_medseg.engine.watch import report_from_modules
from napari_medseg.engine.zoo import find_model
from napari_medseg.networks.base import SegmentationNetwork
from napari_medseg.progress import Report, Step, silent
from napari_medseg.volume import Volume


@dataclass(frozen=True, eq=False)
class Segmentation:
    """A model's answer, on the grid of the volume it was given.

    Parameters
    ----------
    labels : ndarray
        ``(*S)``, or the shape of the box, uint8 or uint16; 0 is background, other values are
        those of the card's classes.
    probabilities : ndarray or None
        ``(K, *S)`` float32 if asked for; channels as in the card.
    uncertainty : ndarray or None
        ``(*S)`` float32, 0 sure to 1 unsure, if asked for.
    notes : tuple of str
        What a person should know about how it was made, often nothing.
    provenance : dict
        Plain JSON values: model, sha256, config, box, version, date, device, notes.
    """

    labels: np.ndarray
    probabilities: np.ndarray | None = None
    uncertainty: np.ndarray | None = None
    notes: tuple[str, ...] = ()
    provenance: dict[str, Any] = dataclasses.field(default_factory=dict)


class Segmenter:
    """A network with its card, on a device; valid from construction, keeps no image.

    Parameters
    ----------
    network : SegmentationNetwork
        Is moved to the device. Its training mode is restored after every run.
    card : ModelCard
        Describes it.
    device : str or torch.device
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:N"`` or ``"mps"``.
    sha256 : str
        Hash of the checkpoint the weights are from; empty if they are from none.

    Raises
    ------
    ValueError
        If card and network disagree or there is no such device.
    """

    def __init__(
        self,
        network: SegmentationNetwork,
        card: ModelCard,
        device: str | torch.device = "auto",
        *,
        sha256: str = "",
    ) -> None:
        shape = network.config
        promised = (card.spatial_dims, card.in_channels, card.out_channels)
        if promised != (shape.spatial_dims, shape.in_channels, shape.num_classes):
            raise ValueError(
                f"the card of {card.name!r} is for {promised[0]}-D, {promised[1]} input and "
                f"{promised[2]} output channels; the network has {shape.spatial_dims}-D, "
                f"{shape.in_channels} and {shape.num_classes}"
            )
        self.device = resolve_device(device)
        self.network = network.to(self.device)
        self.card = card
        self.sha256 = sha256
        self._one_at_a_time = threading.Lock()

    @classmethod
    def load(cls, path_or_name: str | Path, device: str | torch.device = "auto") -> Self:
        """Load a checkpoint by its path, or a model of the zoo by its name.

        Raises
        ------
        ValueError
            If there is no such model or device, or the file is not a checkpoint of ours.
        OSError
            If the file cannot be read.
        """
        chosen = resolve_device(device)  # before a long load: it may not be there
        path = find_model(path_or_name)
        network, card = load_checkpoint(path)
        return cls(network, card, chosen, sha256=file_hash(path))

    def save(self, path: str | Path) -> None:
        """Write network and card to one ``.safetensors`` file."""
        save_checkpoint(path, self.network, self.card)

    def segment(
        self,
        volume: Volume,
        config: InferenceConfig | None = None,
        report: Report = silent,
        *,
        box: tuple[slice, ...] | None = None,
        prepared: Prepared | None = None,
    ) -> Segmentation:
        """Segment a volume or image, or a part of it.

        Parameters
        ----------
        volume : Volume
            With the channels the card names; a 2D model takes a 3D volume slice by slice. Grey
            pictures stored in colour, and grey ones for a model of colours, are understood.
        config : InferenceConfig or None
            How to run the model; None is the defaults.
        report : Report
            Called before every window and, in long ones, several times a second; may raise
            `Cancelled`.
        box : tuple of slice or None
            Which voxels, a slice per axis of ``*S``; None is all. Only the windows that touch the
            box are computed, where they lie for the whole volume and with values normalised by
            the whole volume, so that the labels are those of a whole run, cut to the box.
        prepared : Prepared or None
            What `prepare` gave for this volume and config, for those who ask for many boxes.

        Returns
        -------
        Segmentation
            Its arrays have the shape of the volume, or of the box.

        Raises
        ------
        ValueError
            If model, volume, config and box do not go together, in words for a person.
        OSError
            If there is not enough memory.
        """
        config = config or InferenceConfig()
        part = None if box is None else checked_box(box, volume.shape)
        with self.running(report) as outer:
            outer(Step(0, 0, "window"))  # preparing takes a moment, too
            try:
                prepared = prepared or self.prepare(volume, config, outer)
                answer = self._run(volume, prepared, config, part, outer)
            except MemoryError as error:
                raise OSError(
                    f"there is not enough memory for an image of "
                    f"{'x'.join(map(str, volume.shape))} voxels; close other programs or "
                    "choose a smaller image"
                ) from error
        notes = (*prepared.notes, *answer.notes)
        readout, flat = answer.readout, volume.spatial_dims == 2
        return Segmentation(
            labels=readout.labels[0] if flat else readout.labels,
            probabilities=_drop_plane(readout.probabilities, flat, axis=1),
            uncertainty=_drop_plane(readout.uncertainty, flat, axis=0),
            notes=notes,
            provenance=self.provenance(volume, config, answer.plan, box=part, notes=notes),
        )

    @contextlib.contextmanager
    def running(self, report: Report = silent) -> Iterator[Report]:
        """Have the network to oneself, ready to infer; yield a report that it calls, too."""
        with (
            self._one_at_a_time,
            keep_memory(),
            torch.inference_mode(),
            evaluating(self.network),
            report_from_modules(self.network, report) as outer,
        ):
            yield outer

    def _run(
        self,
        volume: Volume,
        prepared: Prepared,
        config: InferenceConfig,
        box: Box | None,
        report: Report,
    ) -> Answer:
        if volume.spatial_dims == 2 and box is not None:
            box = (slice(0, 1), *box)
        return infer(
            self.network,
            self.card,
            prepared,
            config,
            slice_axis=self.slice_axis(volume, config),
            device=self.device,
            box=box,
            report=report,
        )

    def prepare(self, volume: Volume, config: InferenceConfig, report: Report = silent) -> Prepared:
        """Return what the network is given: ``(C, D, H, W)``, D = 1 for an image.

        Raises
        ------
        ValueError
            If the volume cannot be what the model expects, in words for a person.
        """
        slice_axis = self.slice_axis(volume, config)
        volume, said = fitted(volume, self.card)
        prepared = prepare(
            volume,
            self.card.preprocessing,
            spatial_dims=self.card.spatial_dims,
            in_channels=self.card.in_channels,
            slice_axis=slice_axis,
            may_miss=can_do_without(self.card),
            report=report,
        )
        prepared = dataclasses.replace(prepared, notes=(*said, *prepared.notes))
        if volume.spatial_dims == 2:  # one plane of a volume
            grid = Grid((1, *prepared.grid.input_shape), (1, *prepared.grid.shape))
            prepared = Prepared(prepared.image[:, None], grid, prepared.notes)
        return prepared

    def slice_axis(self, volume: Volume, config: InferenceConfig) -> int | None:
        """Return the axis (D, H, W) a 2D model steps along in `volume`; None for a 3D model."""
        if self.card.spatial_dims == 3:
            return None
        if volume.spatial_dims == 2:
            return 0
        if config.slice_axis is None:
            return default_slice_axis(volume)
        if config.slice_axis not in (0, 1, 2):
            raise ValueError(f"slice_axis must be 0, 1 or 2 (D, H, W), got {config.slice_axis}")
        return config.slice_axis

    def provenance(
        self,
        volume: Volume,
        config: InferenceConfig,
        plan: Plan,
        *,
        box: Box | None = None,
        notes: tuple[str, ...] = (),
    ) -> dict[str, Any]:
        """Return how an answer was made, as plain JSON values."""
        return {
            "program": "napari-medseg",
            "version": __version__,
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "image": volume.name,
            "model": self.card.name,
            "model_sha256": self.sha256,
            "architecture": self.card.architecture,
            "classes": {str(c.value): c.name for c in self.card.classes},
            "config": config.to_dict(),
            "box": None if box is None else [[b.start, b.stop] for b in box],
            "device": str(plan.device),
            "window": list(plan.window),
            "precision": "mixed" if plan.mixed else "float32",
            "notes": list(notes),
            "intended_use": self.card.intended_use,
        }


def _drop_plane(array: np.ndarray | None, flat: bool, *, axis: int) -> np.ndarray | None:
    return array if array is None or not flat else array.take(0, axis=axis)
