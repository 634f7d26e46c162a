"""CPU time in interleaved rounds, and the peak of extra memory."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path

MB = 1e6


def interleaved(
    variants: Mapping[str, Callable[[], object]],
    rounds: int,
    clock: Callable[[], float] = time.process_time,
) -> dict[str, list[float]]:
    """Run every variant in turn, `rounds` times; return seconds, of CPU time, per variant."""
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name, run in variants.items():
            gc.collect()
            start = clock()
            run()
            seconds[name].append(clock() - start)
    return seconds


def ratio(seconds: Mapping[str, list[float]], name: str, to: str) -> float:
    """Return the median over rounds of one variant's time over another's."""
    return statistics.median(a / b for a, b in zip(seconds[name], seconds[to], strict=True))


def table(seconds: Mapping[str, list[float]], to: str) -> None:
    """Print medians and ratios."""
    for name, values in seconds.items():
        spread = f"{min(values):.2f}-{max(values):.2f}"
        print(
            f"{name:<28}{statistics.median(values):8.2f} s  ({spread})  "
            f"{ratio(seconds, name, to):6.3f} x {to}",
            flush=True,
        )


def extra_memory(run: Callable[[], object]) -> float:
    """Return the most memory `run` held beyond what was held before, in MB (Linux only)."""
    return peaks(run)[0]


def peaks(*runs: Callable[[], object]) -> list[float]:
    """Return the most memory each of `runs` held beyond what was held before the first, in MB."""
    gc.collect()
    before = _status("VmRSS")
    most = []
    for run in runs:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # resets the peak
        run()
        most.append((_status("VmHWM") - before) / MB)
    return most


def _status(key: str) -> float:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{key}:"):
            return float(line.split()[1]) * 1024
    raise OSError(f"/proc/self/status has no {key}; this benchmark needs Linux")
