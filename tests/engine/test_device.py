"""Devices by name, memory kept during a run, reports from inside a network."""

from __future__ import annotations

import sys
import threading

import pytest
import torch
from torch import nn

from napari_medseg.engine import allocator
from napari_medseg.engine.allocator import keep_memory
from napari_medseg.engine.device import (
    available_devices,
    describe_devices,
    free_memory,
    resolve_device,
)
from napari_medseg.engine.watch import report_from_modules
from napari_medseg.host_memory import host_memory
from napari_medseg.progress import Cancelled, Step


def test_auto_is_the_first_of_what_is_there():
    assert str(resolve_device("auto")) == available_devices()[0]
    assert resolve_device("cpu") == torch.device("cpu")
    assert available_devices()[-1] == "cpu"


@pytest.mark.parametrize("name", ["cuda:99", "tpu", "", "cuda:-1"])
def test_a_device_that_is_not_there_is_named_with_those_that_are(name):
    with pytest.raises(ValueError, match=r"it has .*cpu"):
        resolve_device(name)


def test_free_memory_is_known_on_linux():
    free = free_memory(torch.device("cpu"))
    assert free is None or free > 1 << 20


def test_memory_is_kept_until_the_last_run_ends():
    with keep_memory():
        assert allocator.runs() in (0, 1)  # 0 where there is no glibc
        with keep_memory():
            inside = allocator.runs()
        assert allocator.runs() == max(inside - 1, 0)
    assert allocator.runs() == 0


def test_a_failed_run_gives_memory_back():
    with pytest.raises(Cancelled), keep_memory():
        raise Cancelled
    assert allocator.runs() == 0


def test_a_big_block_survives_the_switch():
    with keep_memory():
        block = torch.ones(20_000_000)
    assert float(block.sum()) == 20_000_000


def network():
    return nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2))


def test_cancel_stops_inside_a_forward_pass():
    calls = []

    def stop_at_second(step):
        calls.append(step)
        if len(calls) == 2:
            raise Cancelled

    layers = network()
    with report_from_modules(layers, stop_at_second, every=0) as report:
        report(Step(3, 9, "window"))
        with pytest.raises(Cancelled):
            layers(torch.zeros(1, 2))
    assert calls == [Step(3, 9, "window")] * 2


@pytest.mark.parametrize("error", [None, Cancelled, ValueError])
def test_hooks_are_gone_afterwards(error):
    layers = network()
    try:
        with report_from_modules(layers, lambda _: None):
            assert all(m._forward_pre_hooks for m in layers.modules())
            if error:
                raise error
    except (Cancelled, ValueError):
        pass
    assert not any(m._forward_pre_hooks for m in layers.modules())


def test_reports_are_throttled():
    calls = []
    layers = network()
    with report_from_modules(layers, calls.append, every=3600) as report:
        report(Step(0, 1))
        layers(torch.zeros(1, 2))
    assert len(calls) == 1


def test_another_thread_using_the_network_does_not_report():
    calls = []
    layers = network()
    with report_from_modules(layers, calls.append, every=0) as report:
        report(Step(0, 1))
        other = threading.Thread(target=layers, args=(torch.zeros(1, 2),))
        other.start()
        other.join()
    assert len(calls) == 1


def test_every_device_is_described_and_the_cpu_by_the_machines_memory():
    steps = []
    found = describe_devices(steps.append)
    assert [one.device for one in found] == available_devices()
    assert len(steps) == len(found)
    cpu = found[-1]
    free, total = host_memory()
    assert cpu.total == total
    assert total is None or 0 < free <= total


def test_a_gpu_that_does_not_answer_is_still_listed(monkeypatch):
    def busy(_device):
        raise RuntimeError("CUDA error: all CUDA-capable devices are busy or unavailable")

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"card {device.index}")
    monkeypatch.setattr(torch.cuda, "mem_get_info", busy)
    found = describe_devices()
    assert [(one.device, one.title, one.free) for one in found[:2]] == [
        ("cuda:0", "card 0", None),
        ("cuda:1", "card 1", None),
    ]


def test_memory_torch_keeps_for_itself_counts_as_free(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "card")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (5, 20))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _: 7)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _: 3)
    gpu = describe_devices()[0]
    assert (gpu.free, gpu.total) == (9, 20)


def test_without_psutil_linux_still_says_what_is_free(monkeypatch):
    monkeypatch.setitem(sys.modules, "psutil", None)
    free, total = host_memory()
    if sys.platform.startswith("linux"):
        assert 0 < free <= total
    else:
        assert (free, total) == (None, None)
