"""How much memory this machine has left, without torch."""

from __future__ import annotations


def host_memory() -> tuple[int | None, int | None]:
    """Return the bytes programs can still have and all there are; None where nobody knows."""
    try:
        import psutil  # type: ignore[import-untyped]  # comes with napari; no hints
    except ImportError:
        return _from_proc()
    memory = psutil.virtual_memory()
    return int(memory.available), int(memory.total)


def _from_proc() -> tuple[int | None, int | None]:
    found = {}
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            for line in lines:
                name, _, amount = line.partition(":")
                if name in ("MemAvailable", "MemTotal"):
                    found[name] = int(amount.split()[0]) * 1024
    except (OSError, ValueError):
        return None, None
    return found.get("MemAvailable"), found.get("MemTotal")
