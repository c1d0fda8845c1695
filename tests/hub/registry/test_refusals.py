"""What is refused is told in short lines with the place first, kept with its time, and told again when it is mended."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gongyu_hub.policy.records import Heartbeat, Refusal
from gongyu_hub.registry.policy_check import PolicyMistakes, read_policy
from gongyu_hub.registry.refusals import PolicyRefused, Refusals, TypesBroken
from gongyu_schemas.errors import ConfigError
from gongyu_schemas.information_type import load_types


def refusals() -> Refusals:
    clock = iter((1000, 2000, 3000))
    return Refusals(lambda: next(clock))


def test_a_policy_with_many_mistakes_is_told_in_short_lines_the_first_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text("subscribers: {}\ngrants:\n" + "  - {grant: a, information_type: dog}\n" * 20)
    with pytest.raises(PolicyMistakes) as raised:
        read_policy(file, {}, date(2026, 3, 1))
    found = refusals()
    with capture_logs() as logs:
        found.refuse(raised.value)
    assert found.current is not None
    assert (found.current.what, found.current.reason.partition(": ")[0]) == ("changed policy refused", f"{file}:3:5")
    mistakes = len(raised.value.mistakes)
    assert found.current.reason.endswith(f" (and {mistakes - 1} more)") and mistakes > 50
    assert (logs[0]["event"], logs[0]["reason"]) == ("changed policy refused; the policy in force stays", found.current.reason)
    assert len(logs) == 10 and all(len(str(line)) < 500 for line in logs)


def test_a_broken_type_is_not_called_a_refused_policy_and_its_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / "dog").mkdir()
    (tmp_path / "dog" / "type.yaml").write_text("name: [")
    with pytest.raises(ConfigError) as raised:
        load_types(tmp_path)
    found = refusals()
    with capture_logs() as logs:
        found.refuse(TypesBroken(str(raised.value)))
        found.mended({f"type-{number}": number for number in range(200)}, ["type-150"])
    assert logs[0]["event"] == "information type broken; the policy in force stays"
    assert not any(line["reason"][:1].isspace() for line in logs[:-1]), "what a library puts on further lines is no mistake of its own"
    assert logs[-1]["epochs"].startswith("type-150 150 (new), type-0 0, ") and logs[-1]["epochs"].endswith(" and 190 more")
    assert str(tmp_path / "dog") in logs[0]["reason"]


def test_the_time_is_that_of_the_first_refusal_and_mending_is_told_once_with_the_epochs() -> None:
    found = refusals()
    with capture_logs() as logs:
        found.mended({"dog": 1}, ["dog"])
        found.refuse(PolicyRefused(["grant vet/dogs: rows: a -> b", "grant vet/cats: it is gone"]))
        found.refuse(ConfigError("x" * 5000))
        assert found.current == Refusal(since_ms=1000, what="changed policy refused", reason="x" * 297 + "...")
        found.mended({"cat": 1, "dog": 3}, ["cat"])
        found.mended({}, [])
    assert [line["event"].partition(";")[0] for line in logs] == [
        "changed policy refused",
        "also wrong",
        "changed policy refused",
        "mended",
    ]
    assert logs[0]["reason"] == "it changes what is in force: grant vet/dogs: rows: a -> b (and 1 more)"
    assert (logs[-1]["epochs"], logs[-1]["tell"]) == ("cat 1 (new), dog 3", True)
    assert found.current is None


def test_a_heartbeat_of_an_older_control_plane_refuses_nothing() -> None:
    assert Heartbeat.model_validate_json('{"sequence": 1, "at_ms": 2}').refused is None
