"""What one embedded Kafka remembers in its directory: its port, its identity, its passwords.

`node.json` is readable by its user alone and written whole or not at all. A file of another format is refused.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import tempfile
import uuid
from dataclasses import asdict, dataclass, field
from pathlib import Path

from gongyu_schemas.errors import ConfigError

FORMAT = 1
_PASSWORD_BYTES = 32


@dataclass(frozen=True, slots=True)
class Node:
    """Identity and secrets of one broker."""

    port: int
    cluster_id: str
    admin_password: str = field(repr=False)
    broker_password: str = field(repr=False)
    #: Whether the data directory was initialised; before that it holds nothing worth keeping.
    formatted: bool = False
    format: int = FORMAT


def new_node(port: int) -> Node:
    """A node with fresh random passwords. Kafka writes a cluster id as a UUID in URL-safe base64."""
    cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
    # A leading '-' would be read as an option by Kafka's tools.
    return Node(port, cluster_id.replace("-", "A"), secrets.token_hex(_PASSWORD_BYTES), secrets.token_hex(_PASSWORD_BYTES))


def read_node(path: Path) -> Node | None:
    """The remembered node, None at the very first start. Raises ConfigError for a file of another format."""
    if not path.exists():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(f"{path} is not JSON; it is written by gongyu-hub kafka: restore it or use an empty --dir") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ConfigError(f"{path} is of another format than {FORMAT}: use the gongyu version that wrote it, or an empty --dir")
    return Node(**content)


def write_node(path: Path, node: Node) -> None:
    """Remember the node."""
    write_private(path, json.dumps(asdict(node), indent=1) + "\n")


def write_private(path: Path, text: str) -> None:
    """Written whole or not at all, mode 0600 from the first byte."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mkstemp makes files 0600
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    Path(name).replace(path)
