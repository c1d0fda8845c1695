"""The control plane's pseudonym key: made at the first start, and the same one ever after.

The database keeps which key it is (never the key): with another one the grants in force would show everybody under a new
pseudonym, without a word. So a key that is lost or exchanged is a ConfigError as long as a grant in force uses it.
"""

from __future__ import annotations

from pathlib import Path

from gongyu_hub.policy.key_file import make_key, read_key
from gongyu_hub.registry import epochs
from gongyu_hub.registry.database import Database
from gongyu_schemas.errors import ConfigError

_SETTING = "pseudonym_key"


def keep_key(file: Path, database: Database) -> str:
    """The check of the key in use. Raises ConfigError."""
    key, known = read_key(file), database.setting(_SETTING)
    if known is not None and (key is None or key.check != known) and _in_use(database):
        state = "is not there" if key is None else "is not the key that these were made with"
        raise ConfigError(f"grants in force show pseudonyms, and {file} {state}: restore the file from the backup")
    key = key or make_key(file)
    if key.check != known:
        database.keep_setting(_SETTING, key.check)
    return key.check


def _in_use(database: Database) -> bool:
    with database.reading() as session:
        return any(version.pseudonym_key is not None for version in epochs.known_grants(session).values())
