"""Subject lists over HTTP: for the administrator alone; bodies of any length in parts; bad lines lose no good one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import delete, func, select
from structlog.testing import capture_logs

from gongyu_hub.gateway import subject_lists as module
from gongyu_hub.registry.list_ends import read_end
from gongyu_hub.registry.subject_values import NotASubject
from gongyu_hub.registry.tables import Credential, SubjectList, UploadedEntry
from tests.hub.gateway.registry_of_two import USERS, World, password, world

ADMIN = ("admin", password("admin"))
LIST = "/subject-lists/dog/vet/patients"


@pytest.fixture
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("world")) as made, capture_logs():
        yield made


def lines(values: Sequence[Any], until: str | None = None) -> bytes:
    return b"".join(json.dumps({"line": n, "values": [value], "until": until}).encode() + b"\n" for n, value in enumerate(values, 1))


def send(two: World, action: str, body: bytes, path: str = LIST) -> dict[str, Any]:
    reply = two.client.post(f"{path}/{action}", content=body, auth=ADMIN)
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = reply.json()
    return found


def held(two: World) -> list[str]:
    return [line["values"][0] for line in page(two)]


def page(two: World, **wanted: Any) -> list[dict[str, Any]]:
    reply = two.client.post(f"{LIST}/entries", json=wanted, auth=ADMIN)
    assert reply.status_code == 200, reply.text
    return [json.loads(line) for line in reply.text.splitlines()]


@pytest.mark.parametrize("user", USERS)
def test_only_the_administrator_sees_and_changes_lists(two: World, user: str) -> None:
    send(two, "put", lines(["a"]))
    login = (user, password(user))
    replies = [two.client.get(path, auth=login) for path in ("/subject-lists/dog", LIST, f"{LIST}/add")]
    replies.append(two.client.post(f"{LIST}/entries", json={}, auth=login))
    replies.append(two.client.post(f"{LIST}/put", content=lines(["b"]), auth=login))
    assert {reply.status_code for reply in replies} == ({200} if user == "admin" else {403})
    assert two.client.post(f"{LIST}/put", content=lines(["b"])).status_code == 401
    assert held(two) == (["b"] if user == "admin" else ["a"])


def test_a_body_is_taken_in_parts_and_told_as_one(two: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PART_BYTES", 1000)
    names = [f"dog-{number:05d}" for number in range(500)]
    assert send(two, "put", lines([*names, *names[:7]]))["added"] == 500
    found = send(two, "put", lines(names[100:]))
    assert (found["added"], found["removed"], found["kept"]) == (0, 100, 400)
    assert two.get("admin", LIST) == (200, {"entries": 400, "untold": 500, "next_end_ms": None, "used_by": []})
    first = page(two, limit=3)
    assert len(first) == 3 and len(page(two, limit=10_000, after=first[-1]["at"])) == 397
    with two.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(UploadedEntry)) == 0, "nothing of the bodies is left behind"


def test_bad_lines_are_told_by_number_and_put_then_removes_nothing(two: World) -> None:
    send(two, "put", lines(["a", "b"]))
    unreadable = json.dumps({"line": 9, "values": [], "unreadable": "not UTF-8"}).encode()
    found = send(two, "put", lines(["c", "", 5]) + unreadable)
    assert (found["added"], found["removed"], found["rejected"], found["removals_withheld"]) == (1, 0, 3, True)
    assert found["rejections"] == [
        {"line": 2, "why": "dog_id: not a value of its kind (string)"},
        {"line": 3, "why": "dog_id: not a value of its kind (string)"},
        {"line": 9, "why": "not UTF-8"},
    ]
    assert held(two) == ["a", "b", "c"]


def test_a_dry_run_counts_and_changes_nothing(two: World) -> None:
    send(two, "put", lines(["a", "b"]))
    reply = two.client.post(f"{LIST}/put", params={"dry_run": "true"}, content=lines(["b", "c"]), auth=ADMIN).json()
    assert (reply["added"], reply["removed"], reply["kept"]) == (1, 1, 1) and held(two) == ["a", "b"]
    other = "/subject-lists/dog/vet/new"
    assert two.client.post(f"{other}/add", params={"dry_run": "true"}, content=lines(["b"]), auth=ADMIN).json()["added"] == 1
    assert two.client.get(other, auth=ADMIN).status_code == 404


def test_lapsed_entries_are_counted_and_not_taken(two: World) -> None:
    assert send(two, "add", lines(["a"], "2001-01-01"))["lapsed"] == 1 and held(two) == []
    assert send(two, "add", lines(["b"], "2999-01-01"))["added"] == 1 and held(two) == ["b"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/subject-lists/bird", 404),
        ("/subject-lists/bird/vet/patients", 404),
        ("/subject-lists/Dog", 404),
        ("/subject-lists/dog/vet/Bad", 404),
        ("/subject-lists/dog/vet/none", 404),
    ],
)
def test_what_does_not_exist_is_not_found(two: World, path: str, status: int) -> None:
    assert two.client.get(path, auth=ADMIN).status_code == status


def test_a_list_is_made_only_for_a_subscriber_and_a_type_that_are_known(two: World) -> None:
    for path, why in (
        ("bird/vet/patients", "information type 'bird' is not known here; known are cat, dog."),
        ("dog/vett/patients", "subscriber 'vett' is not known here: declare it in the policy; known are shop, vet."),
    ):
        for action in ("put", "add", "remove"):
            asked = two.client.get(f"/subject-lists/{path}/{action}", auth=ADMIN)
            sent = two.client.post(f"/subject-lists/{path}/{action}", content=lines(["a"]), auth=ADMIN)
            assert [(each.status_code, each.json()["message"]) for each in (asked, sent)] == [(404, why)] * 2
    with two.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(SubjectList)) == 0
    assert two.get("admin", f"{LIST}/add") == (200, {"fields": ["dog_id"]})


def test_nothing_is_shown_of_or_removed_from_a_list_that_does_not_exist(two: World) -> None:
    send(two, "add", lines(["a"]))
    other, why = "/subject-lists/dog/vet/patient", "vet has no list 'patient' for dog; known are patients."
    removed = two.client.post(f"{other}/remove", content=lines(["a"]), auth=ADMIN)
    shown = [two.client.get(path, auth=ADMIN) for path in (other, f"{other}/remove")]
    paged = two.client.post(f"{other}/entries", json={}, auth=ADMIN)
    assert [(each.status_code, each.json()["message"]) for each in (removed, *shown, paged)] == [(404, why)] * 4
    found = send(two, "remove", lines(["a", "b", "c"]))
    assert (found["removed"], found["absent"], found["kept"]) == (1, 2, 0) and held(two) == []


def test_a_list_of_a_former_subscriber_can_still_be_emptied(two: World) -> None:
    send(two, "add", lines(["a"]))
    with two.database.writing() as session:
        session.execute(delete(Credential).where(Credential.user == "subscriber.vet"))
    assert send(two, "remove", lines(["a"]))["removed"] == 1 and held(two) == []
    assert two.client.post("/subject-lists/dog/vet/other/add", content=lines(["a"]), auth=ADMIN).status_code == 404


def test_a_body_that_is_no_json_lines_changes_nothing(two: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PART_BYTES", 1000)
    send(two, "put", lines(["a"]))
    wrong = two.client.post(f"{LIST}/put", content=lines(list(map(str, range(100)))) + b"what?\n", auth=ADMIN)
    assert (wrong.status_code, wrong.json()["message"][:28]) == (422, "Line 101 of the body is not ")
    assert two.client.post(f"{LIST}/replace", content=lines(["b"]), auth=ADMIN).status_code == 422
    assert held(two) == ["a"]


@pytest.mark.parametrize("end", [b"\n", b"", b'"}\n' + lines(["c"])])
def test_a_line_without_end_is_refused_by_its_number_before_it_is_held(two: World, end: bytes) -> None:
    send(two, "put", lines(["a"]))
    sent: list[int] = []

    def body() -> Iterator[bytes]:
        yield lines(["b", "c"])
        yield b'{"line": 3, "values": ["'
        for _ in range(3):
            sent.append(50_000)
            yield b"x" * 50_000
        yield end

    reply = two.client.post(f"{LIST}/put", content=body(), auth=ADMIN)
    assert (reply.status_code, reply.json()["message"][:42]) == (413, "Line 3 of the body has more than 100000 by")
    assert held(two) == ["a"]


def test_an_answer_is_small_however_many_and_long_reasons_are(two: World) -> None:
    bad = json.dumps({"line": 1, "values": [], "unreadable": "x" * 5_000}).encode() + b"\n"
    found = send(two, "put", bad * 1_200)
    assert (found["rejected"], len(found["rejections"])) == (1_200, 1_000)
    assert {len(each["why"]) for each in found["rejections"]} == {200}
    assert two.client.post(f"{LIST}/put", content=b'{"line": 1' + b"0" * 30 + b', "values": ["a"]}', auth=ADMIN).status_code == 422


def test_where_a_page_begins_is_never_in_a_url(two: World) -> None:
    send(two, "put", lines(["a", "b"]))
    assert two.client.get(f"{LIST}/entries", params={"after": "00"}, auth=ADMIN).status_code == 422
    assert len(page(two, after=page(two, limit=1)[0]["at"])) == 1
    for wrong in ({"after": "x"}, {"limit": 0}, {"limit": 10_001}, {"more": 1}):
        assert two.client.post(f"{LIST}/entries", json=wrong, auth=ADMIN).status_code == 422
    assert two.client.post(f"{LIST}/entries", json={"after": "0" * 20_000}, auth=ADMIN).status_code == 413


def test_a_day_ends_at_its_end_in_utc_and_a_moment_by_itself() -> None:
    assert read_end("2026-12-31") == int(datetime(2027, 1, 1, tzinfo=UTC).timestamp() * 1000)
    assert read_end("2027-01-01T09:00:00+09:00") == read_end("2026-12-31")
    for wrong in ("2026-13-01", "soon", "2026-01-31T18:00:00", ""):
        with pytest.raises(NotASubject, match=r"until: (neither|a moment needs)"):
            read_end(wrong)


def test_an_end_that_could_not_be_shown_is_refused_with_its_line_and_the_last_one_is_shown(two: World) -> None:
    for outside in ("9999-12-31", "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00"):
        with pytest.raises(NotASubject, match="until: outside the years 1 to 9999 in UTC; leave it out"):
            read_end(outside)
    found = send(two, "put", lines(["a"], "9999-12-31T23:59:59-12:00"))
    assert (found["added"], [each["line"] for each in found["rejections"]]) == (0, [1])
    assert send(two, "put", lines(["b"], "9999-12-31T23:59:59.999999+00:00"))["added"] == 1
    assert [line["until"] for line in page(two)] == ["9999-12-31T23:59:59.999000+00:00"]
