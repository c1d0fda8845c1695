"""Many open stores take little memory each, also where the C library has used memory to give."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

STORES = 60
_PROGRAM = f"""
import re, sys
from pathlib import Path
import numpy as np
from gongyu_hub.state.store import Identity, Store

def resident_kib():
    return int(re.search(r"VmRSS:\\s+(\\d+)", Path("/proc/self/status").read_text()).group(1))

array = np.ones(3_000_000)  # as batches do: large memory comes and goes
del array
first, stores = resident_kib(), []
for number in range({STORES}):
    stores.append(Store(Path(sys.argv[1]) / str(number), Identity("c", "t", "i", number)))
    stores[-1].begin(fresh=True)
print(resident_kib() - first)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_an_open_store_takes_less_than_half_a_mebibyte(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM, tmp_path], capture_output=True, check=True, text=True, timeout=60)
    each_kib = int(done.stdout) / STORES
    print(f"{STORES} open stores take {each_kib:.0f} KiB each")
    assert each_kib < 512
