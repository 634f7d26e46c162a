"""The warm-up of torch."""

from __future__ import annotations

import subprocess
import sys

FRESH = """
import gc, sys
from napari_medseg.widgets.warm_up import known_devices, thaw, warm_up
assert known_devices() == []
assert "torch" not in sys.modules
for _ in range(2):
    devices = warm_up()
    assert "torch" in sys.modules
    assert gc.isenabled()
    assert gc.get_freeze_count() > 0
    thaw()
    assert gc.get_freeze_count() == 0
    print(devices == known_devices(), "cpu" in devices)
"""


def test_torch_is_in_memory_afterwards_and_the_collector_runs_and_sees_all_again_when_thawed():
    done = subprocess.run([sys.executable, "-c", FRESH], capture_output=True, text=True)
    assert done.stdout.split() == ["True", "True"] * 2, done.stderr
