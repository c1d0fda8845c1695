"""Several receivers of one file: each writes only what it has claimed, and together they write everything once."""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from gongyu_consumers.delivery import Delivery
from gongyu_consumers.sinks.sqlite import SqliteSink
from gongyu_schemas.errors import DatabaseError
from tests.consumers.models import IDENTITY, SHAPE, Model, deliver, mark

PARTITIONS = 2
RUNS, STEPS = 40, 60


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bank.db"


def scope(partition: int) -> Callable[[int], bool]:
    return lambda each: each % PARTITIONS == partition


def shared(path: Path) -> SqliteSink:
    return SqliteSink(path, IDENTITY, SHAPE, shared=True)


def table(path: Path) -> dict[str, str]:
    with closing(sqlite3.connect(path)) as database:
        return dict(database.execute('SELECT id, city FROM "resident-address"').fetchall())


def counts(path: Path) -> dict[str, int]:
    with closing(sqlite3.connect(path)) as database:
        return dict(database.execute('SELECT what, number FROM "gongyu.counts"').fetchall())


def first_copy(partition: int) -> list[Delivery]:
    return [mark(phase, source=partition, partition=partition) for phase in ("begin", "end")]


def test_a_receiver_that_lost_a_partition_cannot_write_it_any_more(path: Path) -> None:
    with closing(shared(path)) as one, closing(shared(path)) as other:
        assert one.claim(0, scope(0)) is None
        one.apply([*first_copy(0), deliver("c", "a", "Seoul")], {0: 3})
        assert other.claim(0, scope(0)) == 3
        late = one.apply([deliver("c", "late", "Jeju", offset=3)], {0: 4})
        assert (late.fenced, late.delivered.total()) == ({0}, 0)
        other.apply([deliver("c", "b", "Busan", offset=3)], {0: 4})
        assert one.claim(0, scope(0)) == 4
        assert other.apply([], {0: 9}).fenced == {0}
    assert table(path) == {"a": "Seoul", "b": "Busan"}


def test_of_a_batch_only_the_lost_partition_is_left_out(path: Path) -> None:
    with closing(shared(path)) as one, closing(shared(path)) as other:
        for partition in range(PARTITIONS):
            one.claim(partition, scope(partition))
        one.apply([*first_copy(0), *first_copy(1)], {0: 2, 1: 2})
        other.claim(1, scope(1))
        effects = one.apply([deliver("c", "a", offset=2), deliver("c", "b", offset=2, partition=1, source=1)], {0: 3, 1: 3})
        assert (effects.fenced, set(table(path))) == ({1}, {"a"})
        assert other.reached() == {0: 3, 1: 2}


def test_an_open_copy_goes_with_its_partition(path: Path) -> None:
    with closing(shared(path)) as one, closing(shared(path)) as other:
        one.claim(0, scope(0))
        one.apply([*first_copy(0), deliver("c", "a"), deliver("c", "b"), mark("begin", 2), deliver("r", "a", "Jeju")], {0: 6})
        other.claim(0, scope(0))
        one.leave(0, scope(0))
        assert (one.copies.standings, one.positions) == ({}, {})
        assert other.apply([mark("end", 2)], {0: 7}).swept == 1
    assert table(path) == {"a": "Jeju"}


def test_sharing_and_having_alone_exclude_each_other(path: Path) -> None:
    with closing(shared(path)), pytest.raises(DatabaseError, match="another receiver"):
        SqliteSink(path, IDENTITY, SHAPE)
    with closing(SqliteSink(path, IDENTITY, SHAPE)), pytest.raises(DatabaseError, match="--share"):
        shared(path)


def test_a_file_of_one_receiver_may_be_shared_later_and_back(path: Path) -> None:
    with closing(SqliteSink(path, IDENTITY, SHAPE)) as alone:
        alone.apply([*first_copy(0), deliver("c", "a", "Seoul")], {0: 3})
    with closing(shared(path)) as one:
        assert one.claim(0, scope(0)) == 3
        one.apply([deliver("u", "a", "Jeju", offset=3)], {0: 4})
    with closing(SqliteSink(path, IDENTITY, SHAPE)) as alone:
        assert alone.positions == {0: 4}


def test_a_copy_of_the_file_forms_another_group(path: Path, tmp_path: Path) -> None:
    with closing(shared(path)) as one, closing(shared(path)) as other:
        assert one.file_name == other.file_name
    (tmp_path / "copy.db").write_bytes(path.read_bytes())
    with closing(shared(tmp_path / "copy.db")) as copied:
        assert copied.file_name != one.file_name


def histories(chance: random.Random) -> list[list[Delivery]]:
    """Per partition: copies, changes; a record belongs to one partition."""
    logs: list[list[Delivery]] = [first_copy(partition) for partition in range(PARTITIONS)]
    for partition, log in enumerate(logs):
        for number in range(2, 30):
            if chance.random() < 0.15:
                log.append(mark(chance.choice(["begin", "end"]), chance.randint(1, 3), source=partition, partition=partition))
            record = f"{partition}{chance.choice('abcd')}"
            log.append(deliver(chance.choice("cudr"), record, f"city {number}", source=partition, partition=partition))
    return logs


def test_receivers_that_claim_stop_and_come_back_at_random_write_everything_once(tmp_path: Path) -> None:
    fenced = claims = 0
    for seed in range(RUNS):
        chance = random.Random(seed)
        logs, path = histories(chance), tmp_path / f"{seed}.db"
        receivers = [shared(path) for _ in range(3)]
        #: What each receiver believes to be its next offset of a partition; a zombie believes it for long.
        beliefs: list[dict[int, int]] = [{} for _ in receivers]
        for step in range(STEPS * 10):
            number = chance.randrange(len(receivers))
            sink, belief = receivers[number], beliefs[number]
            partition = chance.randrange(PARTITIONS)
            if partition not in belief or (step < STEPS and chance.random() < 0.2):
                if step >= STEPS and any(partition in each for each in beliefs):
                    continue
                belief[partition] = sink.claim(partition, scope(partition)) or 0
                claims += 1
                continue
            taken = logs[partition][belief[partition] : belief[partition] + chance.randrange(1, 6)]
            effects = sink.apply(taken, {partition: belief[partition] + len(taken)})
            if partition in effects.fenced:
                fenced += 1
                del belief[partition]
            else:
                belief[partition] += len(taken)
            if chance.random() < 0.05:
                sink.close()
                receivers[number], beliefs[number] = shared(path), {}
        assert receivers[0].reached() == {partition: len(log) for partition, log in enumerate(logs)}
        for sink in receivers:
            sink.close()
        model = Model()
        for delivery in (each for log in logs for each in log):
            model.apply(delivery)
        assert table(path) == {record: city for record, (city, _) in model.held.items()}
        found = counts(path)
        assert {op: found[op] for op in "cudrm" if op in found} == Counter(each.op for log in logs for each in log)
        assert found.get("inconsistent", 0) == model.inconsistent
    print(f"{claims} claims, {fenced} writes of receivers that had lost their partition refused")
    assert claims > 1_000 and fenced > 300
