"""Organisations, accounts and tokens: what fits together, what is refused, and what the history says of it, on both databases."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, text, true

from gongyu_hub.registry import accounts, epochs, history, organisations, tokens
from gongyu_hub.registry.database import Database
from gongyu_hub.registry.first_account import TOKEN_FILE, keep_operator, read_token
from gongyu_hub.registry.organisations import Change, Status
from gongyu_hub.registry.roles import Author, Clash, NotThere, Role, Stale
from gongyu_hub.registry.tables import Account, Token
from gongyu_hub.registry.token_checks import TokenChecks
from gongyu_hub.registry.tokens import DAY_MS
from gongyu_schemas.errors import ConfigError, DatabaseError
from gongyu_schemas.information_type import Title
from tests.hub.registry.conftest import Opened
from tests.hub.registry.policies import make_type

NOW = 1_790_000_000_000
BY = Author("somebody", NOW)
OWNER = Change(title=Title(ko="가", en="A"), kind=organisations.Kind.ADMINISTRATIVE, owner=True)
SUBSCRIBER = Change(title=Title(ko="나", en="B"), kind=organisations.Kind.FINANCIAL, subscriber=True)


@pytest.fixture
def database(tmp_path: Path, opened: Opened) -> Iterator[Database]:
    database = opened(tmp_path / "hub")
    with database.writing() as session:
        organisations.add(session, BY, "kennel", OWNER)
        organisations.add(session, BY, "bank", SUBSCRIBER)
    yield database
    database.close()


def add(database: Database, name: str, organisation: str | None, *roles: Role) -> str:
    with database.writing() as session:
        return accounts.add(session, BY, name, name.title(), accounts.Kind.PERSON, organisation, roles).id


@pytest.mark.parametrize(
    ("organisation", "roles", "words"),
    [
        ("bank", (Role.OWNER_APPROVER,), "bank is no owner, so it has no owner-approver"),
        ("bank", (Role.OWNER_OFFICER, Role.SUBSCRIBER_OFFICER), "bank is no owner, so it has no owner-officer"),
        ("kennel", (Role.SUBSCRIBER_OFFICER,), "kennel is no subscriber"),
        ("kennel", (Role.OPERATOR,), "operator belongs to no organisation"),
        ("kennel", (Role.AUDITOR, Role.OWNER_OFFICER), "auditor belongs to no organisation"),
        (None, (Role.OWNER_OFFICER,), "owner-officer must belong to an organisation"),
        (None, (Role.OPERATOR, Role.AUDITOR), "who operates the hub does not audit it"),
        ("nobody", (Role.OWNER_OFFICER,), "no organisation 'nobody'"),
    ],
)
def test_a_role_fits_the_organisation(database: Database, organisation: str | None, roles: tuple[Role, ...], words: str) -> None:
    with pytest.raises(Clash, match=re.escape(words)):
        add(database, "a", organisation, *roles)
    account = add(database, "b", "kennel", Role.OWNER_OFFICER)
    if organisation == "kennel":
        with pytest.raises(Clash, match=re.escape(words)), database.writing() as session:
            accounts.amend(session, BY, account, None, None, roles)


def test_a_name_is_given_once(database: Database) -> None:
    add(database, "a", "kennel", Role.OWNER_OFFICER)
    with pytest.raises(Clash, match="there is an account a already"):
        add(database, "a", "bank", Role.SUBSCRIBER_OFFICER)
    with pytest.raises(Clash, match="there is an organisation bank already"), database.writing() as session:
        organisations.add(session, BY, "bank", OWNER)


def test_there_is_always_an_operator(database: Database) -> None:
    first = add(database, "first", None, Role.OPERATOR)
    with pytest.raises(Clash, match="the last active operator"), database.writing() as session:
        accounts.set_status(session, BY, first, None, "inactive", "gone")
    with pytest.raises(Clash, match="the last active operator"), database.writing() as session:
        accounts.amend(session, BY, first, None, None, [Role.AUDITOR])
    second = add(database, "second", None, Role.OPERATOR)
    with database.writing() as session:
        accounts.set_status(session, BY, first, None, "inactive", "gone")
    with pytest.raises(Clash, match="the last active operator"), database.writing() as session:
        accounts.set_status(session, BY, second, None, "inactive", "gone too")


def test_what_others_need_is_not_taken_from_an_organisation(database: Database, tmp_path: Path) -> None:
    def amend(name: str, **change: bool) -> None:
        with database.writing() as session:
            organisations.amend(session, BY, name, None, Change(**change))

    with pytest.raises(Clash, match="must be an owner, a subscriber or both"):
        amend("bank", subscriber=False)
    amend("bank", owner=True)
    add(database, "b", "bank", Role.SUBSCRIBER_OFFICER)
    with pytest.raises(Clash, match="bank is no subscriber, so it has no subscriber-officer"):
        amend("bank", subscriber=False)
    with database.writing() as session:
        epochs.know_type(session, make_type(tmp_path / "types"))
    amend("kennel", subscriber=True)
    with pytest.raises(Clash, match="kennel owns information types"):
        amend("kennel", owner=False)


def test_a_change_under_an_old_version_is_refused(database: Database) -> None:
    account = add(database, "a", "kennel", Role.OWNER_OFFICER)
    with database.writing() as session:
        assert accounts.amend(session, BY, account, frozenset({1}), "New", None).version == 2
        assert accounts.amend(session, BY, account, frozenset({2}), "New", None).version == 2, "nothing changed"
        with pytest.raises(Stale):
            accounts.set_status(session, BY, account, frozenset({1}), "inactive", "x")
        with pytest.raises(Stale):
            organisations.amend(session, BY, "bank", frozenset({2}), Change(owner=True))
        with pytest.raises(NotThere):
            accounts.amend(session, BY, "nobody", None, "x", None)


def test_who_left_is_out_for_good(database: Database) -> None:
    account = add(database, "a", "bank", Role.SUBSCRIBER_OFFICER)
    with database.writing() as session:
        token = tokens.add(session, BY, accounts.get(session, account)).row.id
    with database.writing() as session:
        organisations.set_status(session, BY, "bank", None, Status.LEFT, "merged")
    with database.writing() as session:
        assert accounts.get(session, account).status == "inactive"
        assert tokens.get(session, token).revoked_ms == NOW
        for status in (Status.ACTIVE, Status.SUSPENDED):
            with pytest.raises(Clash, match="has left"):
                organisations.set_status(session, BY, "bank", None, status, "back")
        with pytest.raises(Clash, match="bank has left"):
            accounts.set_status(session, BY, account, None, "active", "back")
        reasons = [row.reason for row in history.page(session, true(), None, 3)]
        assert reasons == ["bank has left: merged", "bank has left: merged", "merged"]


def test_a_token_belongs_to_an_active_account_and_ends(database: Database) -> None:
    account = add(database, "a", "bank", Role.SUBSCRIBER_OFFICER)
    with database.writing() as session:
        made = tokens.add(session, BY, accounts.get(session, account), 366)
        assert made.row.expires_ms == NOW + 366 * DAY_MS
        assert made.whole.startswith(f"gyt_{made.row.id}_")
        assert tokens.add(session, BY, accounts.get(session, account)).row.expires_ms == NOW + 90 * DAY_MS
        accounts.set_status(session, BY, account, None, "inactive", "gone")
        assert {row.revoked_ms for row in tokens.page(session, account, None, 9)} == {NOW}
        with pytest.raises(Clash, match="is not active"):
            tokens.add(session, BY, accounts.get(session, account))
        session.rollback()


def test_tokens_of_an_account_are_bounded(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "_VALID_MAX", 2)
    account = add(database, "a", "bank", Role.SUBSCRIBER_OFFICER)
    with database.writing() as session:
        row = accounts.get(session, account)
        first = tokens.add(session, BY, row).row.id
        tokens.add(session, BY, row)
        with pytest.raises(Clash, match="revoke those"):
            tokens.add(session, BY, row)
        tokens.revoke(session, BY, first, None)
        tokens.add(session, BY, row)


def test_the_history_tells_every_change_and_no_secret(database: Database) -> None:
    account = add(database, "a", "bank", Role.SUBSCRIBER_OFFICER)
    with database.writing() as session:
        made = tokens.add(session, BY, accounts.get(session, account))
        organisations.amend(session, BY, "bank", None, Change(kind=organisations.Kind.PUBLIC))
        organisations.set_status(session, BY, "bank", None, Status.SUSPENDED, "a reason")
        accounts.amend(session, BY, account, None, "Title", None)
        tokens.revoke(session, BY, made.row.id, None)
        tokens.revoke(session, BY, made.row.id, None)
    with database.reading() as session:
        rows = history.page(session, true(), None, 100)[::-1]
        told = [(row.what, row.object, row.organisation, row.who, row.at_ms) for row in rows]
        after = ("somebody", NOW)
        assert told == [
            ("added", "organisation", "kennel", *after),
            ("added", "organisation", "bank", *after),
            ("added", "account", "bank", *after),
            ("added", "token", "bank", *after),
            ("amended", "organisation", "bank", *after),
            ("suspended", "organisation", "bank", *after),
            ("amended", "account", "bank", *after),
            ("revoked", "token", "bank", *after),
        ]
        assert [json.loads(row.before or "{}").get("kind") for row in rows[4:6]] == ["financial", "public"]
        assert rows[5].reason == "a reason"
        assert made.whole not in str([(row.before, row.after) for row in rows])
        assert "argon2" not in str([(row.before, row.after) for row in rows])


def test_history_and_tokens_are_edited_by_nobody(database: Database) -> None:
    account = add(database, "a", "bank", Role.SUBSCRIBER_OFFICER)
    with database.writing() as session:
        made = tokens.add(session, BY, accounts.get(session, account))
        tokens.revoke(session, BY, made.row.id, None)
        live = tokens.add(session, BY, accounts.get(session, account)).row.id
    refused = [
        "UPDATE history SET who = 'x'",
        "UPDATE history SET after = '{}'",
        "DELETE FROM history",
        "DELETE FROM token",
        "DELETE FROM account",
        "DELETE FROM organisation WHERE name = 'kennel'",
        "UPDATE token SET revoked_ms = NULL",
        f"UPDATE token SET revoked_ms = 1 WHERE id = '{made.row.id}'",
        f"UPDATE token SET expires_ms = expires_ms + 1 WHERE id = '{live}'",
        f"UPDATE token SET hash = 'x' WHERE id = '{live}'",
    ]
    with database.reading() as session:
        if session.get_bind().dialect.name == "sqlite":
            refused += ["INSERT OR REPLACE INTO history SELECT * FROM history", "INSERT OR REPLACE INTO token SELECT * FROM token"]
        else:
            refused += ["TRUNCATE history", "TRUNCATE token CASCADE"]
    for statement in refused:
        with pytest.raises(DatabaseError, match="what was decided stays as it is"), database.writing() as session:
            session.execute(text(statement))
    with database.writing() as session:
        session.execute(text(f"UPDATE token SET used_ms = 1, revoked_ms = 2 WHERE id = '{live}'"))
    print(f"statements refused: {len(refused)}")


def test_who_takes_part_by_types_and_policy_is_made_known_once(database: Database, tmp_path: Path) -> None:
    types = {"dog": make_type(tmp_path / "types"), "cat": make_type(tmp_path / "types", "cat", "bank")}
    vet = Title(ko="수의사", en="Vet")
    with database.writing() as session:
        assert organisations.make_known(session, BY, types, {"vet": vet, "bank": vet}) == ["bank", "vet"]
        assert organisations.make_known(session, BY, types, {"vet": vet, "bank": vet}) == []
        bank, made = organisations.get(session, "bank"), organisations.get(session, "vet")
        assert (bank.owner, bank.subscriber, bank.title_en) == (True, True, "B")
        assert (made.owner, made.subscriber, made.title_ko, made.kind) == (False, True, "수의사", None)


def test_the_first_operator_is_made_once_and_its_token_is_kept(database: Database, tmp_path: Path) -> None:
    now = [NOW]
    checks = TokenChecks(database, lambda: now[0])
    file = keep_operator(tmp_path, database, checks, NOW)
    assert file == tmp_path / TOKEN_FILE
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    whole = read_token(file)
    held = checks.find(tokens.public_part(whole) or "")
    assert held is not None and held.actor.roles == {Role.OPERATOR} and checks.verify(held, whole)
    assert keep_operator(tmp_path, database, TokenChecks(database, lambda: now[0]), NOW) is None
    assert read_token(file) == whole
    now[0] += 91 * DAY_MS
    assert keep_operator(tmp_path, database, TokenChecks(database, lambda: now[0]), now[0]) == file, "it had expired"
    file.unlink()
    assert keep_operator(tmp_path, database, checks, now[0]) == file
    with database.reading() as session:
        assert len(list(session.scalars(select(Account)))) == 1
        assert len(list(session.scalars(select(Token)))) == 3


def test_a_first_operator_who_is_one_no_more_gets_no_token(database: Database, tmp_path: Path) -> None:
    checks = TokenChecks(database, lambda: NOW)
    keep_operator(tmp_path, database, checks, NOW)
    add(database, "other", None, Role.OPERATOR)
    with database.writing() as session:
        first = accounts.named(session, "first-operator")
        assert first is not None
        accounts.set_status(session, BY, first.id, None, "inactive", "gone")
    assert keep_operator(tmp_path, database, checks, NOW) is None
    with database.reading() as session:
        assert {row.revoked_ms for row in session.scalars(select(Token))} == {NOW}


def test_a_token_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "t"
    file.write_text("x", encoding="utf-8")
    file.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        read_token(file)
