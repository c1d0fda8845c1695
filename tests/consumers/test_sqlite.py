"""The SQLite sink: what it holds is what the deliveries say, once, whatever happens in between."""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gongyu_consumers.delivery import Delivery, Image
from gongyu_consumers.sinks.sink import Shape
from gongyu_consumers.sinks.sqlite import SqliteSink
from gongyu_schemas.errors import ConfigError, DatabaseError, FatalError
from gongyu_schemas.fields import Field, Kind
from tests.consumers.models import GRANT, IDENTITY, SHAPE, Model, deliver, mark

BEGIN, END = mark("begin"), mark("end")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bank.db"


@pytest.fixture
def sink(path: Path) -> Iterator[SqliteSink]:
    opened = SqliteSink(path, IDENTITY, SHAPE)
    yield opened
    opened.close()


def query(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as database:
        return database.execute(sql).fetchall()


def table(path: Path) -> dict[str, str | None]:
    return dict(query(path, 'SELECT id, city FROM "resident-address"'))


def counts(path: Path) -> dict[str, int]:
    return dict(query(path, 'SELECT what, number FROM "gongyu.counts"'))


def test_c_u_d_r_make_the_table(sink: SqliteSink, path: Path) -> None:
    changes = [BEGIN, deliver("r", "a", "Seoul"), END, deliver("c", "b", "Busan"), deliver("u", "b", "Daegu"), deliver("d", "a")]
    effects = sink.apply(changes, {0: 6})
    assert table(path) == {"b": "Daegu"}
    assert effects.delivered == Counter(m=2, r=1, c=1, u=1, d=1)
    assert effects.inconsistencies == []
    assert counts(path) == {"m": 2, "r": 1, "c": 1, "u": 1, "d": 1}


def test_an_end_removes_what_the_copy_did_not_refresh(sink: SqliteSink, path: Path) -> None:
    sink.apply([BEGIN, *(deliver("r", each, "Seoul") for each in "abcd"), END], {0: 6})
    again = [
        mark("begin", 2),
        deliver("r", "a", "Ulsan"),
        deliver("r", "b", "Seoul"),
        deliver("u", "b", "Jeju"),
        deliver("c", "e", "Seoul"),
    ]
    effects = sink.apply([*again, mark("end", 2)], {0: 12})
    assert table(path) == {"a": "Ulsan", "b": "Jeju", "e": "Seoul"}
    assert (effects.sweeps, effects.swept) == (1, 2)
    assert counts(path)["swept"] == 2


def test_an_end_removes_only_rows_of_its_input_partition(sink: SqliteSink, path: Path) -> None:
    first = [mark("begin", source=1), deliver("r", "x", "Jeju", source=1), mark("end", source=1), BEGIN, deliver("r", "a", "Seoul"), END]
    sink.apply(first, {0: 6})
    sink.apply([mark("begin", 2), mark("end", 2)], {0: 8})
    assert table(path) == {"x": "Jeju"}


@pytest.mark.parametrize("end", [mark("end", 3), mark("end", 2, source=1)], ids=["another number", "another partition"])
def test_an_end_without_its_begin_sweeps_nothing(sink: SqliteSink, path: Path, end: Delivery) -> None:
    sink.apply([BEGIN, deliver("r", "a", "Seoul"), END, mark("begin", 2)], {0: 4})
    effects = sink.apply([end], {0: 5})
    assert (effects.sweeps, table(path)) == (0, {"a": "Seoul"})


def test_a_newer_begin_takes_the_place_of_an_open_copy(sink: SqliteSink, path: Path) -> None:
    sink.apply([BEGIN, deliver("r", "a", "Seoul"), mark("begin", 2), deliver("r", "b", "Seoul")], {0: 4})
    assert sink.apply([END], {0: 5}).sweeps == 0
    assert sink.apply([mark("end", 2)], {0: 6}).swept == 1
    assert table(path) == {"b": "Seoul"}


def test_an_open_copy_survives_a_restart(path: Path) -> None:
    with closing(SqliteSink(path, IDENTITY, SHAPE)) as first:
        first.apply([BEGIN, deliver("r", "a", "Seoul"), deliver("r", "b", "Seoul"), END], {0: 4})
        first.apply([mark("begin", 2), deliver("r", "a", "Seoul")], {0: 6})
    with closing(SqliteSink(path, IDENTITY, SHAPE)) as second:
        assert second.positions == {0: 6}
        second.apply([mark("end", 2)], {0: 7})
    assert table(path) == {"a": "Seoul"}


def test_a_copy_of_a_bucket_is_refused_and_changes_nothing(sink: SqliteSink, path: Path) -> None:
    sink.apply([BEGIN, deliver("r", "a", "Seoul"), END], {0: 3})
    with pytest.raises(FatalError, match="one bucket"):
        sink.apply([deliver("d", "a"), mark("begin", 2, bucket=5)], {0: 5})
    assert table(path) == {"a": "Seoul"}


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ([deliver("u", "b", "Jeju", offset=7)], "u of a record that is not there"),
        ([deliver("d", "b", offset=7)], "d of a record that is not there"),
        ([deliver("c", "a", "Jeju", offset=7)], "c of a record that is there"),
        ([deliver("r", "b", "Jeju", offset=7)], "r outside a copy"),
        ([mark("begin", 2), deliver("u", "a", "Jeju", offset=7)], "u of a record that is not there"),
        ([mark("begin", 2), deliver("r", "a", "Jeju"), deliver("r", "a", "Jeju", offset=7)], "r of a record that the copy"),
    ],
)
def test_what_does_not_follow_is_reported_with_its_place_and_applied(
    sink: SqliteSink, path: Path, changes: list[Delivery], text: str
) -> None:
    sink.apply([BEGIN, deliver("r", "a", "Seoul"), END], {0: 3})
    effects = sink.apply(changes, {0: 8})
    assert [text in each for each in effects.inconsistencies] == [True]
    assert "[0] offset 7" in effects.inconsistencies[0]
    assert counts(path)["inconsistent"] == 1
    last = changes[-1]
    assert table(path).get(str(last.key["id"])) == (last.after or {}).get("city")


