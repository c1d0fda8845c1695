"""`gongyu-hub org list|show|add|amend|suspend|resume|leave`: who takes part."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from gongyu_hub.json_answers import print_array, write
from gongyu_hub.operating.api_client import Api, AsJson, Content, Folder, TokenFile, Url, asking, segment
from gongyu_hub.operating.shown import print_object, print_rows
from gongyu_hub.registry.organisations import Kind
from gongyu_schemas.errors import ConfigError, reported
from gongyu_schemas.names import check_name

_HELP = """Organisations: owners and subscribers.

Example: gongyu-hub org list --dir ./hub

Exit codes: 0 done, 2 given wrongly or refused, 3 no answer or the token is refused.
"""

org = typer.Typer(help=_HELP, no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The organisation's name, as in topics.")]
Ko = Annotated[str | None, typer.Option("--title-ko", help="Title in Korean.")]
En = Annotated[str | None, typer.Option("--title-en", help="Title in English.")]
OfKind = Annotated[Kind | None, typer.Option("--kind", help="What it is.")]
Owner = Annotated[bool | None, typer.Option("--owner/--no-owner", help="Whether it publishes.")]
Subscriber = Annotated[bool | None, typer.Option("--subscriber/--no-subscriber", help="Whether it receives.")]
Reason = Annotated[str, typer.Option(help="Why, for the history.")]


@org.command("list")
def list_organisations(directory: Folder = None, token_file: TokenFile = None, url: Url = None, as_json: AsJson = False) -> None:
    """All organisations that you may see.

    Example: gongyu-hub org list --dir ./hub --json
    """
    with reported(), asking(directory, token_file, url) as api:
        found = api.items("/organisations")
        if as_json:
            print_array(found)
        else:
            rows = ([each["name"], _parts(each), each["kind"] or "", each["status"], each["title"]["en"]] for each in found)
            print_rows(("name", "is", "kind", "status", "title"), rows)


@org.command()
def show(name: Name, directory: Folder = None, token_file: TokenFile = None, url: Url = None, as_json: AsJson = False) -> None:
    """One organisation.

    Example: gongyu-hub org show bank-maru --dir ./hub
    """
    with reported(), asking(directory, token_file, url) as api:
        print_object(api.get(_path(name)).content, as_json)


@org.command()
def add(
    name: Name,
    title_ko: Annotated[str, typer.Option("--title-ko", help="Title in Korean.")],
    title_en: Annotated[str, typer.Option("--title-en", help="Title in English.")],
    kind: Annotated[Kind, typer.Option("--kind", help="What it is.")],
    owner: Owner = False,
    subscriber: Subscriber = False,
    directory: Folder = None,
    token_file: TokenFile = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Add an organisation.

    Example: gongyu-hub org add bank-maru --title-ko 마루은행 --title-en "Maru Bank" --kind financial --subscriber --dir ./hub
    """
    with reported(), asking(directory, token_file, url) as api:
        body = {"name": check_name(name, "organisation"), "title": {"ko": title_ko, "en": title_en}, "kind": kind.value}
        made = api.post("/organisations", {**body, "owner": bool(owner), "subscriber": bool(subscriber)})
        print(write(made) if as_json else f"organisation {name} added")


@org.command()
def amend(
    name: Name,
    title_ko: Ko = None,
    title_en: En = None,
    kind: OfKind = None,
    owner: Owner = None,
    subscriber: Subscriber = None,
    directory: Folder = None,
    token_file: TokenFile = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Change what is given; all else stays.

    Example: gongyu-hub org amend bank-maru --kind financial --dir ./hub
    """
    with reported(), asking(directory, token_file, url) as api:
        seen = api.get(_path(name))
        change: dict[str, Any] = {"kind": kind and kind.value, "owner": owner, "subscriber": subscriber}
        if title_ko is not None or title_en is not None:
            before = seen.content["title"]
            change["title"] = {"ko": title_ko or before["ko"], "en": title_en or before["en"]}
        change = {key: value for key, value in change.items() if value is not None}
        if not change:
            raise ConfigError("nothing to change: give --title-ko, --title-en, --kind, --owner or --subscriber")
        amended = api.change("PATCH", _path(name), seen.etag, change)
        print(write(amended) if as_json else f"organisation {name} amended")


@org.command()
def suspend(
    name: Name, reason: Reason, directory: Folder = None, token_file: TokenFile = None, url: Url = None, as_json: AsJson = False
) -> None:
    """Lock an organisation's accounts out. What it receives is decided by the policy, and goes on.

    Example: gongyu-hub org suspend bank-maru --reason "audit of 3 March" --dir ./hub
    """
    with reported(), asking(directory, token_file, url) as api:
        _set_status(api, name, "suspended", reason, as_json)


@org.command()
def resume(
    name: Name, reason: Reason, directory: Folder = None, token_file: TokenFile = None, url: Url = None, as_json: AsJson = False
) -> None:
    """End a suspension.

    Example: gongyu-hub org resume bank-maru --reason "audit closed" --dir ./hub
    """
    with reported(), asking(directory, token_file, url) as api:
        _set_status(api, name, "active", reason, as_json)


@org.command()
def leave(
    name: Name, reason: Reason, directory: Folder = None, token_file: TokenFile = None, url: Url = None, as_json: AsJson = False
) -> None:
    """Note that an organisation has left: its accounts end and its tokens are revoked, for good.

    Example: gongyu-hub org leave bank-maru --reason "merged into bank-deul" --dir ./hub
    """
    with reported(), asking(directory, token_file, url) as api:
        _set_status(api, name, "left", reason, as_json)


def _set_status(api: Api, name: str, status: str, reason: str, as_json: bool) -> None:
    seen = api.get(_path(name))
    now = api.change("PUT", f"{_path(name)}/status", seen.etag, {"status": status, "reason": reason})
    print(write(now) if as_json else f"organisation {name} is {now['status']}")


def _path(name: str) -> str:
    return f"/organisations/{segment(check_name(name, 'organisation'))}"


def _parts(content: Content) -> str:
    return " and ".join(part for part in ("owner", "subscriber") if content[part])
