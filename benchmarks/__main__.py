"""Measure the engine beside its peers: ``make bench``, or ``python -m benchmarks NAME...``.

Times are this process's CPU time on one thread and every number that matters is a ratio of
interleaved rounds, so that a busy machine does not decide who wins.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

from benchmarks import (
    convolution,
    distillation,
    editing,
    engine_memory,
    engine_time,
    explain,
    finetune,
    from_nothing,
    interactive,
    large,
    metrics,
    networks,
    resampling,
    scan,
    viewer,
    viewer_learning,
)

BENCHMARKS: dict[str, Callable[[], None]] = {
    "engine-time": engine_time.main,
    "engine-memory": engine_memory.main,
    "resampling": resampling.main,
    "scan": scan.main,
    "convolution": convolution.main,
    "networks": networks.main,
    "distillation": distillation.main,
    "from-nothing": from_nothing.main,
    "finetune": finetune.main,
    "interactive": interactive.main,
    "editing": editing.main,
    "explain": explain.main,
    "large": large.main,
    "metrics": metrics.main,
    "viewer": viewer.main,
    "viewer-learning": viewer_learning.main,
}
LONG = ("finetune", "interactive")  # take hours, and half of one


def main() -> None:
    """Run the benchmarks named on the command line, all without a name."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    which = f"which: {', '.join(BENCHMARKS)}; none = all but {', '.join(LONG)}"
    parser.add_argument("names", nargs="*", help=which)
    names = parser.parse_args().names or [name for name in BENCHMARKS if name not in LONG]
    unknown = sorted(set(names) - set(BENCHMARKS))
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    for name in names:
        print(f"\n== {name}", flush=True)
        BENCHMARKS[name]()


if __name__ == "__main__":
    main()
