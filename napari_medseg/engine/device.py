"""Which device a model runs on, and how much memory it has left."""

from __future__ import annotations

import torch


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
        return _free_host_memory()
    return None


def _free_host_memory() -> int | None:
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            for line in lines:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None
