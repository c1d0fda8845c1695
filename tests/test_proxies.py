"""A log-in goes to the control plane alone: no client takes the way through a proxy that the environment names.

Each client of the control plane is pointed at a port on which nobody listens, beside a listening proxy that must be sent nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from gongyu_consumers.registry import Registry
from gongyu_hub.cli import make_app
from gongyu_hub.operating.connection import ask_control_plane
from gongyu_hub.policy.schemas import SchemaReader
from gongyu_producers.owner_topic import find_schema_ids
from gongyu_schemas import exit_codes
from gongyu_schemas.errors import KafkaUnavailable
from gongyu_schemas.information_type import load_type
from gongyu_schemas.transport.clients import make_registry
from gongyu_schemas.transport.profile import Profile, write_profile
from tests.proxy import Proxy
from tests.running import TYPES

Call = Callable[[Profile, Path], object]


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """The environment names it for everything."""
    monkeypatch.setattr("time.sleep", lambda _: None)  # clients pause between their attempts
    for spelt in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(spelt, raising=False)
    with Proxy() as listening:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            for spelt in (name, name.upper()):
                monkeypatch.setenv(spelt, listening.url)
        yield listening


def show_list(profile: Profile, folder: Path) -> None:
    _lists(profile, folder, "show", "vip")


def put_list(profile: Profile, folder: Path) -> None:
    _lists(profile, folder, "put", "vip", "-")


def _lists(profile: Profile, folder: Path, *arguments: str) -> None:
    file = folder / "admin.yaml"
    write_profile(file, profile)
    options = ["--type", "person", "--subscriber", "bank", "--dir", str(folder), "--profile", str(file)]
    result = CliRunner().invoke(make_app(["lists"]), ["lists", *arguments, *options], input="p1\n")
    if result.exit_code == exit_codes.KAFKA:
        raise KafkaUnavailable(result.stderr)


def list_organisations(profile: Profile, folder: Path) -> None:
    _rest(profile, folder, "org", "list")


def make_token(profile: Profile, folder: Path) -> None:
    _rest(profile, folder, "token", "create", "kim")


def _rest(profile: Profile, folder: Path, *arguments: str) -> None:
    file = folder / "token"
    file.write_text(f"gyt_{'0' * 16}_{'x' * 43}\n", encoding="utf-8")
    file.chmod(0o600)
    result = CliRunner().invoke(make_app([arguments[0]]), [*arguments, "--token-file", str(file), "--url", str(profile.registry)])
    if result.exit_code == exit_codes.KAFKA:
        raise KafkaUnavailable(result.stderr)


def resume(profile: Profile, _folder: Path) -> None:
    ask_control_plane(profile, "/operation/types/person/partitions/0/resume", {"offset": 1})


def subscriber_asks_for_a_type(profile: Profile, _folder: Path) -> None:
    _asks_once(profile).information_type("person")


def subscriber_asks_for_a_schema(profile: Profile, _folder: Path) -> None:
    _asks_once(profile).schema(1)


def _asks_once(profile: Profile) -> Registry:
    ended = threading.Event()
    ended.set()
    return Registry(profile, ended)


def owner_asks_for_schemas(profile: Profile, _folder: Path) -> None:
    with make_registry(profile) as registry:
        find_schema_ids(registry, load_type(TYPES / "person"))


def worker_asks_for_a_schema(profile: Profile, _folder: Path) -> None:
    SchemaReader(profile, stopping=lambda: True).read(1)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "call",
    [
        show_list,
        put_list,
        list_organisations,
        make_token,
        resume,
        subscriber_asks_for_a_type,
        subscriber_asks_for_a_schema,
        owner_asks_for_schemas,
        worker_asks_for_a_schema,
    ],
)
def test_a_client_of_the_control_plane_sends_nothing_to_a_proxy(
    proxy: Proxy, tmp_path: Path, free_port: int, call: Call, scheme: str
) -> None:
    control_plane = f"{scheme}://127.0.0.1:{free_port}"
    profile = Profile(bootstrap="127.0.0.1:9", user="somebody", password=SecretStr("a-secret"), registry=control_plane)
    with pytest.raises(KafkaUnavailable):  # nobody is there, and it was tried
        call(profile, tmp_path)
    assert proxy.received == []
