"""The READMEs say what is: links lead somewhere, settings and metrics are complete."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gongyu_hub.observe.metrics import Metrics
from gongyu_hub.settings import Settings

ROOT = Path(__file__).parents[1]
COMPONENTS = ("schemas", "producers", "consumers", "hub")
READMES = [ROOT / "README.md", *(ROOT / name / "README.md" for name in (*COMPONENTS, "compose", "tests/guide"))]


@pytest.mark.parametrize("file", READMES, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(file: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", file.read_text(encoding="utf-8"))
    assert [link for link in links if "://" not in link and not (file.parent / link).exists()] == []


def test_the_root_readme_is_short() -> None:
    assert len(READMES[0].read_text(encoding="utf-8").splitlines()) < 300


def test_the_guide_lists_every_chapter() -> None:
    guide = ROOT / "tests" / "guide"
    chapters = sorted(file.name for file in guide.glob("test_[0-9][0-9]_*.py"))
    assert len(chapters) >= 6
    assert re.findall(r"\]\((test_\w+\.py)\)", (guide / "README.md").read_text(encoding="utf-8")) == chapters


def test_the_settings_table_is_the_model() -> None:
    text = READMES[0].read_text(encoding="utf-8")
    table = text[text.index("## Settings") : text.index("## Licence")]
    for name, field in Settings.model_fields.items():
        row = next((line for line in table.splitlines() if re.search(rf"\b{name}\b", line)), None)
        assert row is not None, f"{name} is not in the README"
        assert field.is_required() or str(field.default) in row, f"{name}: the README does not say {field.default}"


def test_every_metric_is_in_the_hub_readme() -> None:
    text = (ROOT / "hub" / "README.md").read_text(encoding="utf-8")
    assert [metric.name for metric in Metrics().registry.collect() if metric.name not in text] == []
