"""The scan of MSD-KMamba beside a loop over time and a Blelloch scan: time and memory.

One pass forward and backward over L tokens of 2 heads of 32 channels with 16 states, both
directions, float32. The loop and the Blelloch scan hold every state of every token, as one writes
them at first; the loop is left out of the longest sequence. Goals at 13,824 tokens (24³ voxels):
at most 0.5 x the Blelloch scan's time and 0.2 x its memory.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor

import torch
from torch import Tensor

from benchmarks.measure import extra_memory, interleaved, ratio, table
from napari_medseg.networks.blocks.scan import bidirectional_scan
from napari_medseg.networks.blocks.selective_scan import bidirectional_selective_scan

HEADS, WIDTH, STATES = 2, 32, 16
Scan = Callable[..., Tensor]


def loop(a: Tensor, w: Tensor) -> Tensor:
    """Compute ``h_t = a_t h_(t-1) + w_t`` one token after the other; ``(B, L, ...)``."""
    state = torch.zeros_like(w[:, 0])
    states = []
    for kept, written in zip(a.unbind(1), w.unbind(1), strict=True):
        state = kept * state + written
        states.append(state)
    return torch.stack(states, 1)


def blelloch(a: Tensor, w: Tensor) -> Tensor:
    """Compute the same in a logarithmic number of steps.

    Source: Blelloch 1990, Prefix Sums and Their Applications, in its recursive form: pairs are
    joined, scanned, and the tokens between filled in.
    """
    length = a.shape[1]
    if length == 1:
        return w
    even = length // 2 * 2
    first_a, second_a = a[:, :even:2], a[:, 1:even:2]
    first_w, second_w = w[:, :even:2], w[:, 1:even:2]
    odd = blelloch(first_a * second_a, second_a * first_w + second_w)
    between = torch.cat([torch.zeros_like(odd[:, :1]), odd], 1)[:, : (length + 1) // 2]
    filled = a[:, ::2] * between + w[:, ::2]
    joined = torch.stack([filled[:, : even // 2], odd], 2).flatten(1, 2)
    return torch.cat([joined, filled[:, even // 2 :]], 1)


def by(recurrence: Callable[[Tensor, Tensor], Tensor]) -> Scan:
    """Return a `bidirectional_scan` that holds every state."""

    def scan(x: Tensor, dt: Tensor, decay: Tensor, b: Tensor, c: Tensor) -> Tensor:
        kept = (dt * decay).exp()[..., None, None].expand(*x.shape, STATES)
        written = (dt[..., None] * x)[..., None] * b[:, :, :, None]
        back = recurrence(kept.flip(1), written.flip(1)).flip(1)
        return ((recurrence(kept, written) + back - written) * c[:, :, :, None]).sum(-1)

    return scan


def diagonal(x: Tensor, dt: Tensor, decay: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """Run Mamba-1's scan on the same numbers."""
    steps = dt.repeat_interleave(WIDTH, 2)
    rates = decay.repeat_interleave(WIDTH)[:, None].expand(-1, STATES)
    y = bidirectional_selective_scan(x.flatten(2), steps, rates, b[:, :, 0], c[:, :, 0])
    return y.view_as(x)


SCANS: dict[str, Scan] = {
    "ours, ssd": bidirectional_scan,
    "ours, s6": diagonal,
    "Blelloch": by(blelloch),
    "loop": by(loop),
}


def sample(length: int) -> list[Tensor]:
    """Return x, dt, A, B and C."""
    torch.manual_seed(0)
    x, dt = torch.randn(1, length, HEADS, WIDTH), torch.rand(1, length, HEADS) * 0.1
    b, c = torch.randn(2, 1, length, 1, STATES)
    return [x, dt, -1 - 3 * torch.rand(HEADS), b, c]


def step(scan: Scan, length: int) -> Callable[[], list[Tensor]]:
    """Return a pass forward and backward that returns the answer and the gradients."""
    inputs = [t.requires_grad_() for t in sample(length)]
    weights = torch.randn(1, length, HEADS, WIDTH)

    def run() -> list[Tensor]:
        y = scan(*inputs)
        return [y.detach(), *torch.autograd.grad((y * weights).sum(), inputs)]

    return run


def compare(length: int, names: Sequence[str], rounds: int = 3) -> dict[str, list[float]]:
    """Return seconds of CPU time per scan, after a check that all say the same."""
    steps = {name: step(SCANS[name], length) for name in names}
    expected = steps[names[0]]()
    for name in names[1:]:
        for ours, theirs in zip(expected, steps[name](), strict=True):
            apart = ((ours - theirs).norm() / theirs.norm()).item()
            if apart > 1e-4:
                raise ValueError(f"{name} differs from {names[0]} by {apart:.1e}")
    return interleaved(steps, rounds)


def memory_of(name: str, length: int) -> float:
    """Return the most memory a pass holds, in MB; for a process of its own."""
    torch.set_num_threads(1)
    step(SCANS[name], 64)()  # what a first call loads for good
    return extra_memory(step(SCANS[name], length))


def main() -> None:
    """Print times, memory and their ratios."""
    torch.set_num_threads(1)
    alone = {"mp_context": multiprocessing.get_context("spawn"), "max_tasks_per_child": 1}
    for length in (4096, 13824):
        names = [name for name in SCANS if name != "loop" or length < 5000]
        print(f"{length} tokens, forward and backward:")
        seconds = compare(length, names)
        table(seconds, "Blelloch")
        with ProcessPoolExecutor(1, **alone) as pool:  # what a process once held, it keeps
            memory = {name: pool.submit(memory_of, name, length).result() for name in names}
        for name, megabytes in memory.items():
            share = megabytes / memory["Blelloch"]
            print(f"{name:<28}{megabytes:8.0f} MB {share:23.3f} x Blelloch")
    faster = ratio(seconds, "ours, ssd", "Blelloch")
    smaller = memory["ours, ssd"] / memory["Blelloch"]
    print(f"ours over Blelloch: time {faster:.3f} x (goal: at most 0.5 x), ", end="")
    print(f"memory {smaller:.3f} x (goal: at most 0.2 x)")
