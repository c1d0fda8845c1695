"""The changes of a snapshot: equal to an independent account, whatever was published and whatever the file holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gongyu_producers.compare import compare_snapshot, keys_of, list_plain
from gongyu_producers.records import Records
from gongyu_producers.rows import Problem, Row
from gongyu_producers.staging import Staging
from gongyu_producers.state import Published, State
from tests.producers.models import LEVY, PERSON, compare, open_new, read_rows
from tests.producers.registers import LEVY_HEADER, PERSON_HEADER, person, write_rows

KEYS = [str(number) for number in range(8)]


@dataclass
class Line:
    """A row of the generated file; `key` empty: unreadable; `income` "bad": a bad row."""

    key: str
    income: str


@dataclass
class Account:
    """What must happen, told key by key."""

    created: set[str] = field(default_factory=set)
    updated: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    withheld: set[str] = field(default_factory=set)
    unchanged: set[str] = field(default_factory=set)
    rejected_lines: set[int] = field(default_factory=set)


def expected(published: dict[str, int], lines: list[Line]) -> Account:
    """An independent account, with dictionaries."""
    account = Account()
    unreadable = any(line.key == "" for line in lines)
    for number, line in enumerate(lines, start=2):
        same_key = [other for other in lines if other.key == line.key]
        if line.key == "" or line.income == "bad" or len(same_key) > 1:
            account.rejected_lines.add(number)
        elif line.key not in published:
            account.created.add(line.key)
        elif published[line.key] != int(line.income):
            account.updated.add(line.key)
        else:
            account.unchanged.add(line.key)
    gone = published.keys() - {line.key for line in lines}
    (account.withheld if unreadable else account.deleted).update(gone)
    return account


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(st.sampled_from(KEYS), st.integers(1, 3)),
    st.lists(st.builds(Line, st.sampled_from([*KEYS, *KEYS, ""]), st.sampled_from(["1", "2", "3", "bad"])), max_size=10),
)
def test_the_changes_of_a_snapshot_equal_an_independent_account(
    tmp_path_factory: pytest.TempPathFactory, published: dict[str, int], lines: list[Line]
) -> None:
    folder = tmp_path_factory.mktemp("run")
    state = open_new(PERSON)
    publish(state, folder, [person(key, income) for key, income in published.items()])
    rows = read_rows(PERSON, write_rows(folder / "f", PERSON_HEADER, [person(line.key, line.income) for line in lines]))
    counts, staging = compare(PERSON, state, rows)
    account = expected(published, lines)
    listed = {op: {key["id"] for key in keys_of(staging, Records(PERSON), op, 100)} for op in "cud"}
    assert listed == {"c": account.created, "u": account.updated, "d": account.deleted}
    assert {reject["line"] for reject in staging.rejects()} == account.rejected_lines
    assert counts.withheld == len(account.withheld)
    assert counts.unchanged == len(account.unchanged)
    assert staging.rejected_rows() == len(account.rejected_lines)
    assert staging.rows == counts.created + counts.updated + counts.unchanged + staging.rejected_rows()
    ops = [op for (op,) in state.connection.execute("SELECT op FROM run.changes ORDER BY seq")]
    assert ops == sorted(ops, key="d".__eq__), "deletes come last"
    state.close()


def publish(state: State, folder: Path, people: list[str], header: str = PERSON_HEADER) -> None:
    rows = read_rows(LEVY if header == LEVY_HEADER else PERSON, write_rows(folder / "published", header, people))
    changes: list[tuple[bytes, Published | None]] = []
    for row in rows:
        assert row.key is not None
        assert row.image is not None
        changes.append((row.key, (row.key, row.subject, row.image)))
    state.apply(changes, {0: len(changes)}, len(changes) + 1)


def test_repeated_keys_are_told_with_all_their_lines(tmp_path: Path) -> None:
    state = open_new(PERSON)
    rows = read_rows(PERSON, write_rows(tmp_path / "f", PERSON_HEADER, [person(1), person(2), person(1, "bad"), person(1)]))
    counts, staging = compare(PERSON, state, rows)
    assert counts.created == 1
    told = [(reject["line"], reject["reason"]) for reject in staging.rejects() if reject["field"] == "id"]
    assert told == [(line, "the key occurs in 3 rows (lines 2, 4, 5); none of them is published") for line in (2, 4, 5)]
    state.close()


def test_a_record_that_changes_its_subject_is_rejected(tmp_path: Path) -> None:
    state = open_new(LEVY)
    publish(state, tmp_path, ["1\tkim\t1\t1", "2\tlee\t1\t1"], LEVY_HEADER)
    rows = read_rows(LEVY, write_rows(tmp_path / "f", LEVY_HEADER, ["1\tpark\t2\t1", "2\tlee\t2\t1"]))
    counts, staging = compare(LEVY, state, rows)
    assert (counts.updated, counts.deleted) == (1, 0)
    assert [(reject["line"], reject["key"]) for reject in staging.rejects()] == [(2, {"bill": "1"})]
    state.close()


def test_plain_rows_keep_their_order_and_repeated_keys(tmp_path: Path) -> None:
    state = open_new(PERSON)
    staging = Staging(state.connection)
    for row in read_rows(PERSON, write_rows(tmp_path / "f", PERSON_HEADER, [person(2), person(1, "bad"), person(1), person(2, 5)])):
        staging.add(row)
    staging.flush()
    counts = list_plain(staging)
    assert (counts.updated, staging.rejected_rows()) == (3, 1)
    assert [key["id"] for key in keys_of(staging, Records(PERSON), "u", 10)] == ["2", "1", "2"]
    state.close()


def test_more_rows_than_one_batch_are_staged(tmp_path: Path) -> None:
    state = open_new(PERSON)
    good = read_rows(PERSON, write_rows(tmp_path / "f", PERSON_HEADER, [person(number) for number in range(5_000)]))
    bad = [Row(10_000 + number, "u", None, None, None, [Problem("id", "missing")]) for number in range(3_000)]
    staging = Staging(state.connection)
    for row in [*good, *bad]:
        staging.add(row)
    staging.flush()
    counts = compare_snapshot(staging, Records(PERSON))
    assert (counts.created, staging.rejected_rows(), staging.unreadable) == (5_000, 3_000, 3_000)
    state.close()