def test_deliveries_before_the_first_begin_are_passed_over_and_remembered(path: Path) -> None:
    with closing(SqliteSink(path, IDENTITY, SHAPE)) as first:
        assert first.apply([deliver("u", "a", "Seoul", source=3)], {0: 1}).passed_over == 1
    with closing(SqliteSink(path, IDENTITY, SHAPE)) as second:
        assert second.copies.unbegun() == (3,)
        second.apply([mark("begin", source=3), deliver("r", "a", "Jeju", source=3), mark("end", source=3)], {0: 4})
        assert second.copies.unbegun() == ()
    assert table(path) == {"a": "Jeju"}


def test_from_anywhere_applies_what_there_is(path: Path) -> None:
    with closing(SqliteSink(path, IDENTITY, SHAPE, from_anywhere=True)) as sink:
        effects = sink.apply([deliver("u", "a", "Seoul")], {0: 1})
    assert (effects.passed_over, len(effects.inconsistencies), table(path)) == (0, 1, {"a": "Seoul"})


def test_a_record_that_moved_to_another_partition_ends_where_it_moved_to(sink: SqliteSink, path: Path) -> None:
    sink.apply([BEGIN, deliver("r", "a", "Seoul"), END, mark("begin", source=1), mark("end", source=1)], {0: 5})
    effects = sink.apply([deliver("c", "a", "Jeju", source=1), deliver("d", "a")], {0: 7})
    assert (effects.moved, effects.inconsistencies, table(path)) == (2, [], {"a": "Jeju"})


def test_a_failing_batch_leaves_rows_and_positions_as_they_were(path: Path) -> None:
    sink = SqliteSink(path, IDENTITY, SHAPE)
    sink.apply([BEGIN, deliver("r", "a", "Seoul"), END], {0: 3})
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute(f"CREATE TRIGGER \"full\" BEFORE INSERT ON \"{GRANT}\" WHEN new.id = 'z' BEGIN SELECT RAISE(ABORT, 'no'); END")
    with pytest.raises(DatabaseError, match="nothing of the last batch is kept"):
        sink.apply([deliver("c", "b", "Jeju"), BEGIN, deliver("r", "z", "Jeju")], {0: 6})
    sink.close()
    with closing(SqliteSink(path, IDENTITY, SHAPE)) as again:
        assert again.positions == {0: 3}
    assert table(path) == {"a": "Seoul"}


