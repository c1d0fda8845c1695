"""The receiver as its user starts it: a process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.consumers.fed_grant import FedGrant

COMMAND = [sys.executable, "-m", "gongyu_consumers", "receive"]


def start(fed: FedGrant, to: str, *options: str, grant: str | None = None, profile: Path | None = None) -> subprocess.Popen[str]:
    line = [*COMMAND, grant or fed.grant, "--to", to, "--profile", str(profile or fed.profile_path), *options]
    environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def run(fed: FedGrant, to: str, *options: str, timeout_s: float = 60, **more: Any) -> tuple[int, str, str]:
    """(exit code, stdout, stderr) of a run to its end."""
    process = start(fed, to, *options, **more)
    try:
        out, err = process.communicate(timeout=timeout_s)
    finally:
        process.kill()
        process.wait()
    return process.returncode, out, err
