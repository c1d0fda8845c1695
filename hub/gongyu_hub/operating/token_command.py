"""`gongyu-hub token create|list|revoke`: what accounts log in with. A token's whole is shown once, when it is made."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TextIO

import typer

from gongyu_hub.json_answers import print_array, write
from gongyu_hub.operating.api_client import AsJson, Folder, TokenFile, Url, asking, segment
from gongyu_hub.operating.shown import print_rows
from gongyu_hub.registry.tokens import DAYS, DAYS_MAX
from gongyu_schemas.errors import ConfigError, GongyuError, reported
from gongyu_schemas.plain_words import why

_HELP = """Tokens: what accounts log in with.

Example: gongyu-hub token create maru-officer --out maru.token --dir ./hub

Exit codes: 0 done, 2 given wrongly or refused, 3 no answer or the token is refused.
"""

token = typer.Typer(help=_HELP, no_args_is_help=True)

Account = Annotated[str, typer.Argument(metavar="ACCOUNT", help="The account's name, or its id.")]


@token.command()
def create(
    account: Account,
    days: Annotated[int, typer.Option(min=1, max=DAYS_MAX, help="Days until it expires.")] = DAYS,
    out: Annotated[Path | None, typer.Option(help="A new file, mode 0600, for the token. Default: standard output.")] = None,
    directory: Folder = None,
    token_file: TokenFile = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Make a token and show it, this once.

    Example: gongyu-hub token create maru-officer --days 30 --out maru.token --dir ./hub
    """
    with reported(), asking(directory, token_file, url) as api:
        found = api.account(account).content
        if out is None:
            made = api.post(f"/accounts/{found['id']}/tokens", {"days": days})
        else:
            with _new_file(out) as file:
                made = api.post(f"/accounts/{found['id']}/tokens", {"days": days})
                file.write(f"{made.pop('token')}\n")
        if as_json:
            print(write(made))
        elif out is None:
            print(made["token"])
        else:
            print(f"token {made['id']} of {account} is in {out}; it expires {made['expires']}")


@token.command("list")
def list_tokens(account: Account, directory: Folder = None, token_file: TokenFile = None, url: Url = None, as_json: AsJson = False) -> None:
    """An account's tokens, without their secret parts.

    Example: gongyu-hub token list maru-officer --dir ./hub
    """
    with reported(), asking(directory, token_file, url) as api:
        found = api.items(f"/accounts/{api.account(account).content['id']}/tokens")
        if as_json:
            print_array(found)
        else:
            rows = ([each["id"], each["made"], each["expires"], each["revoked"] or "", each["used"] or ""] for each in found)
            print_rows(("id", "made", "expires", "revoked", "used"), rows)


@token.command()
def revoke(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="The token's id, as `token list` shows it.")],
    directory: Folder = None,
    token_file: TokenFile = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Revoke a token: it is refused from the next request on.

    Example: gongyu-hub token revoke 3f0c51aa90b2c4d7 --dir ./hub
    """
    with reported(), asking(directory, token_file, url) as api:
        path = f"/tokens/{segment(token_id)}"
        api.change("DELETE", path, api.get(path).etag)
        print(write({"id": token_id, "revoked": True}) if as_json else f"token {token_id} is revoked")


@contextmanager
def _new_file(file: Path) -> Iterator[TextIO]:
    """Made before the token, which nobody could show again; gone where there is no token."""
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigError(f"--out {file} cannot be written: {why(error)}; name a new file") from error
    with os.fdopen(handle, "w", encoding="ascii") as opened:
        try:
            yield opened
        except GongyuError:
            file.unlink()
            raise
