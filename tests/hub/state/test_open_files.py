"""A worker may have more partitions than the usual limit of open files has room for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_PROGRAM = """
import resource, sys
from pathlib import Path
from gongyu_hub.state.open_files import allow_many_files
from gongyu_hub.state.store import Identity, Store

limit, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (64, most))
allow_many_files()
raised = resource.getrlimit(resource.RLIMIT_NOFILE)
allow_many_files()
assert resource.getrlimit(resource.RLIMIT_NOFILE) == raised, "raised twice"
stores = [Store(Path(sys.argv[1]) / str(number), Identity("c", "t", "i", number)) for number in range(40)]
print(len(stores))
"""


def test_stores_beyond_the_limit_that_was_set_are_opened(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM, tmp_path], capture_output=True, check=False, text=True, timeout=60)
    assert (done.returncode, done.stdout.strip()) == (0, "40"), done.stderr