def test_values_are_kept_exactly(path: Path) -> None:
    kinds = [Kind.LONG, Kind.BOOLEAN, Kind.DOUBLE, Kind.DATE, Kind.TIMESTAMP_MICROS, Kind.DECIMAL, Kind.STRING, Kind.DATE]
    names = ["n", "b", "f", "day", "at", "amount", "text", "far"]
    fields = tuple(Field(name, kind, null_branch=0) for name, kind in zip(names, kinds, strict=True))
    image: Image = {
        "n": 2**63 - 1,
        "b": True,
        "f": float("nan"),
        "day": date(2026, 1, 31),
        "at": datetime(2026, 1, 31, 1, 2, 3, tzinfo=UTC),
        "amount": Decimal("-12345678901234567890123456789012345.10"),
        "text": "홍길동\x00\U0001f600",
        "far": 5_000_000,
    }
    shape = Shape((Field("id", Kind.STRING), *fields), ("id",))
    with closing(SqliteSink(path, IDENTITY, shape)) as sink:
        sink.apply([BEGIN, replace(deliver("r", "a"), after={"id": "a", **image})], {0: 2})
    found = query(path, 'SELECT n, b, f, day, at, amount, text, far FROM "resident-address"')
    amount = "-12345678901234567890123456789012345.10"
    assert found == [(2**63 - 1, 1, "NaN", "2026-01-31", "2026-01-31T01:02:03.000000+00:00", amount, "홍길동\x00\U0001f600", "5000000")]


def test_the_key_of_several_fields_is_the_primary_key(path: Path) -> None:
    shape = Shape((Field("name", Kind.STRING), Field("day", Kind.DATE), Field("no", Kind.INT)), ("no", "day"))
    key: Image = {"no": 1, "day": date(2026, 1, 1)}
    with closing(SqliteSink(path, IDENTITY, shape)) as sink:
        changes = [replace(deliver(op, ""), key=key, after={**key, "name": name}) for op, name in (("r", "x"), ("u", "y"))]
        assert sink.apply([BEGIN, *changes], {0: 3}).inconsistencies == []
        assert query(path, 'SELECT * FROM "resident-address"') == [("y", "2026-01-01", 1, 0, 1)]
        assert sink.apply([replace(deliver("d", ""), key=key)], {0: 4}).inconsistencies == []
    assert query(path, 'SELECT * FROM "resident-address"') == []


def test_a_table_of_key_columns_only_works(path: Path) -> None:
    shape = Shape((Field("id", Kind.STRING),), ("id",))
    with closing(SqliteSink(path, IDENTITY, shape)) as sink:
        change = replace(deliver("r", "a"), after={"id": "a"})
        sink.apply([BEGIN, change, replace(change, op="u")], {0: 3})
    assert query(path, 'SELECT id FROM "resident-address"') == [("a",)]


def test_a_file_locked_by_another_receiver_is_refused(sink: SqliteSink, path: Path) -> None:
    assert sink.positions == {}
    with pytest.raises(DatabaseError, match="another receiver"):
        SqliteSink(path, IDENTITY, SHAPE)


@pytest.mark.parametrize(
    ("identity", "text"),
    [
        (replace(IDENTITY, grant="other"), "belongs to grant"),
        (replace(IDENTITY, subscriber="other"), "belongs to grant"),
        (replace(IDENTITY, cluster_id="other"), "another cluster|Kafka cluster"),
        (replace(IDENTITY, topic_id="other"), "deleted and made anew"),
    ],
)
def test_a_file_of_another_grant_cluster_or_topic_is_refused(path: Path, identity: Any, text: str) -> None:
    SqliteSink(path, IDENTITY, SHAPE).close()
    with pytest.raises(ConfigError, match=text):
        SqliteSink(path, identity, SHAPE)


def test_a_file_that_is_no_database_is_refused_untouched(path: Path) -> None:
    path.write_text("my thesis")
    with pytest.raises(ConfigError, match="no SQLite database"):
        SqliteSink(path, IDENTITY, SHAPE)
    assert path.read_text() == "my thesis"


