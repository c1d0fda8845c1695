"""The component's README is true: its worked example loads, and its table has every option."""

from __future__ import annotations

import re
from pathlib import Path

from gongyu_schemas.fields import Kind
from gongyu_schemas.information_type import Publishing, _TypeFile, load_types, shipped_types

README = (Path(__file__).parents[2] / "schemas" / "README.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    """The one code block of this language."""
    (text,) = re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    return str(text)


def test_the_worked_example_is_a_type_that_loads(tmp_path: Path) -> None:
    (tmp_path / "record.avsc").write_text(block("json"), encoding="utf-8")
    (tmp_path / "type.yaml").write_text(block("yaml"), encoding="utf-8")
    parcel = load_types(shipped_types(), tmp_path)["land-parcel"]
    assert (parcel.key, parcel.subject, parcel.version, parcel.partitions) == (("parcel_id",), ("owner_id",), "changed_at", 8)
    assert parcel.field("area_m2").kind is Kind.DECIMAL
    assert parcel.publishing.columns["면적"] == "area_m2"


def test_the_table_has_every_option_of_a_type() -> None:
    options = {*_TypeFile.model_fields, *(f"publishing.{name}" for name in Publishing.model_fields)} - {"publishing"}
    table = README.partition("| option of `type.yaml`")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `([a-z_.]+)` \|", table, re.MULTILINE)) == options


def test_the_links_lead_to_files() -> None:
    links = re.findall(r"\]\(([^)]+)\)", README)
    assert len(links) > 5
    assert [link for link in links if not (Path(__file__).parents[2] / "schemas" / link).is_file()] == []
