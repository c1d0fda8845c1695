from __future__ import annotations

import socket
from urllib.request import urlopen

import pytest
from prometheus_client import CollectorRegistry, Counter

from gongyu_schemas import exit_codes
from gongyu_schemas.errors import ConfigError
from gongyu_schemas.metrics_server import read_address, serving


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:9102", ("127.0.0.1", 9102)),
        (":9102", ("127.0.0.1", 9102)),
        (":0", ("127.0.0.1", 0)),
        ("metrics.local:65535", ("metrics.local", 65535)),
        ("[::1]:9102", ("::1", 9102)),
        ("::1:9102", ("::1", 9102)),
    ],
)
def test_an_address_is_read(text: str, address: tuple[str, int]) -> None:
    assert read_address(text) == address


WRONG = ("", "nowhere", "127.0.0.1", "9102", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:70000", "127.0.0.1:-1", ":\u0669")


@pytest.mark.parametrize("text", WRONG)
def test_what_is_no_address_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ConfigError, match=r"--metrics .* is not HOST:PORT, for example 127\.0\.0\.1:9102") as refused:
        read_address(text)
    assert refused.value.exit_code == exit_codes.USAGE


@pytest.mark.parametrize(
    ("host", "why"), [("192.0.2.1", "this machine has no such address"), ("nowhere.invalid", "no host of this name is known")]
)
def test_an_address_that_cannot_be_had_is_refused(host: str, why: str) -> None:
    refusal = f"{host}:9102 cannot be used: {why}; give another with --metrics"
    with pytest.raises(ConfigError, match=refusal), serving(CollectorRegistry(), host, 9102):
        pass


def test_one_that_is_taken_is_refused_and_let_go_at_the_end() -> None:
    registry = CollectorRegistry()
    Counter("seen", "Seen.", registry=registry).inc(3)
    with serving(registry, "127.0.0.1", 0) as served:
        port = int(served.removeprefix("127.0.0.1:"))
        with urlopen(f"http://{served}/metrics", timeout=10) as answer:
            assert b"seen_total 3.0" in answer.read()
        with (
            pytest.raises(ConfigError, match=f"127.0.0.1:{port} cannot be used: another program uses it"),
            serving(registry, "127.0.0.1", port),
        ):
            pass
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=10)
    with serving(registry, "127.0.0.1", port) as again:
        assert again == served


def test_an_address_of_ipv6_stands_in_brackets() -> None:
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    with serving(CollectorRegistry(), "::1", 0) as served:
        assert served.startswith("[::1]:")
