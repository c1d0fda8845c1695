"""The folder of a hub, as `--dir` names it, and the profiles in it.

Enters the folder and a user; leaves that user's profile, or a ConfigError that says what is missing and who makes it.
"""

from __future__ import annotations

from pathlib import Path

from gongyu_schemas.errors import ConfigError
from gongyu_schemas.transport.profile import Profile, read_profile


def read_profile_of(user: str, directory: Path, given: Path | None) -> Profile:
    """The given profile; without one the user's in the hub's folder. Raises ConfigError."""
    if given is not None:
        return read_profile(given)
    file = directory / "profiles" / f"{user}.yaml"
    if not directory.is_dir():
        what = "is a file, not a hub's folder" if directory.exists() else "is not there"
        raise ConfigError(f"--dir {directory} {what}: name the folder of the hub, as `gongyu-hub up` has it, or give --profile FILE")
    if not file.parent.is_dir():
        raise ConfigError(
            f"--dir {directory} is no hub's folder, it has no profiles: "
            "name the one of `gongyu-hub up`, start that first, or give --profile FILE"
        )
    if not file.exists():
        raise ConfigError(f"{file} is not there: `gongyu-hub up` or `gongyu-hub serve` writes it; start that first, or give --profile FILE")
    return read_profile(file)
