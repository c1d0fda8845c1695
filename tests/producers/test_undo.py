"""Publishing an earlier state: safe and said where it works, refused with the reason where a version makes it useless."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongyu_producers.compare import Counts
from gongyu_producers.earlier import note_earlier
from gongyu_producers.history import PastRun, begin_run, end_run, last_run, last_snapshot
from gongyu_producers.records import Records
from gongyu_producers.rows import Row
from gongyu_producers.state import State
from gongyu_schemas.errors import ConfigError
from tests.producers.models import LEVY, PERSON, compare, open_new

RECORDS = Records(LEVY)


def levy(line: int, bill: int, revision: int, amount: int) -> Row:
    values = {"bill": bill, "payer": "kim", "revision": revision, "amount": amount}
    return Row(line, "u", RECORDS.key(values), RECORDS.subject(values), RECORDS.image(values), [])


def published(*rows: Row) -> State:
    state = open_new(LEVY)
    state.apply([(row.key or b"", (row.key or b"", row.subject, row.image or b"")) for row in rows], {0: 1}, 1)
    return state


def before(file: Path, *, seconds: int) -> PastRun:
    """A snapshot of a file that is so much newer (or older) than this one."""
    return PastRun("", "", "last.tsv", file.stat().st_mtime_ns + seconds * 10**9, True, None, 1, 1, 0, None)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "register.tsv"
    path.touch()
    os.utime(path, (1_700_000_000, 1_700_000_000))
    return path


def test_an_older_file_is_said(file: Path) -> None:
    changes = Counts(1, 1, 1, 0, 0)
    [note] = note_earlier(file, PERSON, changes, before(file, seconds=60))
    assert "this file is of 2023-11-14 22:13 UTC, last.tsv, which was published last, of 2023-11-14 22:14 UTC" in note
    assert note_earlier(file, PERSON, changes, before(file, seconds=-60)) == []
    assert note_earlier(file, PERSON, changes, before(file, seconds=0)) == []
    assert note_earlier(file, PERSON, Counts(0, 0, 0, 9, 0), before(file, seconds=60)) == []
    assert note_earlier(file, PERSON, changes, None) == []


def test_an_earlier_state_of_a_type_with_a_version_is_refused_with_the_reason(file: Path) -> None:
    state = published(levy(1, 1, 2, 20), levy(2, 2, 5, 50), levy(3, 3, 1, 1))
    counts, staging = compare(LEVY, state, [levy(2, 1, 1, 10), levy(3, 2, 4, 40)])
    assert (counts.updated, counts.deleted, staging.rejected_rows()) == (0, 1, 2)
    state.close()
    with pytest.raises(ConfigError) as told:
        note_earlier(file, LEVY, counts, None)
    assert "2 rows have an older version than published (first: line 2) and none a newer one" in str(told.value)
    assert "the hub passes over whatever is older" in str(told.value) and "each with a newer version" in str(told.value)


def test_an_older_file_that_only_deletes_and_creates_is_refused_too(file: Path) -> None:
    state = published(levy(1, 1, 2, 20), levy(2, 2, 5, 50))
    counts, _ = compare(LEVY, state, [levy(2, 1, 2, 20), levy(3, 9, 1, 1)])
    assert (counts.created, counts.deleted) == (1, 1)
    state.close()
    with pytest.raises(ConfigError, match="the file is older than the one published last, and no row has a newer version"):
        note_earlier(file, LEVY, counts, before(file, seconds=60))
    assert note_earlier(file, LEVY, counts, before(file, seconds=-60)) == []


def test_single_rows_with_an_old_or_equal_version_are_rejected_and_the_others_published(file: Path) -> None:
    state = published(levy(1, 1, 2, 20), levy(2, 2, 5, 50), levy(3, 3, 1, 1), levy(4, 4, 1, 1))
    counts, staging = compare(LEVY, state, [levy(2, 1, 3, 30), levy(3, 2, 4, 40), levy(4, 3, 1, 2), levy(5, 4, 1, 1)])
    assert (counts.updated, counts.unchanged, counts.deleted) == (1, 1, 0)
    assert [(each["line"], each["field"], each["reason"].partition(":")[0]) for each in staging.rejects()] == [
        (3, "revision", "older than the published version"),
        (4, "revision", "the record differs from the published one, but has the same version; a change needs a newer version"),
    ]
    state.close()
    assert note_earlier(file, LEVY, counts, before(file, seconds=60)) != [], "it is said, and published: something is newer"


_ROWS = st.dictionaries(st.integers(0, 9), st.tuples(st.integers(0, 3), st.integers(0, 2)), max_size=10)


@given(_ROWS, _ROWS)
def test_only_newer_versions_are_ever_published(old: dict[int, tuple[int, int]], new: dict[int, tuple[int, int]]) -> None:
    state = published(*(levy(1, bill, *rest) for bill, rest in old.items()))
    counts, staging = compare(LEVY, state, [levy(line, bill, *rest) for line, (bill, rest) in enumerate(new.items(), start=2)])
    differing = [(old[bill], new[bill]) for bill in old.keys() & new.keys() if old[bill] != new[bill]]
    assert counts.updated == sum(now[0] > then[0] for then, now in differing)
    assert staging.rejected_rows() == len(differing) - counts.updated
    assert counts.versions.older == sum(now[0] < then[0] for then, now in differing)
    assert (counts.created, counts.deleted) == (len(new.keys() - old.keys()), len(old.keys() - new.keys()))
    state.close()


def test_runs_are_remembered_the_last_thousand_of_them() -> None:
    state = open_new(PERSON)
    connection = state.connection
    assert last_run(connection) is None
    for number in range(1_005):
        begin_run(connection, f"{number}.tsv", number, snapshot=number % 2 == 0, act="a")
        if number < 1_003:
            end_run(connection, 3, 2, 1)
    last, snapshot = last_run(connection), last_snapshot(connection)
    assert last is not None and (last.file, last.ended, last.rows, last.act) == ("1004.tsv", None, None, "a")
    assert snapshot is not None and (snapshot.file, snapshot.rows, snapshot.published, snapshot.rejected) == ("1002.tsv", 3, 2, 1)
    assert connection.execute("SELECT count(*) FROM runs").fetchone() == (1_000,)
    state.close()
