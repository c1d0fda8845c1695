"""The state file: locked, recognised, upgraded or refused, and forgotten by a run that keeps nothing."""

from __future__ import annotations

import dataclasses
import signal
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest

from gongyu_producers.guard import GuardStopped, check_deletes, read_limit
from gongyu_producers.history import begin_run, last_run, read_counts, stop_run
from gongyu_producers.interrupt import Interrupted
from gongyu_producers.owner_topic import OwnerTopic, TopicEnds
from gongyu_producers.records import Records
from gongyu_producers.state import FORMAT, State
from gongyu_producers.state_file import open_state, state_path
from gongyu_producers.status import compare_ends, read_status
from gongyu_schemas.errors import ConfigError, DatabaseError
from tests.producers.models import IDENTITY, LEVY, PERSON, open_new

EMPTY = OwnerTopic("owner.o.t", "cluster", "id", {0: 0}, {0: 0})
FULL = dataclasses.replace(EMPTY, end={0: 9})


def opened(folder: Path, topic: OwnerTopic = EMPTY, *, keep: bool = True, rebuild: bool = False, needs_images: bool = True) -> State:
    return open_state(folder, topic, PERSON, Records(PERSON), keep=keep, rebuild=rebuild, needs_images=needs_images)


def test_a_second_opening_is_refused_while_the_first_lasts(tmp_path: Path) -> None:
    first = opened(tmp_path)
    with pytest.raises(ConfigError, match="another gongyu-owner publishes"):
        opened(tmp_path)
    first.close()
    opened(tmp_path).close()


def test_what_is_applied_stays_and_a_dry_run_leaves_it(tmp_path: Path) -> None:
    state = opened(tmp_path)
    state.apply([(b"a", (b"a", None, b"1")), (b"b", (b"b", None, b"2")), (b"a", None)], {0: 5}, 3)
    source = state.source
    state.close()
    dry = opened(tmp_path, FULL, keep=False)
    dry.apply([(b"c", (b"c", None, b"3"))], {0: 7}, 9)
    assert dry.records() == 2
    dry.close()
    state = opened(tmp_path, FULL)
    assert (state.records(), state.next_offsets, state.position, state.source) == (1, {0: 5}, 3, source)
    state.close()
    assert [path.name for path in state_path(tmp_path, EMPTY).parent.iterdir()] == ["owner.o.t.db"]


def test_a_dry_run_on_an_empty_topic_makes_no_file(tmp_path: Path) -> None:
    opened(tmp_path / "new", keep=False).close()
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("topic", "message"),
    [
        (dataclasses.replace(FULL, topic_id="other"), "deleted and made again"),
        (dataclasses.replace(FULL, begin={0: 0, 1: 0}, end={0: 9, 1: 0}), "other partitions"),
        (dataclasses.replace(FULL, end={0: 4}), "it ends at 4"),
        (dataclasses.replace(FULL, begin={0: 6}), "begins at 6"),
    ],
)
def test_a_state_that_does_not_fit_the_topic_is_refused(tmp_path: Path, topic: OwnerTopic, message: str) -> None:
    state = opened(tmp_path)
    state.apply([], {0: 5}, 1)
    state.close()
    with pytest.raises(ConfigError, match=message):
        opened(tmp_path, topic)


