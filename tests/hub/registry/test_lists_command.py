"""`lists put`, `add` and `remove` are asked for alike; what they tell is counted in words that fit what was asked."""

from __future__ import annotations

import typer

from gongyu_hub.registry.lists_command import _counts, lists

SHARED = {"name", "file", "of_type", "subscriber", "directory", "dry_run", "as_json", "profile"}


def test_the_three_commands_take_the_same_options_and_put_one_more() -> None:
    found = {name: {each.name for each in command.params} for name, command in typer.main.get_group(lists).commands.items()}
    assert (found["add"], found["remove"], found["put"] - found["add"]) == (SHARED, SHARED, {"allow_empty"})


def test_what_was_to_be_removed_and_is_not_on_the_list_is_said_as_such() -> None:
    reply = {"added": 0, "removed": 3, "extended": 0, "kept": 0, "absent": 1200, "lapsed": 1}
    assert _counts("remove", reply, "") == "3 removed, 1,200 not on the list, 1 lapsed already"
    assert _counts("remove", reply, "would be ") == "3 would be removed, 1,200 not on the list, 1 lapsed already"
    assert _counts("add", {**reply, "absent": 0}, "") == "0 added, 3 removed, 0 with another end, 0 as they were, 1 lapsed already"
