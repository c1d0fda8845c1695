"""The file of the pseudonym key: made once by the control plane, read by it and by workers.

One line of text, mode 0600 from the first byte. It is the only copy: whoever loses it cannot make the same pseudonyms again, so it
belongs into the backup, apart from that of the data. Raises ConfigError with what to do; never with the file's content.
"""

from __future__ import annotations

import os
import secrets
import stat
import tempfile
from pathlib import Path

from gongyu_hub.policy.pseudonyms import KEY_BYTES, PseudonymKey
from gongyu_schemas.errors import ConfigError
from gongyu_schemas.plain_words import why
from gongyu_schemas.private import make_private_folder

#: In the hub's folder.
KEY_FILE = Path("secrets", "pseudonym.key")
#: The format's number, before the key's hexadecimal digits.
_FORMAT = "gongyu-pseudonym-key-1"


def read_key(file: Path) -> PseudonymKey | None:
    """None where there is no such file. Raises ConfigError where others may read it, or where it is no key."""
    try:
        mode, text = file.stat().st_mode, file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"pseudonym key {file} cannot be read: {why(error)}") from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigError(f"pseudonym key {file} is open to other users: run chmod 600 {file}")
    label, _, digits = text.decode(errors="replace").strip().partition(" ")
    try:
        master = bytes.fromhex(digits)
    except ValueError:
        master = b""
    if label != _FORMAT or len(master) != KEY_BYTES:
        raise ConfigError(f"{file} is no pseudonym key that this version reads; restore it from the backup")
    return PseudonymKey(master)


def make_key(file: Path) -> PseudonymKey:
    """A new key, written whole or not at all, and on the disk before anyone uses it. Raises ConfigError."""
    key = PseudonymKey(secrets.token_bytes(KEY_BYTES))
    try:
        make_private_folder(file.parent)
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=file.name)  # mkstemp makes files 0600
        try:
            with os.fdopen(handle, "w", encoding="ascii") as out:
                out.write(f"{_FORMAT} {key.master.hex()}\n")
                out.flush()
                os.fsync(out.fileno())
            Path(name).replace(file)
        finally:
            Path(name).unlink(missing_ok=True)  # there only where it could not take its place
        _flush_folder(file.parent)
    except OSError as error:
        raise ConfigError(f"pseudonym key {file} cannot be written: {why(error)}; check the folder's rights and the disk") from error
    return key


def _flush_folder(folder: Path) -> None:
    """The file's name is on the disk too, before the database names the key."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
