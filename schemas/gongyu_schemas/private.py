"""Folders and files that only their user may open, from the first moment they exist.

The modes are given at creation, because between a creation and a later `chmod` another user could open the file.
What exists already keeps its mode: it may be the user's own choice. OSError passes through.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def make_private_folder(folder: Path) -> None:
    """The folder and those of its parents that are missing, mode 0700 (`Path.mkdir` gives it to the last one alone)."""
    if not folder.is_dir():
        if folder.parent != folder:
            make_private_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def make_private_file(file: Path) -> None:
    """An empty file, mode 0600; SQLite gives the files beside it the same mode."""
    with suppress(FileExistsError):
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
