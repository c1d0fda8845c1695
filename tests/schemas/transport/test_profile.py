from __future__ import annotations

import os
import stat
import traceback
from pathlib import Path

import pytest
from pydantic import ValidationError

from gongyu_schemas.errors import ConfigError
from gongyu_schemas.transport.profile import Profile, read_profile, write_profile

SECRET = "correct-horse-비밀"


def a_profile(**more: str) -> Profile:
    return Profile.model_validate({"bootstrap": "127.0.0.1:9092", "user": "owner.mois", "password": SECRET, **more})


def write_text(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def refusal(path: Path) -> ConfigError:
    with pytest.raises(ConfigError) as refused:
        read_profile(path)
    assert str(path) in str(refused.value)
    shown = "".join(traceback.format_exception(refused.value))
    assert SECRET not in shown
    assert "correct-horse" not in shown
    return refused.value


@pytest.mark.parametrize("more", [{}, {"registry": "http://127.0.0.1:8081", "security_protocol": "SASL_SSL", "ca_file": "ca.pem"}])
def test_a_profile_comes_back_as_it_was_written(more: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "made" / "owner.yaml"
    write_profile(path, a_profile(**more))
    read = read_profile(path)
    assert read == a_profile(**more)
    assert read.password.get_secret_value() == SECRET


def test_only_its_user_may_read_a_profile_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write_profile(tmp_path / "made" / "p.yaml", a_profile())
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "made" / "p.yaml").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "made").stat().st_mode) == 0o700


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o644])
def test_a_profile_open_to_others_is_refused_with_the_remedy(mode: int, tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    write_profile(path, a_profile())
    path.chmod(mode)
    assert f"run chmod 600 {path}" in str(refusal(path))


def test_no_secret_is_shown_by_a_profile() -> None:
    profile = a_profile()
    for shown in (repr(profile), str(profile), f"{profile.model_dump()}", profile.model_dump_json()):
        assert SECRET not in shown
        assert "correct-horse" not in shown


@pytest.mark.parametrize(
    "text",
    [
        f'bootstrap: h:1\nuser: u\npassword: "{SECRET}',
        f"bootstrap: h:1\npassword: [{SECRET}\nuser: u",
        f"bootstrap: h:1\npassword: {SECRET}: x",
        f"password: &{SECRET} *{SECRET}x",
    ],
)
def test_what_is_not_yaml_is_refused_with_its_line_and_without_its_text(text: str, tmp_path: Path) -> None:
    assert "is not YAML (line " in str(refusal(write_text(tmp_path / "p.yaml", text)))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "is no profile"),
        (f"- {SECRET}", "is no profile"),
        (f"{SECRET}", "is no profile"),
        (f"user: u\npassword: {SECRET}", "bootstrap: is missing; add it"),
        (f"bootstrap: h:1\nuser: u\npassword: [{SECRET}]", "password: "),
        (f"bootstrap: h:1\nuser: u\npassword: {SECRET}\npasword: {SECRET}", "pasword: is not known here; correct the name or remove it"),
        (f"bootstrap: h:1\nuser: u\npassword: {SECRET}\nmechanism: {SECRET}", "mechanism: "),
    ],
)
def test_what_is_not_a_profile_is_refused_with_its_place_and_without_its_text(text: str, place: str, tmp_path: Path) -> None:
    assert place in str(refusal(write_text(tmp_path / "p.yaml", text)))


def test_a_mistake_in_a_profile_made_by_a_program_shows_no_secret() -> None:
    with pytest.raises(ValidationError) as refused:
        a_profile(security_protocol=SECRET)
    assert SECRET not in "".join(traceback.format_exception(refused.value))


def test_a_profile_that_is_missing_a_folder_or_not_text_is_refused(tmp_path: Path) -> None:
    assert "cannot be read: there is no such file or folder" in str(refusal(tmp_path / "absent.yaml"))
    assert "cannot be read: it is a folder; name a file" in str(refusal(tmp_path))
    path = write_text(tmp_path / "p.yaml", "")
    path.write_bytes("비밀".encode("euc-kr"))
    assert "is not text in UTF-8" in str(refusal(path))


def test_writing_takes_the_place_of_the_old_file_at_once(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    write_profile(path, a_profile())
    with path.open(encoding="utf-8") as reader:  # whoever reads meanwhile reads the old one to its end
        write_profile(path, a_profile(registry="http://127.0.0.1:8081"))
        assert "registry" not in reader.read()
    assert read_profile(path).registry == "http://127.0.0.1:8081"
    assert [each.name for each in tmp_path.iterdir()] == ["p.yaml"]


def test_writing_that_fails_leaves_the_old_file_and_no_password_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "p.yaml"
    write_profile(path, a_profile())

    def disk_full(_file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", disk_full)
    with pytest.raises(OSError, match="No space left"):
        write_profile(path, a_profile(registry="http://127.0.0.1:8081"))
    assert read_profile(path).registry is None
    assert [each.name for each in tmp_path.iterdir()] == ["p.yaml"]


@pytest.mark.parametrize("value", ["2026-13-45", "!!bool x", "!!int ''", "!!timestamp x", "9" * 5000, "[" * 5000])
def test_a_value_that_yaml_cannot_make_is_refused_without_its_text(value: str, tmp_path: Path) -> None:
    refusal(write_text(tmp_path / "p.yaml", f"password: {SECRET}\nuser: {value}\n"))


@pytest.mark.parametrize(
    "bootstrap",
    ["127.0.0.1:9", "127.8.0.1:9", "localhost:9", "LOCALHOST", "[::1]:9", "127.0.0.1:9, localhost:8", "SASL_PLAINTEXT://localhost:9"],
)
def test_this_machine_may_be_spoken_to_in_clear(bootstrap: str, tmp_path: Path) -> None:
    write_profile(tmp_path / "p.yaml", a_profile(bootstrap=bootstrap, registry="http://[::1]:8081"))
    assert read_profile(tmp_path / "p.yaml").bootstrap == bootstrap


@pytest.mark.parametrize(
    "bootstrap",
    ["10.0.0.1:9", "kafka:9092", "127.0.0.1.example.org:9", "127.0.0.1:9,kafka.example.org:9", "[2001:db8::1]:9", "0.0.0.0:9", "", "["],
)
def test_another_machine_is_spoken_to_with_tls_only(bootstrap: str, tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    write_profile(path, a_profile(bootstrap=bootstrap))
    assert "set security_protocol: SASL_SSL" in str(refusal(path))
    write_profile(path, a_profile(bootstrap=bootstrap, security_protocol="SASL_SSL", registry="https://registry.example.org"))
    read_profile(path)


@pytest.mark.parametrize(
    "url", ["http://registry.example.org", "HTTP://10.0.0.1:8081", "http://u:p@kafka", "http://127.0.0.1:1,http://kafka:1", "kafka:8081"]
)
def test_a_registry_on_another_machine_is_asked_with_tls_only(url: str, tmp_path: Path) -> None:
    write_profile(tmp_path / "p.yaml", a_profile(registry=url))
    assert "use https://" in str(refusal(tmp_path / "p.yaml"))
