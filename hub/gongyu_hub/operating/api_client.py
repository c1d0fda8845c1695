"""The control plane's REST API as the commands ask it: where it is, with which token, and what its refusals mean to a person.

The token comes from a file or the environment, never from the command line, which others can read. Raises ConfigError for what is
refused or given wrongly, KafkaUnavailable where there is no answer.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlsplit

import httpx2
import typer

from gongyu_hub.hub_folder import read_profile_of
from gongyu_hub.registry.first_account import TOKEN_FILE, read_token
from gongyu_hub.registry.tokens import public_part
from gongyu_schemas.errors import ConfigError, CredentialsRefused, KafkaUnavailable
from gongyu_schemas.names import HUB_USER

TOKEN_VARIABLE, URL_VARIABLE = "GONGYU_TOKEN", "GONGYU_URL"
_TIMEOUT_S = 60.0
_PAGE = 200

Folder = Annotated[Path | None, typer.Option("--dir", help="Folder of the hub on this machine: where the control plane is, and a token.")]
TokenFile = Annotated[Path | None, typer.Option(help=f"File of your token. Default: {TOKEN_VARIABLE}, else DIR/{TOKEN_FILE}.")]
Url = Annotated[str | None, typer.Option(envvar=URL_VARIABLE, help="Address of the control plane, where there is no --dir.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document.")]
Content = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Seen:
    """An object, and the ETag of the version that it is."""

    content: Content
    etag: str


class Api:
    """Requests of one command."""

    def __init__(self, client: httpx2.Client, where: str) -> None:
        self._client = client
        self._where = where

    def get(self, path: str) -> Seen:
        reply = self._ask("GET", path)
        return Seen(self._content(reply), reply.headers.get("etag", "*"))

    def items(self, path: str, **wanted: str | None) -> Iterator[Content]:
        """All of a list, a page at a time."""
        parameters = {name: value for name, value in wanted.items() if value is not None}
        cursor: dict[str, str] = {}
        while True:
            page = self._content(self._ask("GET", path, params={"limit": str(_PAGE), **parameters, **cursor}))
            yield from page["items"]
            if page["next"] is None:
                return
            cursor = {"cursor": page["next"]}

    def post(self, path: str, body: Content) -> Content:
        return self._content(self._ask("POST", path, json=body))

    def change(self, method: str, path: str, etag: str, body: Content | None = None) -> Content:
        reply = self._ask(method, path, json=body, headers={"If-Match": etag})
        return self._content(reply) if reply.content else {}

    def account(self, name: str) -> Seen:
        """By its name or its id."""
        for found in self.items("/accounts", name=name):
            return self.get(f"/accounts/{found['id']}")
        return self.get(f"/accounts/{segment(name)}")

    def _ask(self, method: str, path: str, **more: Any) -> httpx2.Response:
        try:
            return self._client.request(method, f"/api/v1{path}", **more)
        except httpx2.HTTPError as error:
            raise KafkaUnavailable(f"the control plane at {self._where} does not answer: {error}; is it running?") from error

    def _content(self, reply: httpx2.Response) -> Content:
        try:
            content: Content = reply.json()
        except ValueError as error:
            what = f"the control plane at {self._where} answers {reply.status_code} and no JSON; is another program on its port?"
            raise KafkaUnavailable(what) from error
        if reply.status_code < 400:
            return content
        told = _in_words(content)
        if reply.status_code in {401, 429}:
            raise CredentialsRefused(f"the control plane refuses the token: {told}")
        if reply.status_code >= 500:
            raise KafkaUnavailable(f"the control plane at {self._where}: {told}")
        raise ConfigError(f"the control plane refuses: {told}")


@contextmanager
def asking(directory: Path | None, token_file: Path | None, url: str | None) -> Iterator[Api]:
    token = _find_token(directory, token_file)
    where, trust = _find_control_plane(directory, url)
    # Not through a proxy that the environment names: the token goes to the control plane alone.
    log_in = {"Authorization": f"Bearer {token}"}
    with httpx2.Client(base_url=where, headers=log_in, timeout=_TIMEOUT_S, verify=trust, trust_env=False) as client:
        yield Api(client, where)


def segment(name: str) -> str:
    """A name as a part of an address."""
    return quote(name, safe="") or "-"


def _find_token(directory: Path | None, given: Path | None) -> str:
    source, whole = f"environment variable {TOKEN_VARIABLE}", os.environ.get(TOKEN_VARIABLE, "").strip()
    if given is not None or not whole:
        file = given or (None if directory is None else directory / TOKEN_FILE)
        if file is None:
            raise ConfigError(f"no token: give --dir DIR of the hub, --token-file FILE, or {TOKEN_VARIABLE} in the environment")
        source, whole = f"token file {file}", read_token(file)
    if public_part(whole) is None:
        raise ConfigError(f"{source} holds no token; a token is one line, gyt_...")
    return whole


def _find_control_plane(directory: Path | None, url: str | None) -> tuple[str, str | bool]:
    """Its address, and whose certificates are trusted."""
    if url is None:
        if directory is None:
            raise ConfigError(f"where is the control plane? Give --dir DIR of the hub, --url URL, or {URL_VARIABLE} in the environment")
        profile = read_profile_of(HUB_USER, directory, None)
        if profile.registry is None:
            raise ConfigError("the hub's profile does not say where the control plane is: give --url http(s)://HOST:PORT")
        return profile.registry, profile.ca_file or True
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.path not in {"", "/"}:
        raise ConfigError(f"--url must be http(s)://HOST:PORT, without a log-in or a path (or {URL_VARIABLE})")
    if parts.scheme == "http" and not _loopback(parts.hostname):
        raise ConfigError("--url: the token would travel in clear; use https outside this machine")
    return f"{parts.scheme}://{parts.netloc}", True


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _in_words(problem: Content) -> str:
    mistakes = [f"{each['place']}: {each['what']}" if each["place"] else each["what"] for each in problem.get("mistakes", ())]
    return "; ".join(mistakes) or str(problem.get("detail", "it does not say why"))
