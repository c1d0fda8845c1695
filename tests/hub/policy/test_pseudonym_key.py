"""The pseudonym key: derived as RFC 5869 says, different for every purpose, in no text, and the same file for ever."""

from __future__ import annotations

import hashlib
import hmac
from datetime import date
from pathlib import Path

import pytest

from gongyu_hub.policy.key_file import make_key, read_key
from gongyu_hub.policy.pseudonyms import PseudonymKey
from gongyu_hub.registry import epochs
from gongyu_hub.registry.database import open_database
from gongyu_hub.registry.policy_check import read_policy
from gongyu_hub.registry.pseudonym_key import keep_key
from gongyu_schemas.errors import ConfigError
from tests.hub.registry.policies import grant, make_type, write_policy

KEY = PseudonymKey(bytes(range(32)))


def test_a_derived_key_is_hkdf_of_its_names() -> None:
    extracted = hmac.digest(bytes(32), KEY.master, hashlib.sha256)
    info = b"gongyu pseudonym\0bank\0resident\0resident_id\x003\x01"
    assert KEY.derive("bank", "resident", "resident_id", 3) == hmac.digest(extracted, info, hashlib.sha256)


def test_every_purpose_has_its_own_key() -> None:
    purposes = [("a", "t", "f", 1), ("b", "t", "f", 1), ("a", "u", "f", 1), ("a", "t", "g", 1), ("a", "t", "f", 2), ("a", "t", "f1", 1)]
    assert len({KEY.derive(*purpose) for purpose in purposes}) == len(purposes)
    assert KEY.check != PseudonymKey(bytes(32)).check
    assert KEY.master[:4].hex() not in f"{KEY!r} {KEY}"


def test_the_file_is_private_and_gives_the_same_key_again(tmp_path: Path) -> None:
    file = tmp_path / "secrets" / "pseudonym.key"
    assert read_key(file) is None
    made = make_key(file)
    assert read_key(file) == made
    assert file.stat().st_mode & 0o777 == 0o600 and file.parent.stat().st_mode & 0o777 == 0o700
    assert [each.name for each in file.parent.iterdir()] == [file.name]


def test_a_file_that_others_may_read_or_that_is_no_key_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "pseudonym.key"
    text = f"gongyu-pseudonym-key-1 {make_key(file).master.hex()}"
    file.chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        read_key(file)
    file.chmod(0o600)
    for content in (
        "",
        "x",
        text[:-2],
        text.replace("-1", "-2"),
        text.replace(text[-2:], "zz"),
        "\ud800".encode("utf-8", "replace").decode(),
    ):
        file.write_text(content, encoding="utf-8")
        with pytest.raises(ConfigError, match="restore it") as raised:
            read_key(file)
        assert text[-20:] not in str(raised.value)


def test_a_lost_or_exchanged_key_stops_the_control_plane_once_a_grant_uses_it(tmp_path: Path) -> None:
    file = tmp_path / "secrets" / "pseudonym.key"
    types = {"dog": make_type(tmp_path / "types")}
    treated = grant("vet", "all", treatments={"dog_id": {"pseudonymise": {"key_version": 1}}})
    policy = read_policy(write_policy(tmp_path / "policy.yaml", treated), types, date(2026, 3, 1))
    database = open_database(tmp_path / "hub")
    try:
        first = keep_key(file, database)
        assert keep_key(file, database) == first
        file.unlink()
        check = keep_key(file, database)
        assert check != first, "no grant uses the lost one yet"
        with database.writing() as session:
            epochs.know_type(session, types["dog"])
            epochs.decide_first_epoch(session, types["dog"], policy.grants_of("dog"), {"grant.vet.all": 4}, key_check=check, now_ms=1)
        assert keep_key(file, database) == check
        kept = file.read_bytes()
        make_key(file)
        with pytest.raises(ConfigError, match="restore the file"):
            keep_key(file, database)
        file.unlink()
        with pytest.raises(ConfigError, match="is not there: restore"):
            keep_key(file, database)
        file.write_bytes(kept)
        file.chmod(0o600)
        assert keep_key(file, database) == check
    finally:
        database.close()
