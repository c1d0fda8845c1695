"""`gongyu-hub check` ends with 0, or with 2 and every mistake."""

from __future__ import annotations

import json
from pathlib import Path

from tests.hub.commands import CHECK, run
from tests.hub.registry.policies import grant, write_policy, write_type


def test_a_good_policy_ends_with_0_a_bad_one_with_2_and_the_places(tmp_path: Path) -> None:
    write_type(tmp_path / "types")
    file = write_policy(tmp_path / "policy.yaml", grant("vet", "all"))
    good = run(CHECK, "--policy", str(file), "--types", str(tmp_path / "types"))
    assert (good.returncode, good.stderr) == (0, "")
    assert "1 grants of 1 subscribers" in good.stdout
    write_policy(file, grant("vet", "all", fields=["dog_id", "nmae"]))
    bad = run(CHECK, "--policy", str(file), "--types", str(tmp_path / "types"))
    assert bad.returncode == 2
    assert bad.stdout == f"{file}:12:5: grants[0].fields[1]: 'nmae' is not a field of 'dog'; did you mean 'name'?\n"


def test_as_json_each_mistake_is_an_object(tmp_path: Path) -> None:
    write_type(tmp_path / "types")
    file = write_policy(tmp_path / "policy.yaml", grant("vet", "all"))
    good = run(CHECK, "--policy", str(file), "--types", str(tmp_path / "types"), "--json")
    assert json.loads(good.stdout) == {"policy": str(file), "grants": 1, "subscribers": 1, "information_types": 1, "mistakes": []}
    write_policy(file, grant("vet", "all", fields=["dog_id", "nmae"]))
    bad = run(CHECK, "--policy", str(file), "--types", str(tmp_path / "types"), "--json")
    assert bad.returncode == 2
    (mistake,) = json.loads(bad.stdout)["mistakes"]
    assert (mistake["line"], mistake["column"], mistake["path"], mistake["remedy"]) == (
        12,
        5,
        "grants[0].fields[1]",
        "did you mean 'name'?",
    )


def test_an_absent_policy_or_types_folder_is_a_clear_error(tmp_path: Path) -> None:
    absent = run(CHECK, "--policy", str(tmp_path / "absent.yaml"))
    assert absent.returncode == 2
    assert "absent.yaml cannot be read" in absent.stderr
    folder = run(CHECK, "--policy", str(tmp_path / "absent.yaml"), "--types", str(tmp_path / "none"))
    assert folder.returncode == 2
    assert "no such folder of information types" in folder.stderr
