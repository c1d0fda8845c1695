"""Log-ins with bearer tokens: what is revoked, expired or ended is out at once; failures are limited; no secret is told anywhere."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from gongyu_hub.gateway.api import attempts
from gongyu_hub.gateway.api.attempts import Attempts
from gongyu_hub.gateway.api.bearer import ACCOUNT_FAILURES_MAX, ADDRESS_FAILURES_MAX
from gongyu_hub.registry import tokens
from gongyu_hub.registry.token_checks import REMEMBERED_MS, TokenChecks
from gongyu_hub.registry.tokens import DAY_MS
from tests.hub.gateway.api.world_of_roles import World


@pytest.fixture(autouse=True)
def clock_s(roles: World) -> list[float]:
    """Each test begins without failures, with a clock of its own."""
    clock = [0.0]
    bearer = roles.gate.bearer
    bearer._of_accounts = Attempts(ACCOUNT_FAILURES_MAX, lambda: clock[0])
    bearer._of_addresses = Attempts(ADDRESS_FAILURES_MAX, lambda: clock[0])
    return clock


def enter(roles: World, authorization: str) -> tuple[int, str]:
    reply = roles.client.get("/api/v1/me", headers={"Authorization": authorization})
    return reply.status_code, reply.json().get("detail", "")


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer x", "Basic eDp5", "Bearer gyt_0000000000000000_" + "x" * 43, "Bearer " + "x" * 5000]
)
def test_what_is_no_token_is_refused(roles: World, authorization: str) -> None:
    assert enter(roles, authorization)[0] == 401


def test_half_a_token_says_nothing(roles: World) -> None:
    whole = roles.add_token("bank-officer", 1)
    wrong = whole[:-1] + ("a" if whole[-1] != "a" else "b")
    assert enter(roles, f"Bearer {wrong}") == (401, "This is no valid token.")
    assert enter(roles, f"bearer {whole}")[0] == 200
    assert enter(roles, f"Bearer {wrong}") == (401, "This is no valid token."), "also while the right one is remembered"
    other = roles.add_token("shop-officer", 1)
    mixed = whole[: len("gyt_") + 16] + other[len("gyt_") + 16 :]
    assert enter(roles, f"Bearer {mixed}")[0] == 401


def test_a_revoked_token_is_out_from_the_next_request_on(roles: World) -> None:
    roles.held["goes"] = whole = roles.add_token("shop-officer")
    public = tokens.public_part(whole)
    assert roles.ask("goes", "GET", "/me").status_code == 200
    assert roles.ask("goes", "DELETE", f"/tokens/{public}", If_Match='"1"').status_code == 204
    assert enter(roles, f"Bearer {whole}") == (401, "Not let in: this token was revoked.")


def test_an_expired_token_is_out_to_the_millisecond(roles: World) -> None:
    whole, start = roles.add_token("shop-officer", 1), roles.now_ms
    try:
        roles.now_ms = start + DAY_MS - 1
        assert enter(roles, f"Bearer {whole}")[0] == 200
        roles.now_ms = start + DAY_MS
        assert enter(roles, f"Bearer {whole}") == (401, "Not let in: this token has expired: have another one made.")
    finally:
        roles.now_ms = start


def test_a_suspended_organisation_and_an_ended_account_are_out(roles: World) -> None:
    def status(path: str, to: str) -> None:
        reply = roles.ask("op", "PUT", f"{path}/status", {"status": to, "reason": "a test"}, If_Match="*")
        assert reply.status_code == 200, reply.text

    log_in = f"Bearer {roles.add_token('bank-officer')}"
    assert enter(roles, log_in)[0] == 200
    status("/organisations/bank", "suspended")
    assert enter(roles, log_in) == (401, "Not let in: organisation bank is suspended.")
    status("/organisations/bank", "active")
    assert enter(roles, log_in)[0] == 200
    status(f"/accounts/{roles.ids['bank-officer']}", "inactive")
    assert enter(roles, log_in)[0] == 401
    status(f"/accounts/{roles.ids['bank-officer']}", "active")
    assert enter(roles, log_in) == (401, "Not let in: this token was revoked."), "an ended account's tokens never come back"


def test_failed_log_ins_of_an_account_are_limited_and_the_right_one_is_not_locked_out(roles: World, clock_s: list[float]) -> None:
    whole, unused = roles.add_token("cattery-officer"), roles.add_token("cattery-officer")
    assert enter(roles, f"Bearer {whole}")[0] == 200
    wrong = whole[:-4] + "aaaa"
    assert [enter(roles, f"Bearer {wrong}")[0] for _ in range(ACCOUNT_FAILURES_MAX + 1)] == [401] * ACCOUNT_FAILURES_MAX + [429]
    reply = roles.client.get("/api/v1/me", headers={"Authorization": f"Bearer {wrong}"})
    assert 0 < int(reply.headers["retry-after"]) <= 60
    assert enter(roles, f"Bearer {whole}")[0] == 200, "it was right a moment ago"
    assert enter(roles, f"Bearer {unused}")[0] == 429, "nobody knows it yet"
    clock_s[0] = attempts.WINDOW_S
    assert enter(roles, f"Bearer {unused}")[0] == 200


def test_failed_log_ins_of_an_address_are_limited(roles: World) -> None:
    replies = [enter(roles, f"Bearer gyt_{number:016x}_{'x' * 43}")[0] for number in range(ADDRESS_FAILURES_MAX + 1)]
    assert replies == [401] * ADDRESS_FAILURES_MAX + [429]


def test_failures_are_counted_in_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "SENDERS_MAX", 3)
    counted = Attempts(1, lambda: 0.0)
    for sender in range(5):
        counted.failed(sender)
    assert [counted.wait_s(sender) > 0 for sender in range(5)] == [False, False, True, True, True]


def test_a_token_that_was_right_costs_no_hash_again_for_a_while(roles: World) -> None:
    now = [roles.now_ms]
    checks = TokenChecks(roles.database, lambda: now[0])
    whole = roles.add_token("aud")
    held = checks.find(tokens.public_part(whole) or "")
    assert held is not None
    assert not checks.remembered(held, whole)
    assert checks.verify(held, whole)
    assert checks.remembered(held, whole)
    assert not checks.remembered(held, whole + "x")
    now[0] += REMEMBERED_MS
    assert not checks.remembered(held, whole)


def test_remembered_tokens_take_bounded_memory(roles: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gongyu_hub.registry.token_checks.REMEMBERED_MAX", 2)
    checks = TokenChecks(roles.database, lambda: roles.now_ms)
    wholes = [roles.add_token("aud") for _ in range(3)]
    for whole in wholes:
        held = checks.find(tokens.public_part(whole) or "")
        assert held is not None and checks.verify(held, whole)
    assert len(checks._remembered) == 2


def test_the_use_of_a_token_is_told_by_the_hour(roles: World) -> None:
    roles.held["used"] = whole = roles.add_token("aud")
    assert roles.get("used", "/me")["token"]["used"] == "2026-09-21T14:00:00Z"
    assert roles.get("op", f"/tokens/{tokens.public_part(whole)}")["used"] == "2026-09-21T14:00:00Z"


def test_no_secret_is_in_the_log_the_database_or_another_answer(roles: World) -> None:
    with capture_logs() as lines:
        made = roles.ask("op", "POST", f"/accounts/{roles.ids['aud']}/tokens", {}, Idempotency_Key="secret-1").json()
        again = roles.ask("op", "POST", f"/accounts/{roles.ids['aud']}/tokens", {}, Idempotency_Key="secret-1")
        roles.held["made"] = made["token"]
        roles.get("made", "/me")
        enter(roles, f"Bearer {made['token'][:-1]}!")
        history = roles.ask("op", "GET", "/history?limit=200").text
        listed = roles.ask("op", "GET", f"/accounts/{roles.ids['aud']}/tokens?limit=200").text
    secret = made["token"].rpartition(made["id"] + "_")[2]
    assert len(secret) == 43
    assert again.status_code == 201
    assert again.json() == {**made, "token": None}
    dump = "\n".join(database_text(roles))
    assert made["id"] in dump and "$argon2id$" in dump
    for text in (str(lines), history, listed, again.text, dump):
        assert secret not in text
    assert {"account", "request_id", "route", "status"} <= {key for line in lines for key in line}


def database_text(roles: World) -> Iterator[str]:
    from sqlalchemy import select

    from gongyu_hub.registry.tables import Table

    with roles.database.reading() as session:
        for table in Table.metadata.sorted_tables:
            for row in session.execute(select(table)):
                yield str(tuple(row))
