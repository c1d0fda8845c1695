"""What an operator asks: why a grant shows a record, what was rejected, where everything stands. Values only where asked for."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from gongyu_hub.operating import dead_letters, partitions
from gongyu_hub.operating.partitions import reading
from gongyu_schemas import exit_codes
from gongyu_schemas.names import DEAD_LETTER_TOPIC
from gongyu_schemas.partitioner import partition_of
from tests.faults.changes import GRANTS
from tests.kafka.operator_asks import answer, ask
from tests.running import BIN, Published, RunningHub, people
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka
SECRET = "Canary"


@pytest.fixture(scope="module")
def shared(running_hub: RunningHub) -> Published:
    """A type with a record that came, one that moved out of rows, one that was deleted, and rejected messages; settled."""
    of = running_hub.add_type("person", "explained", GRANTS, "s-explained")
    one, two, three = people(range(3), name=SECRET)
    with running_hub.working("worker-1"):
        of.send("c", None, one)
        of.send("c", None, {**two, "region": None, "income": 900})
        of.send("c", None, three)
        of.send("d", three, None)
        of.send_raw(of.key(one), b"poison")
        of.send_raw(None, of.value("c", None, two))
        of.send_raw(of.key(two), of.value("c", None, one))
        of.settled()
    return of


def test_a_record_that_is_given_is_explained_clause_by_clause(shared: Published) -> None:
    found = answer(shared.hub, "explain", "s-explained/seoul", given='{"id": "p0000000"}')
    assert (found["given"], found["because"], found["fields"]) == (True, "its rows are TRUE on this record", ["id", "name"])
    assert (found["epoch"], found["epoch_in_effect"], found["image"]["decided_under_epoch"]) == (1, 1, 1)
    assert [(c["line"], c["column"], c["text"], c["result"], c["settles"]) for c in found["clauses"]] == [
        (1, 1, "region = '11'", "TRUE", True)
    ]


def test_a_record_that_is_withheld_is_explained_by_what_is_null(shared: Published) -> None:
    found = answer(shared.hub, "explain", "rich", "--type", "explained", given="p0000001")
    assert (found["given"], found["fields"]) == (False, [])
    assert [(c["text"], c["result"], c["settles"]) for c in found["clauses"]] == [
        ("AND", "NULL", True),
        ("income > 500", "TRUE", False),
        ("region <> '26'", "NULL", True),
    ]


def test_a_grant_of_all_rows_and_a_record_that_is_gone(shared: Published) -> None:
    assert answer(shared.hub, "explain", "all", "--type", "explained", given="p0000001")["because"] == "the grant covers all rows"
    for key in ("p0000002", "p9999999"):
        found = answer(shared.hub, "explain", "all", "--type", "explained", given=key)
        assert (found["given"], found["image"]) == (False, None) and "no image" in found["because"]


def test_values_are_shown_only_where_asked_for(shared: Published) -> None:
    plain = ask(shared.hub, "explain", "s-explained/seoul", given="p0000000")
    assert plain.returncode == 0 and SECRET not in plain.stdout + plain.stderr and "GIVEN" in plain.stdout
    values = answer(shared.hub, "explain", "s-explained/seoul", "--values", given="p0000000")["values"]
    assert values["name"] == {"value": SECRET, "granted": True} and values["income"] == {"value": 100, "granted": False}


@pytest.mark.parametrize(
    ("grant", "key", "why"),
    [
        ("nothing", "p1", "no grant 'nothing' is in force"),
        ("s-explained/all", "", "must be a JSON object of id"),
        ("s-explained/all", "p0000000\np0000001\n", "standard input has several lines: give the key of one record"),
        ("s-explained/all", '{"id": "p0000000"}\n{"id": "p0000001"}\n', "must be a JSON object of id, of one record alone"),
        ("s-explained/all", '{"name": "Kim"}', "the key lacks id"),
        ("s-explained/all", '{"id": 7}', "do not fit its fields id"),
    ],
)
def test_a_wrong_question_is_told_without_what_was_given(shared: Published, grant: str, key: str, why: str) -> None:
    done = ask(shared.hub, "explain", grant, given=key)
    assert done.returncode == exit_codes.USAGE and why in done.stderr and "Kim" not in done.stderr and "p000" not in done.stderr


def test_a_record_keyed_otherwise_than_its_subject_is_found_with_or_without_the_subject(
    shared: Published, unique: Callable[[str], str]
) -> None:
    terms = {"fields": ["bill", "payer", "revision", "amount"], "treatments": {"amount": {"null": True}}}
    of = shared.hub.add_type("levy", unique("levied"), {"all": terms})
    live = {"bill": 7, "payer": "p1", "revision": 3, "amount": 10}
    gone = {**live, "bill": 8, "revision": 5}
    with shared.hub.working("worker-1"):
        for row in (live, gone):
            of.send("c", None, row)
        of.send("d", gone, None)
        of.settled()
    grant = f"{of.subscriber}/all"
    for key in ('{"bill": 7}', '{"bill": 7, "payer": "p1"}'):
        found = answer(shared.hub, "explain", grant, given=key)
        assert (found["given"], found["partition"]) == (True, partition_of(of.key(live), of.type.partitions))
        assert found["treatments"] == {"amount": {"null": True}}
    elsewhere = next(name for name in map(str, range(99)) if partition_of(of.key({"payer": name}), 2) != partition_of(of.key(live), 2))
    assert answer(shared.hub, "explain", grant, given=json.dumps({"bill": 7, "payer": elsewhere}))["image"] is None, "one partition is read"
    deleted = answer(shared.hub, "explain", grant, given='{"bill": 8}')
    assert (deleted["given"], deleted["image"]["live"]) == (False, False) and "was deleted at owner offset" in deleted["because"]


def test_a_subject_that_is_not_on_the_list_is_withheld(shared: Published, unique: Callable[[str], str]) -> None:
    of = shared.hub.add_type("person", unique("listed"), {"vip": {"fields": ["id"], "rows": "income = 100", "subjects": {"list": "vip"}}})
    lists = [str(BIN / "gongyu-hub"), "lists", "put", "vip", "-", "--type", of.type.name, "--subscriber", of.subscriber]
    subprocess.run(
        [*lists, "--dir", str(shared.hub.directory)], input="p0000000\n", text=True, timeout=60, check=True, stdout=subprocess.DEVNULL
    )
    with shared.hub.working("worker-1"):
        for row in people(range(2)):
            of.send("c", None, row)
        of.settled()
        grant = f"{of.subscriber}/vip"
        on_it = wait_until(
            lambda: (found := answer(shared.hub, "explain", grant, given="p0000000"))["given"] and found, 60, "the list read"
        )
        withheld = answer(shared.hub, "explain", grant, given="p0000001")
    assert on_it["subject_list"] == {"name": "vip", "on_it": True} and on_it["clauses"][0]["result"] == "TRUE"
    assert (withheld["given"], withheld["subject_list"]["on_it"], withheld["fields"]) == (False, False, [])
    assert withheld["because"] == "its rows are TRUE on this record, and its subject is not on the list vip"


def letters(hub: RunningHub, *more: str) -> list[dict[str, Any]]:
    done = ask(hub, "dead-letters", "list", "--type", "explained", "--json", *more)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def test_dead_letters_are_listed_newest_first_by_reason_and_time(shared: Published) -> None:
    found = letters(shared.hub)
    assert sorted(each["reason"] for each in found) == ["key-not-of-record", "not-wire-format", "null-key"]
    assert [each["at"] for each in found] == sorted((each["at"] for each in found), reverse=True)
    assert [each["reason"] for each in letters(shared.hub, "--reason", "null-key")] == ["null-key"]
    assert len(letters(shared.hub, "--limit", "1")) == 1 and letters(shared.hub, "--limit", "1")[0] == found[0]
    assert len(letters(shared.hub, "--since", "1h")) == 3 and letters(shared.hub, "--since", "2100-01-01T00:00+00:00") == []
    person = ask(shared.hub, "dead-letters", "list", "--type", "explained").stdout
    assert "the owner publishes the record again" in person and SECRET not in person
    for arguments, why in (
        (("list", "--reason", "bad"), "reasons are null-key"),
        (("list", "--type", "explaimed"), "no information type 'explaimed' has grants in force or subject lists; known are explained"),
        (("list", "--since", "soon"), "--since 'soon'"),
        (("show", "x"), "is no position"),
        (("show", "0:99999999"), "there is no dead letter"),
        (("show", "99:1"), "there is no dead letter"),
    ):
        for done in (ask(shared.hub, "dead-letters", *arguments), ask(shared.hub, "dead-letters", *arguments, "--json")):
            assert (done.returncode, done.stdout) == (exit_codes.USAGE, "") and why in done.stderr


@pytest.mark.parametrize("piece", [1, 2, 2000])
def test_dead_letters_are_the_same_in_pieces_of_any_size(shared: Published, monkeypatch: pytest.MonkeyPatch, piece: int) -> None:
    monkeypatch.setattr(dead_letters, "_PIECE", piece)
    with reading(shared.hub.profile("hub")) as kafka:
        found = list(dead_letters.newest_first(kafka, 0))
        second = found[1].at_ms
        recent = list(dead_letters.newest_first(kafka, second))
    everything = sorted(shared.read(DEAD_LETTER_TOPIC, 4), key=lambda message: -message.timestamp()[1])
    assert [each.at_ms for each in found] == [message.timestamp()[1] for message in everything]
    assert {each.position for each in found} == {f"{message.partition()}:{message.offset()}" for message in everything}
    assert recent == [each for each in found if each.at_ms >= second] and len(recent) >= 2


@pytest.mark.parametrize("windows", [(1, 2**62), (1, 3, 2**62)])
def test_progress_is_found_however_far_it_lies_before_the_end(
    shared: Published, monkeypatch: pytest.MonkeyPatch, windows: tuple[int, ...]
) -> None:
    places = [(shared.state_topic(), number) for number in range(shared.type.partitions)]
    with reading(shared.hub.profile("hub")) as kafka:
        expected = kafka.progress(places)
        monkeypatch.setattr(partitions, "_WINDOWS", windows)
        assert kafka.progress(places) == expected and len(expected) == shared.type.partitions


def test_a_dead_letter_is_shown_and_its_bytes_only_where_asked_for(shared: Published) -> None:
    (letter,) = letters(shared.hub, "--reason", "key-not-of-record")
    plain = ask(shared.hub, "dead-letters", "show", letter["position"])
    assert plain.returncode == 0 and SECRET not in plain.stdout and SECRET.encode().hex() not in plain.stdout
    whole = answer(shared.hub, "dead-letters", "show", letter["position"], "--values")
    assert whole["value"]["decoded"]["after"]["name"] == SECRET and SECRET.encode().hex() in whole["value"]["hex"]
    assert whole["key"]["decoded"] == {"id": "p0000001"}
    (letter,) = letters(shared.hub, "--reason", "not-wire-format")
    poison = answer(shared.hub, "dead-letters", "show", letter["position"], "--values")
    assert (poison["value"]["hex"], poison["value"]["decoded"]) == (b"poison".hex(), None) and poison["value"]["not_decoded_because"]


def test_the_guide_of_status_is_complete_without_a_worker_and_quick(shared: Published, unique: Callable[[str], str]) -> None:
    fresh = shared.hub.add_type("person", unique("unread"), GRANTS)
    began = time.monotonic()
    found = answer(shared.hub, "status")
    assert time.monotonic() - began < 10
    by_name = {each["information_type"]: each for each in found["types"]}
    mine, unread = by_name["explained"], by_name[fresh.type.name]
    assert (mine["lag"], mine["rejections"], mine["epoch"], mine["in_effect"], mine["grants"]) == (0, 3, 1, True, 3)
    assert mine["last_commit"] is not None and {each["out_of_reach"] for each in mine["partitions"]} == {False}
    assert (unread["in_effect"], unread["last_commit"], unread["not_in_effect_in"]) == (False, None, [0, 1, 2, 3])
    assert any(f"{fresh.type.name}: epoch 1 is not in effect" in line for line in found["attention"])
    assert found["control_plane"]["heartbeat_age_s"] < 30
    assert "rejections" in ask(shared.hub, "status").stdout


def test_lag_counts_messages(shared: Published, unique: Callable[[str], str]) -> None:
    of = shared.hub.add_type("person", unique("late"), GRANTS)
    for row in people(range(60)):
        of.send("c", None, row)
    of.flush()

    def lag() -> int:
        with reading(shared.hub.profile("hub")) as kafka:
            return sum(each.lag for each in kafka.stand(of.type.name).types[0].partitions)

    assert sum(each["lag"] for each in answer(shared.hub, "partitions", "list", "--type", of.type.name)) == 60
    assert lag() == 60
    with shared.hub.working("worker-1"):
        of.settled()
        wait_until(lambda: lag() == 0, 30, "no lag")


def test_the_control_plane_answers_operators_in_their_language(shared: Published) -> None:
    hub = shared.hub.profile("hub")
    login = ("admin", shared.hub.profile("admin").password.get_secret_value())
    for path, body, status in (
        ("types/nothing/partitions/0/resume", {"offset": 1}, 404),
        ("types/explained/partitions/9/resume", {"offset": 1}, 404),
        ("types/explained/partitions/0/resume", {"offset": -1}, 422),
        ("types/explained/partitions/0/resume", {}, 422),
    ):
        reply = httpx2.post(f"{hub.registry}/operation/{path}", json=body, auth=login, timeout=30)
        assert reply.status_code == status and reply.json()["message"]
