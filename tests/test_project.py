"""Promises about the repository itself."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

TOP_LEVEL = {
    ".ci",
    ".gitignore",
    "CHANGELOG.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "compose",
    "consumers",
    "hub",
    "producers",
    "pyproject.toml",
    "requirements.lock",
    "schemas",
    "tests",
}

#: Where packages come from and where things lie is each machine's own affair, told by its own configuration.
INDEX_OR_MACHINE = re.compile(
    r"--(extra-)?index-url|--find-links|--trusted-host|pypi\.|pythonhosted|repo1?\.maven|maven\.org|artifactory"
    r"|(?<![\w.])/(work|root|home|Users|opt)/\w",
)


def project_files() -> list[Path]:
    """Files that are tracked, or would be when added. Outside a clone: every file that is not generated."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listing.returncode != 0:
        pytest.fail(f"the tests run in a clone: {listing.stderr.strip()}")
    return [path for name in listing.stdout.splitlines() if (path := ROOT / name).is_file()]


def test_the_top_level_holds_only_what_it_should() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in project_files()} <= TOP_LEVEL


def test_no_file_names_an_index_or_a_path_of_one_machine() -> None:
    found = []
    for path in project_files():
        if path == Path(__file__):
            continue
        lines = path.read_text(encoding="utf-8", errors="ignore").splitlines()
        found += [f"{path.relative_to(ROOT)}:{number}: {line}" for number, line in enumerate(lines, 1) if INDEX_OR_MACHINE.search(line)]
    assert found == []


def locked(name: str) -> dict[str, str]:
    """What a lock file pins: package with version and marker -> its hashes."""
    entries = re.split(r"\n(?=\S)", (ROOT / name).read_text(encoding="utf-8").strip())
    return {entry.partition(" \\\n")[0]: entry.partition(" \\\n")[2] for entry in entries}


def test_the_image_has_what_commands_need_in_the_versions_that_were_tested() -> None:
    tested, image = locked("requirements.lock"), locked("compose/requirements.lock")
    assert image.items() <= tested.items(), "make lock writes both"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = project["dependencies"] + [name for extra in ("owner", "subscriber", "hub", "local") for name in extras[extra]]
    names = {pin.partition("==")[0] for pin in image}
    assert {re.split(r"[\[<>=;]", requirement)[0].lower() for requirement in wanted} <= names
    assert names.isdisjoint({"pytest", "mypy", "ruff", "hypothesis", "testcontainers"})


def test_the_lock_pins_every_package_with_hashes() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    entries = re.split(r"\n(?=\S)", text.strip())
    assert len(entries) > 50
    for entry in entries:
        assert re.match(r"[a-z0-9._-]+(\[[a-z,]+\])?==\S+", entry), entry
        assert "--hash=sha256:" in entry, entry
    assert "://" not in text


def test_the_lock_holds_every_dependency_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = project["dependencies"] + [name for extra in project["optional-dependencies"].values() for name in extra]
    names = {re.split(r"[\[<>=;]", requirement)[0].lower() for requirement in wanted} - {"gongyu"}
    locked = set(re.findall(r"^([a-z0-9._-]+)==", (ROOT / "requirements.lock").read_text(encoding="utf-8"), re.MULTILINE))
    assert names <= locked


def test_the_modules_of_each_component_have_a_docstring() -> None:
    for path in project_files():
        if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in {"schemas", "producers", "consumers", "hub"}:
            text = path.read_text(encoding="utf-8")
            assert not text.strip() or text.lstrip("#! \n").startswith('"""'), path