def test_a_missing_state_is_refused_where_the_topic_has_messages(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--rebuild-state"):
        opened(tmp_path, FULL)
    with pytest.raises(ConfigError, match="no longer holds its first messages"):
        opened(tmp_path, dataclasses.replace(FULL, begin={0: 1}), rebuild=True)
    state_path(tmp_path, FULL).parent.mkdir()
    state_path(tmp_path, FULL).touch()
    with pytest.raises(ConfigError, match="is missing"):
        opened(tmp_path, FULL)
    rebuilt = opened(tmp_path, FULL, rebuild=True)
    assert rebuilt.next_offsets == {0: 0}
    rebuilt.close()
    plain = opened(tmp_path / "none", FULL, needs_images=False)
    assert (plain.path, plain.next_offsets) == (None, {0: 9})
    plain.close()


def test_other_files_and_newer_formats_are_refused(tmp_path: Path) -> None:
    path = state_path(tmp_path, EMPTY)
    opened(tmp_path).close()
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {FORMAT + 1}")
    connection.close()
    with pytest.raises(ConfigError, match="newer version"):
        opened(tmp_path)
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    for rebuild in (False, True):
        with pytest.raises(ConfigError, match="not a state of gongyu-owner"):
            opened(tmp_path, rebuild=rebuild)
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(DatabaseError, match="damaged"):
        opened(tmp_path)


def test_a_state_of_format_1_is_upgraded_and_keeps_what_it_knows(tmp_path: Path) -> None:
    state = opened(tmp_path)
    state.apply([(b"a", (b"a", None, b"1"))], {0: 5}, 3)
    state.close()
    with sqlite3.connect(state_path(tmp_path, EMPTY)) as connection:
        connection.executescript("DROP TABLE counts; DROP TABLE runs; PRAGMA user_version = 1")
    connection.close()
    state = opened(tmp_path, FULL)
    assert (state.records(), state.next_offsets, state.position) == (1, {0: 5}, 3)
    state.apply([(b"b", (b"b", None, b"2"))], {0: 6}, 4, {"c": 1})
    assert read_counts(state.connection) == {"c": 1}
    begin_run(state.connection, "a.tsv", 0, snapshot=True, act=None)
    state.close()
    with sqlite3.connect(state_path(tmp_path, EMPTY)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (FORMAT,)
    connection.close()


def test_what_is_counted_moves_with_the_offsets_and_a_dry_run_counts_nothing(tmp_path: Path) -> None:
    state = opened(tmp_path)
    state.apply([], {0: 5}, 3, {"c": 2, "d": 1})
    state.apply([], {0: 6}, 4, {"c": 1})
    state.close()
    dry = opened(tmp_path, FULL, keep=False)
    dry.apply([], {0: 9}, 9, {"c": 7})
    begin_run(dry.connection, "a.tsv", 0, snapshot=True, act=None)
    dry.close()
    state = opened(tmp_path, FULL)
    assert (read_counts(state.connection), last_run(state.connection)) == ({"c": 3, "d": 1}, None)
    state.close()


def test_status_tells_a_state_that_is_in_use_damaged_of_another_program_or_of_an_earlier_format(tmp_path: Path) -> None:
    assert read_status(tmp_path) == []
    state = opened(tmp_path)
    [told] = read_status(tmp_path)
    assert told.problem == "a run is going on now"
    state.apply([(b"a", (b"a", None, b"1"))], {0: 5}, 3, {"c": 2})
    begin_run(state.connection, "a.tsv", 0, snapshot=True, act="x")
    state.close()
    ends = TopicEnds("cluster", {"owner.o.t": {0: 9}})
    [told] = compare_ends(read_status(tmp_path), "owner.o", lambda _topics: ends)[0]
    assert (told.topic, told.cluster, told.problem, told.records) == ("owner.o.t", "cluster", None, 1)
    assert (told.published, told.behind, told.last is not None and told.last.file) == ({"c": 2}, 4, "a.tsv")
    path = state_path(tmp_path, EMPTY)
    with sqlite3.connect(path) as connection:
        connection.executescript("DROP TABLE counts; DROP TABLE runs; PRAGMA user_version = 1")
    connection.close()
    assert read_status(tmp_path)[0].problem == "of an earlier version, upgraded by the next run"
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {FORMAT + 1}")
    connection.close()
    assert "newer version" in str(read_status(tmp_path)[0].problem)
    path.write_bytes(b"no database at all" * 100)
    assert "cannot be read" in str(read_status(tmp_path)[0].problem)


@pytest.mark.parametrize(
    ("user", "cluster", "ends", "asked", "behind"),
    [
        ("owner.o", "cluster", {0: 9}, ["owner.o.t"], 4),
        ("admin", "cluster", {0: 9}, ["owner.o.t"], 4),
        ("owner.other", "cluster", {0: 9}, [], None),  # no right to ask, so no question
        ("owner.o", "another", {0: 9}, ["owner.o.t"], None),  # a topic of this name there is not the state's
    ],
)
def test_only_the_ends_of_the_profiles_own_topics_are_asked(
    tmp_path: Path, user: str, cluster: str, ends: dict[int, int], asked: list[str], behind: int | None
) -> None:
    state = opened(tmp_path)
    state.apply([], {0: 5}, 3, {"c": 2})
    state.close()
    questions: list[str] = []

    def ask(topics: Sequence[str]) -> TopicEnds:
        questions.extend(topics)
        return TopicEnds(cluster, {"owner.o.t": ends})

    [told], answered = compare_ends(read_status(tmp_path), user, ask)
    assert (questions, told.behind, told.problem, answered) == (asked, behind, None, True)


@pytest.mark.parametrize(
    "ends", [TopicEnds("cluster", problems={"owner.o.t": "no right"}), TopicEnds("cluster", {"owner.o.t": {7: 9}}), TopicEnds("cluster")]
)
def test_a_topic_that_gives_no_answer_is_a_problem(tmp_path: Path, ends: TopicEnds) -> None:
    state = opened(tmp_path)
    state.apply([], {0: 5}, 3, {"c": 2})
    state.close()
    [told], answered = compare_ends(read_status(tmp_path), "owner.o", lambda _topics: ends)
    assert (told.problem is not None, told.behind, answered) == (True, None, False)


def test_a_run_that_was_stopped_says_by_what_and_one_that_was_killed_did_not_end(tmp_path: Path) -> None:
    def outcome(why: str | None) -> str:
        state = opened(tmp_path)
        begin_run(state.connection, "a.tsv", 0, snapshot=True, act=None)
        if why is not None:
            stop_run(state.connection, why)
        state.close()
        last = read_status(tmp_path)[0].last
        assert last is not None
        return last.outcome

    with pytest.raises(GuardStopped) as guard:
        check_deletes(9, 10, read_limit("20%"))
    expected = "stopped: 9 of 10 published records (90.0%) are not in the file and would be deleted, more than --max-deletes 20%"
    assert outcome(str(guard.value)) == expected
    assert outcome(str(Interrupted(signal.SIGTERM, "run again"))) == "stopped: SIGTERM"
    assert len(outcome("x" * 5000)) == len("stopped: ") + 200
    assert outcome(None) == "did not end"


def test_a_state_of_format_2_keeps_its_runs(tmp_path: Path) -> None:
    state = opened(tmp_path)
    state.apply([], {0: 5}, 3)
    begin_run(state.connection, "a.tsv", 0, snapshot=True, act=None)
    state.close()
    with sqlite3.connect(state_path(tmp_path, EMPTY)) as connection:
        connection.executescript("ALTER TABLE runs DROP COLUMN stopped; PRAGMA user_version = 2")
    connection.close()
    state = opened(tmp_path, FULL)
    found = last_run(state.connection)
    assert found is not None
    assert (found.file, found.outcome) == ("a.tsv", "did not end")
    state.close()


def test_a_type_with_another_key_is_refused(tmp_path: Path) -> None:
    state = open_new(PERSON, tmp_path / "s.db")
    with pytest.raises(ConfigError, match="other key or subject fields"):
        state.check(IDENTITY, LEVY, Records(LEVY))
    state.close()


def test_the_folder_of_the_state_is_the_owners_alone(tmp_path: Path) -> None:
    opened(tmp_path).close()
    assert state_path(tmp_path, EMPTY).parent.stat().st_mode & 0o077 == 0
