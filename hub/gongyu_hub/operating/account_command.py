"""`gongyu-hub account list|show|add|amend|deactivate|activate`: people and machines, and what they may do."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from gongyu_hub.json_answers import print_array, write
from gongyu_hub.operating.api_client import Api, AsJson, Folder, TokenFile, Url, asking
from gongyu_hub.operating.shown import print_object, print_rows
from gongyu_hub.registry.accounts import Kind
from gongyu_hub.registry.roles import Role
from gongyu_schemas.errors import ConfigError, reported
from gongyu_schemas.names import check_name

_HELP = """Accounts: people and machines with roles.

Example: gongyu-hub account list --dir ./hub

Exit codes: 0 done, 2 given wrongly or refused, 3 no answer or the token is refused.
"""

account = typer.Typer(help=_HELP, no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="ACCOUNT", help="The account's name, or its id.")]
Roles = Annotated[list[Role], typer.Option("--role", help="A role; may be repeated.")]
Organisation = Annotated[str | None, typer.Option(help="The organisation; none for operators and auditors.")]
Reason = Annotated[str, typer.Option(help="Why, for the history.")]


@account.command("list")
def list_accounts(
    organisation: Annotated[str | None, typer.Option(help="Of this organisation alone.")] = None,
    directory: Folder = None,
    token_file: TokenFile = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """All accounts that you may see.

    Example: gongyu-hub account list --organisation bank-maru --dir ./hub
    """
    with reported(), asking(directory, token_file, url) as api:
        found = api.items("/accounts", organisation=organisation)
        if as_json:
            print_array(found)
        else:
            rows = ([each["name"], each["organisation"] or "", each["kind"], " ".join(each["roles"]), each["status"]] for each in found)
            print_rows(("name", "organisation", "kind", "roles", "status"), rows)


@account.command()
def show(name: Name, directory: Folder = None, token_file: TokenFile = None, url: Url = None, as_json: AsJson = False) -> None:
    """One account.

    Example: gongyu-hub account show maru-officer --dir ./hub
    """
    with reported(), asking(directory, token_file, url) as api:
        print_object(api.account(name).content, as_json)


@account.command()
def add(
    name: Name,
    roles: Roles,
    organisation: Organisation = None,
    title: Annotated[str | None, typer.Option(help="For people. Default: the name.")] = None,
    kind: Annotated[Kind, typer.Option(help="Whether a person or a machine uses it.")] = Kind.PERSON,
    directory: Folder = None,
    token_file: TokenFile = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Add an account. It can log in when it has a token: `gongyu-hub token create`.

    Example: gongyu-hub account add maru-officer --organisation bank-maru --role subscriber-officer --dir ./hub
    """
    with reported(), asking(directory, token_file, url) as api:
        body = {"name": check_name(name, "account"), "title": title or name, "kind": kind.value, "organisation": organisation}
        made = api.post("/accounts", {**body, "roles": [role.value for role in roles]})
        print(write(made) if as_json else f"account {name} added; its id is {made['id']}")


@account.command()
def amend(
    name: Name,
    roles: Annotated[list[Role] | None, typer.Option("--role", help="All of its roles from now on; may be repeated.")] = None,
    title: Annotated[str | None, typer.Option(help="For people.")] = None,
    directory: Folder = None,
    token_file: TokenFile = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Change what is given; all else stays.

    Example: gongyu-hub account amend kim --role owner-officer --role owner-approver --dir ./hub
    """
    with reported(), asking(directory, token_file, url) as api:
        change: dict[str, Any] = {}
        if roles:
            change["roles"] = [role.value for role in roles]
        if title is not None:
            change["title"] = title
        if not change:
            raise ConfigError("nothing to change: give --role or --title")
        seen = api.account(name)
        amended = api.change("PATCH", f"/accounts/{seen.content['id']}", seen.etag, change)
        print(write(amended) if as_json else f"account {name} amended")


@account.command()
def deactivate(
    name: Name, reason: Reason, directory: Folder = None, token_file: TokenFile = None, url: Url = None, as_json: AsJson = False
) -> None:
    """Lock an account out; its tokens are revoked for good.

    Example: gongyu-hub account deactivate kim --reason "changed departments" --dir ./hub
    """
    with reported(), asking(directory, token_file, url) as api:
        _set_status(api, name, "inactive", reason, as_json)


@account.command()
def activate(
    name: Name, reason: Reason, directory: Folder = None, token_file: TokenFile = None, url: Url = None, as_json: AsJson = False
) -> None:
    """Let an account log in again, with new tokens.

    Example: gongyu-hub account activate kim --reason "back again" --dir ./hub
    """
    with reported(), asking(directory, token_file, url) as api:
        _set_status(api, name, "active", reason, as_json)


def _set_status(api: Api, name: str, status: str, reason: str, as_json: bool) -> None:
    seen = api.account(name)
    now = api.change("PUT", f"/accounts/{seen.content['id']}/status", seen.etag, {"status": status, "reason": reason})
    print(write(now) if as_json else f"account {name} is {now['status']}")
