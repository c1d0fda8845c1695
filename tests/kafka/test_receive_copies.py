"""Receiving from real Kafka: copies, retention, transactions; never a silent jump."""

from __future__ import annotations

import json
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import NewTopic

from gongyu_schemas import exit_codes
from gongyu_schemas.transport.profile import Profile
from tests.consumers import receiver
from tests.consumers.fed_grant import Event, FedGrant, fed_grant
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka


@pytest.fixture
def fed(admin: Profile, tmp_path: Path, unique: Callable[[str], str]) -> Iterator[FedGrant]:
    with fed_grant(admin, tmp_path, unique("bank")) as made:
        yield made


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bank.db"


def table(path: Path) -> dict[str, str]:
    """Empty also where the receiver has not made it yet."""
    with closing(sqlite3.connect(path)) as database, suppress(sqlite3.OperationalError):
        return dict(database.execute('SELECT resident_id, address FROM "resident-address"').fetchall())
    return {}


def copy(number: int, *events: Event) -> list[Event]:
    return [Event("begin", number=number), *events, Event("end", number=number)]


def delete_records(fed: FedGrant, before: int) -> None:
    """What retention does."""
    place = TopicPartition(fed.topic, 0, before)
    for future in fed.admin.delete_records([place]).values():
        future.result(10)


def test_a_copy_and_changes_make_the_table_and_a_second_run_goes_on(fed: FedGrant, path: Path) -> None:
    fed.publish(*copy(1, Event("r", "1", "Seoul"), Event("r", "2", "Busan")))
    code, out, err = receiver.run(fed, f"sqlite:///{path}", "--exit-at-end", "--json")
    assert (code, table(path)) == (exit_codes.OK, {"1": "Seoul", "2": "Busan"}), err
    assert json.loads(out)["delivered"] == {"c": 0, "u": 0, "d": 0, "r": 2, "m": 2}
    fed.publish(Event("u", "1", "Jeju"), Event("d", "2", "Busan"), Event("c", "3", "Ulsan"))
    code, out, _ = receiver.run(fed, f"sqlite:///{path}", "--exit-at-end", "--json")
    assert (code, table(path)) == (exit_codes.OK, {"1": "Jeju", "3": "Ulsan"})
    assert json.loads(out)["delivered"] == {"c": 1, "u": 1, "d": 1, "r": 0, "m": 0}


def test_what_was_aborted_is_never_seen(fed: FedGrant, path: Path) -> None:
    fed.publish(*copy(1, Event("r", "1", "Seoul")))
    fed.abort(Event("u", "1", "Jeju"), Event("c", "2", "Jeju"))
    code, _, err = receiver.run(fed, f"sqlite:///{path}", "--exit-at-end")
    assert (code, table(path)) == (exit_codes.OK, {"1": "Seoul"}), err


def test_the_end_includes_what_is_in_an_open_transaction(fed: FedGrant, path: Path) -> None:
    fed.publish(*copy(1, Event("r", "1", "Seoul")))
    producer = fed.producer()
    producer.begin_transaction()
    fed.send(producer, [Event("u", "1", "Jeju")])
    producer.flush(10)
    process = receiver.start(fed, f"sqlite:///{path}", "--exit-at-end")
    wait_until(lambda: path.exists() and table(path) == {"1": "Seoul"}, 20, "the committed part")
    assert process.poll() is None
    producer.commit_transaction(10)
    assert process.wait(20) == exit_codes.OK
    process.communicate()
    assert table(path) == {"1": "Jeju"}


def test_an_empty_grant_has_a_table_at_the_end(fed: FedGrant, path: Path) -> None:
    fed.publish(*copy(1))
    code, _, err = receiver.run(fed, f"sqlite:///{path}", "--exit-at-end")
    assert (code, table(path)) == (exit_codes.OK, {}), err


def test_a_reader_without_state_that_meets_no_begin_says_so_and_a_resync_mends_it(fed: FedGrant, path: Path) -> None:
    fed.publish(*copy(1, Event("r", "1", "Seoul")))
    fed.publish(Event("c", "2", "Busan"))
    delete_records(fed, 3)
    for _ in range(2):
        code, _, err = receiver.run(fed, f"sqlite:///{path}", "--exit-at-end")
        assert (code, table(path)) == (exit_codes.REJECTED, {})
        assert "no begin of a copy for input partition 0" in err
        assert "resync" in err
    fed.publish(*copy(2, Event("r", "1", "Seoul"), Event("r", "2", "Busan")))
    code, _, err = receiver.run(fed, f"sqlite:///{path}", "--exit-at-end")
    assert (code, table(path)) == (exit_codes.OK, {"1": "Seoul", "2": "Busan"}), err


def test_a_long_running_reader_without_begin_stops_as_well(fed: FedGrant, path: Path) -> None:
    fed.publish(Event("c", "2", "Busan"))
    code, _, err = receiver.run(fed, f"sqlite:///{path}")
    assert (code, "no begin of a copy" in err) == (exit_codes.REJECTED, True)


def test_a_topic_whose_messages_have_all_expired_is_no_empty_grant(fed: FedGrant, path: Path) -> None:
    fed.publish(*copy(1, Event("r", "1", "Seoul")))
    delete_records(fed, -1)
    code, _, err = receiver.run(fed, f"sqlite:///{path}", "--exit-at-end")
    assert (code, "has expired" in err) == (exit_codes.REJECTED, True)


