"""SQLite: the grant as a table, exactly once.

Rows, positions, copies and counts change in one database transaction per batch, so whenever the process dies the file
holds the effect of every delivery before its positions, once, and of none after.
A batch is applied to an overlay first: each record is looked up once and written once, with the state it ends in.
Markers write the overlay out, because they work on the table as a whole.
Several receivers may share a file (`shared`), each with its partitions: before it reads one, a receiver claims it, which
raises the partition's generation in the file; a batch is written only as far as the claims still have the receiver's
generation, in the same transaction. So a receiver that lost a partition (a zombie, a slow one) cannot write it any
more, and the one that took over reads on from exactly where the last written batch ended.
Goes wrong: a foreign, newer or locked file (ConfigError, DatabaseError), a full disk or SQLite's own errors
(DatabaseError); the transaction is rolled back, the next start goes on from the last one.
Decision: WAL with synchronous=NORMAL. A power cut may then lose the last transactions, but whole ones, rows and
positions together; they are read from Kafka again. FULL would cost a sync per batch and protect nothing more.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gongyu_consumers.copies import Copies, Held, find_inconsistency, is_begin, read_marker
from gongyu_consumers.delivery import Delivery, Image
from gongyu_consumers.sinks import sqlite_file
from gongyu_consumers.sinks.lock import TargetLock
from gongyu_consumers.sinks.sink import Effects, Identity, Shape, place_of
from gongyu_consumers.sinks.tables import column_names, write_statements
from gongyu_consumers.values import leaves_of, sqlite_value
from gongyu_schemas.envelope import CREATE, DELETE, MARKER, READ
from gongyu_schemas.errors import DatabaseError
from gongyu_schemas.fields import Kind

Cell = int | float | str | bytes | None
#: Kinds whose Python value SQLite stores as it is.
_PLAIN = frozenset({Kind.BOOLEAN, Kind.INT, Kind.LONG, Kind.STRING, Kind.ENUM})


@dataclass(frozen=True, slots=True)
class _Row:
    """A record in the overlay; `cells` is None where it is as the table has it."""

    held: Held
    cells: tuple[Cell, ...] | None


_Overlay = dict[tuple[Cell, ...], _Row | None]


class SqliteSink:
    """See the module. One instance per file and process; `close` lets the file go."""

    def __init__(self, path: Path, identity: Identity, shape: Shape, *, from_anywhere: bool = False, shared: bool = False) -> None:
        self._path, self._shared = path, shared
        self._names = column_names(shape)
        self._key_places = tuple(self._names.index(name) for name in shape.key)
        converted = (i for i, field in enumerate(shape.fields) if field.kind not in _PLAIN)
        self._converted = tuple(i for i in converted if i not in self._key_places)
        self._fields = shape.fields if any("." in name for name in self._names) else ()
        self._key = shape.key
        self._sql = write_statements(identity.grant, shape)
        self._lock = TargetLock(path, shared=shared)
        #: Generation of each partition that this receiver has claimed.
        self._claims: dict[int, int] = {}
        try:
            with self._errors(), self._lock.alone():
                self._database = sqlite_file.open_file(path, identity, shape, self._sql, shared=shared)
                self._positions = {} if shared else self._stored()
                standings = {} if shared else sqlite_file.read_standings(self._database, self._sql)
                self.file_name = sqlite_file.file_name_of(self._database, path) if shared else ""
        except BaseException:
            self._lock.withdraw()
            raise
        self._copies = Copies(standings, from_anywhere)

    @property
    def positions(self) -> Mapping[int, int]:
        return self._positions

    @property
    def copies(self) -> Copies:
        return self._copies

    def apply(self, deliveries: Sequence[Delivery], positions: Mapping[int, int]) -> Effects:
        """One database transaction. After an error the sink is not used again: the file is as before the batch."""
        effects = Effects()
        with self._transaction():
            if self._shared:
                deliveries, positions = self._only_claimed(deliveries, positions, effects)
            overlay: _Overlay = {}
            for delivery in deliveries:
                effects.delivered[delivery.op] += 1
                if delivery.op == MARKER:
                    self._write(overlay)
                    self._mark(delivery, effects)
                elif self._copies.admits(delivery.source.partition):
                    self._change(delivery, overlay, effects)
                else:
                    effects.passed_over += 1
            self._write(overlay)
            self._remember(positions, effects)
        self._positions.update(positions)
        return effects

    def claim(self, partition: int, scope: Callable[[int], bool]) -> int | None:
        """From now on this receiver alone may write a partition, until another one claims it; the offset to read next, if any.

        `scope`: the input partitions that arrive in this one.
        """
        with self._transaction():
            self._database.execute(self._sql.take_claim, (partition, 1))
            generations, stored = dict(self._database.execute(self._sql.read_claims).fetchall()), self._stored()
            standings = sqlite_file.read_standings(self._database, self._sql)
        self._claims[partition] = generations[partition]
        self._copies.replace(scope, standings)
        self._positions.pop(partition, None)
        if partition in stored:
            self._positions[partition] = stored[partition]
        return stored.get(partition)

    def leave(self, partition: int, scope: Callable[[int], bool]) -> None:
        """The partition is another receiver's now."""
        self._claims.pop(partition, None)
        self._positions.pop(partition, None)
        self._copies.replace(scope, {})

    def reached(self) -> dict[int, int]:
        """The positions in the file: this receiver's and those of others that share it."""
        with self._errors():
            return self._stored()

    def close(self) -> None:
        self._database.close()
        self._lock.release()

    def _stored(self) -> dict[int, int]:
        with closing(self._database.execute(self._sql.read_offsets)) as found:
            return dict(found.fetchall())

    def _only_claimed(
        self, deliveries: Sequence[Delivery], positions: Mapping[int, int], effects: Effects
    ) -> tuple[Sequence[Delivery], Mapping[int, int]]:
        """What this receiver may still write."""
        generations = dict(self._database.execute(self._sql.read_claims).fetchall())
        fenced = frozenset(partition for partition in positions if generations.get(partition) != self._claims.get(partition, -1))
        effects.fenced = fenced
        if not fenced:
            return deliveries, positions
        mine = {partition: offset for partition, offset in positions.items() if partition not in fenced}
        return [delivery for delivery in deliveries if delivery.partition in mine], mine

    def _change(self, delivery: Delivery, overlay: _Overlay, effects: Effects) -> None:
        key = tuple(sqlite_value(delivery.key[name]) for name in self._key)
        partition, op = delivery.source.partition, delivery.op
        row = overlay[key] if key in overlay else self._find(key)
        held = row.held if row is not None else None
        elsewhere = held is not None and held.partition != partition
        number = self._copies.open_number(partition)
        if elsewhere and op in {CREATE, READ, DELETE}:
            # The record's subject changed, so it moved between partitions, whose order is not defined: the later place wins.
            effects.moved += 1
            if op == DELETE:
                return
        elif wrong := find_inconsistency(op, None if elsewhere else held, number):
            effects.inconsistencies.append(f"{place_of(delivery)}: {wrong}")
        if delivery.after is None:
            overlay[key] = None
            return
        overlay[key] = _Row(Held(partition, number), self._cells(delivery.after, key))

    def _cells(self, after: Image, key: tuple[Cell, ...]) -> tuple[Cell, ...]:
        """The row of an image, in column order; the key's columns come from the message key."""
        leaves = leaves_of(after, self._fields) if self._fields else after
        cells: list[Any] = [leaves[name] for name in self._names]
        for i in self._converted:
            cells[i] = sqlite_value(cells[i])
        for i, cell in zip(self._key_places, key, strict=True):
            cells[i] = cell
        return tuple(cells)

    def _find(self, key: tuple[Cell, ...]) -> _Row | None:
        found = self._database.execute(self._sql.find, key).fetchone()
        return None if found is None else _Row(Held(*found), None)

    def _write(self, overlay: _Overlay) -> None:
        """Write the overlay out and empty it."""
        gone = [key for key, row in overlay.items() if row is None]
        put = [(*row.cells, row.held.partition, row.held.copy) for row in overlay.values() if row is not None and row.cells is not None]
        self._database.executemany(self._sql.remove, gone)
        self._database.executemany(self._sql.put, put)
        overlay.clear()

    def _mark(self, delivery: Delivery, effects: Effects) -> None:
        marker = read_marker(delivery)
        scope = marker.partition, marker.number
        if is_begin(marker):
            # Rows that already carry this number were refreshed by an earlier copy of the same number.
            self._database.execute(self._sql.forget_copy, scope)
            self._copies.begin(marker)
        elif self._copies.end(marker):
            effects.sweeps += 1
            effects.swept += self._database.execute(self._sql.sweep, scope).rowcount

    def _remember(self, positions: Mapping[int, int], effects: Effects) -> None:
        self._database.executemany(self._sql.put_offset, positions.items())
        standings = ((p, self._copies.standings[p]) for p in sorted(self._copies.changed))
        self._database.executemany(self._sql.put_copy, [(p, each.number, each.open) for p, each in standings])
        self._copies.changed.clear()
        counts = Counter(effects.delivered)
        counts.update({"swept": effects.swept, "passed over": effects.passed_over, "moved": effects.moved})
        counts["inconsistent"] = len(effects.inconsistencies)
        self._database.executemany(self._sql.add_count, [(what, number) for what, number in counts.items() if number])

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._errors():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._database.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # the first error is the one to tell
                    self._database.execute("ROLLBACK")
                raise

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            busy = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY
            what = "another program keeps it locked; let that one finish and start again" if busy else "nothing of the last batch is kept"
            raise DatabaseError(f"{self._path}: {error}: {what}") from error
