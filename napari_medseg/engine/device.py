"""Which device a model runs on, and how much memory it has left."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from napari_medseg.host_memory import host_memory
from napari_medseg.progress import Report, Step, silent


@dataclass(frozen=True)
class DeviceMemory:
    """A device and what it can still hold.

    Parameters
    ----------
    device : str
        "cpu", "cuda:N" or "mps".
    title : str
        What its maker calls it; empty if that says nothing.
    free, total : int or None
        Bytes; of the CPU the machine's memory. None where nobody knows.
    """

    device: str
    title: str = ""
    free: int | None = None
    total: int | None = None


def available_devices() -> list[str]:
    """Return the devices of this machine, fastest first; ``"cpu"`` is always there."""
    devices = [f"cuda:{i}" for i in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        devices.append("mps")
    return [*devices, "cpu"]


def resolve_device(name: str | torch.device = "auto") -> torch.device:
    """Return the device that `name` means here.

    Parameters
    ----------
    name : str or torch.device
        ``"auto"`` (the fastest there is), ``"cpu"``, ``"cuda"``, ``"cuda:N"`` or ``"mps"``.

    Raises
    ------
    ValueError
        If there is no such device.
    """
    present = available_devices()
    wanted = str(name)
    if wanted == "auto":
        return torch.device(present[0])
    if wanted == "cuda" and "cuda:0" in present:
        return torch.device("cuda", torch.cuda.current_device())
    if wanted not in present:
        raise ValueError(
            f"this machine has no device {wanted!r}; it has {', '.join(present)} "
            "(or say 'auto' for the fastest of them)"
        )
    return torch.device(wanted)


def free_memory(device: torch.device) -> int | None:
    """Return the bytes `device` can still give, or None where nobody knows."""
    if device.type == "cuda" and torch.cuda.is_available():
        free, _ = torch.cuda.mem_get_info(device)
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(free + cached)
    if device.type == "cpu":
        return host_memory()[0]
    return None


def describe_devices(report: Report = silent) -> list[DeviceMemory]:
    """Return the devices of this machine with their memory, fastest first.

    Asking a GPU for its memory takes a moment the first time: call it in a thread.
    """
    names = available_devices()
    found = []
    for done, name in enumerate(names):
        report(Step(done, len(names), "device"))
        found.append(_describe(name))
    return found


def _describe(name: str) -> DeviceMemory:
    device = torch.device(name)
    if device.type == "cuda":
        try:
            free, total = torch.cuda.mem_get_info(device)
        except RuntimeError:  # another program holds it for itself, or its driver is broken
            return DeviceMemory(name, torch.cuda.get_device_name(device))
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return DeviceMemory(name, torch.cuda.get_device_name(device), int(free + cached), total)
    if device.type == "mps":
        total = int(torch.mps.recommended_max_memory())
        return DeviceMemory(name, "", total - int(torch.mps.driver_allocated_memory()), total)
    return DeviceMemory(name, "", *host_memory())