def test_from_anywhere_takes_what_there_is(fed: FedGrant, path: Path) -> None:
    fed.publish(*copy(1, Event("r", "1", "Seoul")))
    fed.publish(Event("c", "2", "Busan"))
    delete_records(fed, 3)
    code, _, err = receiver.run(fed, f"sqlite:///{path}", "--exit-at-end", "--from-anywhere")
    assert (code, table(path)) == (exit_codes.OK, {"2": "Busan"}), err


def test_a_position_behind_retention_is_never_jumped_over_silently(fed: FedGrant, path: Path) -> None:
    fed.publish(*copy(1, Event("r", "1", "Seoul")))
    assert receiver.run(fed, f"sqlite:///{path}", "--exit-at-end")[0] == exit_codes.OK
    fed.publish(Event("u", "1", "Jeju"), Event("c", "2", "Busan"))
    delete_records(fed, 5)
    code, _, err = receiver.run(fed, f"sqlite:///{path}", "--exit-at-end")
    assert (code, "behind retention" in err, table(path)) == (exit_codes.REJECTED, True, {"1": "Seoul"})
    code, _, err = receiver.run(fed, f"sqlite:///{path}", "--exit-at-end", "--from-anywhere")
    assert (code, "behind retention" in err, table(path)) == (exit_codes.OK, True, {"1": "Seoul", "2": "Busan"})


def test_inconsistent_deliveries_are_applied_told_and_end_with_code_5(fed: FedGrant, path: Path) -> None:
    fed.publish(*copy(1), Event("u", "1", "Jeju"))
    code, out, err = receiver.run(fed, f"sqlite:///{path}", "--exit-at-end", "--json")
    assert (code, table(path), json.loads(out)["inconsistencies"]) == (exit_codes.REJECTED, {"1": "Jeju"}, 1)
    assert "u of a record that is not there" in err


def test_another_schema_id_with_the_same_columns_goes_on_and_other_columns_are_refused(fed: FedGrant, path: Path) -> None:
    fed.publish(*copy(1, Event("r", "1", "Seoul")))
    fed.register(version=2)
    fed.publish(Event("u", "1", "Jeju"))
    code, _, err = receiver.run(fed, f"sqlite:///{path}", "--exit-at-end")
    assert (code, table(path)) == (exit_codes.OK, {"1": "Jeju"}), err
    process = receiver.start(fed, f"sqlite:///{path}")
    fed.register(version=3, fields=("resident_id", "address"))
    fed.publish(Event("u", "1", "Ulsan"))
    _, err = process.communicate(timeout=30)
    assert (process.returncode, "other columns" in err, table(path)) == (exit_codes.USAGE, True, {"1": "Jeju"})


def test_a_topic_made_anew_is_another_topic(fed: FedGrant, path: Path) -> None:
    fed.publish(*copy(1, Event("r", "1", "Seoul")))
    assert receiver.run(fed, f"sqlite:///{path}", "--exit-at-end")[0] == exit_codes.OK
    fed.admin.delete_topics([fed.topic])[fed.topic].result(10)
    wait_until(lambda: fed.topic not in fed.admin.list_topics(timeout=5).topics, 10, "the topic is gone")
    fed.admin.create_topics([NewTopic(fed.topic, 1, 1)])[fed.topic].result(10)
    code, _, err = receiver.run(fed, f"sqlite:///{path}", "--exit-at-end")
    assert (code, "deleted and made anew" in err) == (exit_codes.USAGE, True)


def test_a_lost_table_is_told_and_filled_anew_or_asks_for_a_resync(fed: FedGrant, path: Path) -> None:
    fed.publish(*copy(1, Event("r", "1", "Seoul")))
    assert receiver.run(fed, f"sqlite:///{path}", "--exit-at-end")[0] == exit_codes.OK
    fed.publish(Event("c", "2", "Busan"))
    forget(path)
    code, _, err = receiver.run(fed, f"sqlite:///{path}", "--exit-at-end")
    assert (code, "was received before" in err, table(path)) == (exit_codes.OK, True, {"1": "Seoul", "2": "Busan"}), err
    delete_records(fed, 4)
    forget(path)
    code, _, err = receiver.run(fed, f"sqlite:///{path}", "--exit-at-end")
    assert (code, "was received before" in err, table(path)) == (exit_codes.REJECTED, True, {}), err
    assert "no begin of a copy" in err and "ask the hub for a resync" in err


def forget(path: Path) -> None:
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()


def test_a_reader_that_retention_passes_while_it_runs_stops_instead_of_jumping(fed: FedGrant, path: Path) -> None:
    fed.publish(*copy(1, Event("r", "1", "Seoul")))
    process = receiver.start(fed, f"sqlite:///{path}")
    wait_until(lambda: table(path) == {"1": "Seoul"}, 20, "the copy")
    process.send_signal(signal.SIGSTOP)
    fed.publish(*(Event("c", f"{number}", "x" * 2_000) for number in range(2, 2_000)))
    delete_records(fed, -1)
    process.send_signal(signal.SIGCONT)
    fed.publish(Event("c", "last", "Jeju"))
    _, err = process.communicate(timeout=60)
    assert (process.returncode, "resync" in err) == (exit_codes.REJECTED, True), err
    assert "last" not in table(path)
