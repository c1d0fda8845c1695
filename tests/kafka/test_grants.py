"""`grants` and `sample`: a subscriber sees what it has, and a sample of it or of any type; of others' grants nothing."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AclBindingFilter, AclOperation, AclPermissionType, ResourcePatternType, ResourceType

from gongyu_schemas import exit_codes
from gongyu_schemas.names import subscriber_user
from gongyu_schemas.transport.clients import make_admin
from tests.running import BIN, RunningHub, people

pytestmark = pytest.mark.kafka

ROWS = "region = '11' AND income > 5"


def run(hub: RunningHub, subscriber: str, *arguments: str | Path) -> tuple[int, str, str]:
    profile = hub.profile_path(subscriber_user(subscriber))
    line = [BIN / "gongyu-subscriber", *arguments, "--profile", profile]
    done = subprocess.run(line, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout, done.stderr


def columns(path: Path, table: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as database:
        return database.execute("SELECT name, type, pk FROM pragma_table_info(?)", (table,)).fetchall()


@pytest.mark.timeout(300)
def test_what_a_subscriber_has_and_what_it_could_have(hub: RunningHub, unique: Callable[[str], str], tmp_path: Path) -> None:
    mine, theirs = unique("mine"), unique("theirs")
    of = hub.add_type("person", mine, {"some": {"fields": ["id", "region"], "rows": ROWS}, "whole": {"fields": ["id", "name", "fee"]}})
    other = hub.add_type("person", theirs, {"some": {"fields": ["id"]}})
    with hub.working():
        for row in people(range(20), region="11"):
            of.send("c", None, row)
        of.settled()
    to = f"sqlite:///{tmp_path / 'some.db'}"
    assert run(hub, of.subscriber, "receive", "some", "--to", to, "--exit-at-end")[0] == exit_codes.OK

    code, out, err = run(hub, of.subscriber, "grants", "--json")
    assert code == exit_codes.OK, err
    some, whole = json.loads(out)
    assert (some["grant"], some["version"], some["owner"], some["information_type"]) == ("some", 1, mine, mine)
    assert some["title"] == {"ko": "사람", "en": "Person"}
    assert [(each["name"], each["type"], each["is_key"], each["nullable"]) for each in some["fields"]] == [
        ("id", "string", True, False),
        ("region", "string", False, True),
    ]
    assert [each["type"] for each in whole["fields"]] == ["string", "string", "decimal(9,2)"]
    assert (some["rows"], some["rows_stated"], whole["rows"], whole["rows_stated"]) == (ROWS, True, None, True)
    assert (some["purpose"], some["legal_basis"]["statute"], some["valid_to"]) == ({"code": "test", "text": "A test"}, "Test Act", None)
    assert (some["topic"], some["schema_version"]) == (f"grant.{of.subscriber}.some", 1)
    assert some["place"]["partitions"] == of.type.partitions
    assert some["place"]["held"] >= 20
    assert some["place"]["behind"] == {f"subscriber.{of.subscriber}.some": 0}, "the receiver has read it all"
    assert whole["place"]["behind"] == {}
    assert theirs not in out and other.subscriber not in out

    code, out, _ = run(hub, of.subscriber, "grants")
    assert code == exit_codes.OK
    for words in ("some  version 1", ROWS, "rows     all", "test: A test", "Test Act, 1", "region  string  may be null", "0 behind"):
        assert words in out
    assert theirs not in out

    # A sample of a grant has the very columns that receiving makes; of a type, before any grant, likewise.
    sampled = tmp_path / "sampled.db"
    assert run(hub, of.subscriber, "sample", "some", "-n", "7", "--to", f"sqlite:///{sampled}")[0] == exit_codes.OK
    assert columns(sampled, "some") == columns(tmp_path / "some.db", "some")
    code, _, err = run(hub, of.subscriber, "receive", "some", "--to", f"sqlite:///{sampled}", "--exit-at-end")
    assert (code, "synthetic" in err) == (exit_codes.USAGE, True), err
    code, out, err = run(hub, of.subscriber, "sample", "--type", theirs, "--fields", "income", "-n", "3")
    assert code == exit_codes.OK, err
    assert [set(each["after"]) for each in map(json.loads, out.splitlines()) if each["op"] == "r"] == [{"id", "income"}] * 3
    code, _, err = run(hub, of.subscriber, "sample", "--type", "no-such-type")
    assert (code, "no-such-type" in err) == (exit_codes.USAGE, True), err

    # What is another's does not exist.
    code, _, err = run(hub, other.subscriber, "sample", "whole")
    assert (code, f"no subject grant.{other.subscriber}.whole-value" in err) == (exit_codes.KAFKA, True), err
    code, out, _ = run(hub, other.subscriber, "grants", "--json")
    assert [each["topic"] for each in json.loads(out)] == [f"grant.{other.subscriber}.some"]

    # A grant whose topic may not be read just now is listed as such.
    user = f"User:{subscriber_user(of.subscriber)}"
    right = AclBindingFilter(
        ResourceType.TOPIC, some["topic"], ResourcePatternType.LITERAL, user, None, AclOperation.ANY, AclPermissionType.ANY
    )
    admin = make_admin(hub.profile("admin"))  # held by a name: a client that nobody holds ends, and its requests with it
    admin.delete_acls([right])[right].result(10)
    code, out, _ = run(hub, of.subscriber, "grants", "--json")
    assert [each["place"] is None for each in json.loads(out)] == [True, False]
    assert "not to be read now" in run(hub, of.subscriber, "grants")[1]
