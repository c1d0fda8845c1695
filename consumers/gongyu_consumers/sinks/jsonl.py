"""JSON lines: one object per delivery, appended to a file exactly once.

`FILE.offsets.json` holds positions, copies and the length of FILE up to which they hold; it is replaced whole after FILE
is synced. A start cuts FILE to that length: what a dying process wrote behind it is written again from the topic.
Goes wrong: a file that this program did not write or somebody shortened (ConfigError), a full disk (DatabaseError).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gongyu_consumers.copies import Copies, Standing, is_begin, read_marker
from gongyu_consumers.delivery import Delivery
from gongyu_consumers.sinks.lock import TargetLock
from gongyu_consumers.sinks.sink import Effects, Identity, require_same
from gongyu_consumers.values import json_image
from gongyu_schemas.envelope import MARKER
from gongyu_schemas.errors import ConfigError, DatabaseError
from gongyu_schemas.plain_words import why

#: One encoder for all lines: `json.dumps` with options makes a new one each time.
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, check_circular=False).encode
#: Version of the sidecar's format. A file with a newer one is refused.
FORMAT = 1


def to_json(delivery: Delivery) -> dict[str, Any]:
    """All of a delivery but the clock of this process, so that a line is the same whenever it is written."""
    source = delivery.source
    line = {
        "op": delivery.op,
        "key": json_image(delivery.key),
        "before": json_image(delivery.before),
        "after": json_image(delivery.after),
        "ts_ms": delivery.ts_ms,
        "source": {"partition": source.partition, "offset": source.offset, "reason": source.reason, "act": source.act},
        "purpose": delivery.purpose.get("code"),
        "grant": delivery.grant,
        "version": delivery.version,
        "topic": delivery.topic,
        "partition": delivery.partition,
        "offset": delivery.offset,
    }
    return line if delivery.copy is None else {**line, "copy": asdict(delivery.copy)}


def write_lines(deliveries: Sequence[Delivery], copies: Copies, effects: Effects) -> bytes:
    """The lines of a batch; markers open and close copies, deliveries before a first begin are passed over."""
    lines = []
    for delivery in deliveries:
        effects.delivered[delivery.op] += 1
        if delivery.op == MARKER:
            marker = read_marker(delivery)
            if is_begin(marker):
                copies.begin(marker)
            else:
                copies.end(marker)
        elif not copies.admits(delivery.source.partition):
            effects.passed_over += 1
            continue
        lines.append(_encode(to_json(delivery)))
    copies.changed.clear()
    return "".join(f"{line}\n" for line in lines).encode()


class JsonlSink:
    """See the module. One instance per file and process."""

    def __init__(self, path: Path, identity: Identity, *, from_anywhere: bool = False) -> None:
        self._path, self._identity = path, identity
        self._sidecar = path.with_name(path.name + ".offsets.json")
        self._lock = TargetLock(path)
        try:
            self._length, self._positions, standings = self._recall()
            self._copies = Copies(standings, from_anywhere)
            self._file = self._open()
        except OSError as error:
            self._lock.withdraw()
            raise DatabaseError(f"{path} cannot be written: {why(error)}") from error
        except BaseException:
            self._lock.withdraw()
            raise

    @property
    def positions(self) -> Mapping[int, int]:
        return self._positions

    @property
    def copies(self) -> Copies:
        return self._copies

    def apply(self, deliveries: Sequence[Delivery], positions: Mapping[int, int]) -> Effects:
        """Append, sync, then move the positions. After an error the sink is not used again."""
        effects = Effects()
        lines = write_lines(deliveries, self._copies, effects)
        try:
            self._append(lines)
            self._positions.update(positions)
            self._remember()
        except OSError as error:
            raise DatabaseError(f"{self._path} cannot be written: {why(error)}; nothing of the last batch counts") from error
        return effects

    def close(self) -> None:
        os.close(self._file)
        self._lock.release()

    def _open(self) -> int:
        """The file, cut to the length that the sidecar vouches for."""
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        actual = os.fstat(handle).st_size
        if actual < self._length or (actual and not self._sidecar.exists()):
            os.close(handle)
            if actual < self._length:
                raise ConfigError(f"{self._path} is shorter ({actual} bytes) than {self._sidecar.name} says ({self._length}); use another")
            raise ConfigError(f"{self._path} is not empty and has no {self._sidecar.name}: not written by this program; use another file")
        os.ftruncate(handle, self._length)
        os.lseek(handle, self._length, os.SEEK_SET)
        if not self._sidecar.exists():
            self._remember()
        return handle

    def _append(self, lines: bytes) -> None:
        rest = memoryview(lines)
        while rest:
            rest = rest[os.write(self._file, rest) :]
        if lines:
            os.fsync(self._file)
            self._length += len(lines)

    def _remember(self) -> None:
        """Replace the sidecar whole: the new one is on disk before it has the name."""
        content = {
            "format": FORMAT,
            "identity": asdict(self._identity),
            "length": self._length,
            "positions": {str(partition): offset for partition, offset in self._positions.items()},
            "copies": {str(partition): asdict(standing) for partition, standing in self._copies.standings.items()},
        }
        made = self._sidecar.with_name(self._sidecar.name + ".new")
        with made.open("w", encoding="utf-8") as file:
            json.dump(content, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        os.replace(made, self._sidecar)
        folder = os.open(self._sidecar.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _recall(self) -> tuple[int, dict[int, int], dict[int, Standing]]:
        try:
            text = self._sidecar.read_text(encoding="utf-8")
        except FileNotFoundError:
            return 0, {}, {}
        try:
            content = json.loads(text)
            found = content["format"]
            if found > FORMAT:
                raise DatabaseError(f"{self._sidecar} has format {found}, this program knows up to {FORMAT}: update gongyu")
            require_same(str(self._path), Identity(**content["identity"]), self._identity)
            positions = {int(partition): int(offset) for partition, offset in content["positions"].items()}
            standings = {int(partition): Standing(**standing) for partition, standing in content["copies"].items()}
            return int(content["length"]), positions, standings
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigError(f"{self._sidecar} is not this program's; name another file") from error