def test_a_damaged_database_is_refused(path: Path) -> None:
    path.write_bytes(b"SQLite format 3\x00" + b"\xff" * 4096)
    with pytest.raises(DatabaseError, match=r"bank\.db"):
        SqliteSink(path, IDENTITY, SHAPE)


def test_a_database_of_something_else_is_refused_untouched(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE mine (a)")
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="something else"):
        SqliteSink(path, IDENTITY, SHAPE)
    assert path.read_bytes() == before


def test_a_newer_format_is_refused(path: Path) -> None:
    SqliteSink(path, IDENTITY, SHAPE).close()
    with closing(sqlite3.connect(path)) as database:
        database.execute("UPDATE \"gongyu.meta\" SET value = '2' WHERE name = 'format'")
        database.commit()
    with pytest.raises(DatabaseError, match="update gongyu"):
        SqliteSink(path, IDENTITY, SHAPE)


def test_other_columns_are_refused(path: Path) -> None:
    SqliteSink(path, IDENTITY, SHAPE).close()
    with pytest.raises(ConfigError, match="other columns"):
        SqliteSink(path, IDENTITY, Shape((*SHAPE.fields, Field("more", Kind.INT)), ("id",)))


def test_fields_that_differ_only_in_case_are_refused(path: Path) -> None:
    with pytest.raises(ConfigError, match="only in case"):
        SqliteSink(path, IDENTITY, Shape((*SHAPE.fields, Field("City", Kind.STRING)), ("id",)))


def test_a_refused_file_is_not_left_locked(path: Path) -> None:
    SqliteSink(path, IDENTITY, SHAPE).close()
    with pytest.raises(ConfigError):
        SqliteSink(path, replace(IDENTITY, grant="other"), SHAPE)
    SqliteSink(path, IDENTITY, SHAPE).close()


def records() -> st.SearchStrategy[str]:
    return st.sampled_from("abcdef")


def events() -> st.SearchStrategy[Delivery]:
    """Any sequence, legal or not. A record belongs to one input partition, as its subject decides."""
    home = {record: index % 3 for index, record in enumerate("abcdef")}
    changes = st.builds(
        lambda op, record, city: deliver(op, record, city, source=home[record]),
        st.sampled_from("cudr"),
        records(),
        st.sampled_from(["Seoul", "Jeju", None]),
    )
    phases, numbers = st.sampled_from(["begin", "end"]), st.integers(1, 3)
    markers = st.builds(lambda phase, number, source: mark(phase, number, source=source), phases, numbers, st.integers(0, 2))
    return st.one_of(changes, changes, changes, markers)


@given(st.lists(st.lists(events(), max_size=12), max_size=8), st.sets(st.integers(0, 7)))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_sequence_in_any_batches_with_restarts_equals_the_model(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[Delivery]], restarts: set[int]
) -> None:
    path = tmp_path_factory.mktemp("model") / "bank.db"
    model, inconsistent, offset = Model(), 0, 0
    sink = SqliteSink(path, IDENTITY, SHAPE)
    for number, batch in enumerate(batches):
        offset += len(batch)
        inconsistent += len(sink.apply(batch, {0: offset}).inconsistencies)
        for delivery in batch:
            model.apply(delivery)
        if number in restarts:
            sink.close()
            sink = SqliteSink(path, IDENTITY, SHAPE)
        assert table(path) == {record: city for record, (city, _) in model.held.items()}
    sink.close()
    assert inconsistent == model.inconsistent


def test_the_file_and_those_beside_it_are_for_their_user_alone(path: Path) -> None:
    before = os.umask(0)
    try:
        sink = SqliteSink(path, IDENTITY, SHAPE)
        sink.apply([BEGIN, deliver("r", "a", "Seoul"), END], {0: 3})
        modes = {each.name: oct(each.stat().st_mode & 0o777) for each in path.parent.iterdir()}
        sink.close()
    finally:
        os.umask(before)
    assert {"bank.db", "bank.db-wal", "bank.db-shm"} <= modes.keys()
    assert set(modes.values()) == {"0o600"}
