"""The warm-up of torch."""

from __future__ import annotations

import gc
import subprocess
import sys

from napari_medseg.widgets.warm_up import known_devices, thaw, warm_up

FRESH = """
import gc, sys
from napari_medseg.widgets.warm_up import known_devices, warm_up
assert known_devices() == []
assert "torch" not in sys.modules
devices = warm_up()
assert "torch" in sys.modules
assert gc.isenabled()
print(devices == known_devices(), "cpu" in devices)
"""


def test_torch_is_in_memory_afterwards_and_the_collector_runs():
    done = subprocess.run([sys.executable, "-c", FRESH], capture_output=True, text=True)
    assert done.stdout.split() == ["True", "True"], done.stderr


def test_a_second_warm_up_is_quick_and_can_be_taken_back():
    devices = warm_up()
    assert devices == known_devices()
    assert "cpu" in devices
    assert gc.get_freeze_count() > 0
    thaw()
    assert gc.get_freeze_count() == 0
