"""Made-up values for any Avro schema: plausible by name, documentation and logical type, and of no person.

Enters a schema and the number of a record; leaves the value as Avro carries it (a date is a number of days). The same seed
makes the same values. Identifiers begin with 99, which no date of birth and so no resident number does; names say
"Sample"; telephone numbers have the unassigned exchange 0000; addresses of mail end in example.org (RFC 2606).
"""

from __future__ import annotations

import random
import re
import uuid
from collections.abc import Mapping
from typing import Any

_DAY = 86_400
#: 2026-01-01 in days since 1970: samples do not depend on the day they are made.
_NEW_YEAR = 20_454
_BIRTH, _END, _YEAR, _FEW = (
    re.compile(text) for text in ("birth", "_to$|until|expir|due|end|closed", "year", "count|employees|members|floors|instalment|number_of")
)
_DIGITS = re.compile(r"(\d+) digits")
_IDENTIFIER = re.compile(r"(_id|_no|_number|^id|^no)$")
_TEXTS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile("mail"), "sample{n}@example.org"),
    (re.compile("phone|mobile|fax"), "010-0000-{n:04d}"),
    (re.compile("address"), "{n} Sample-ro, Jongno-gu, Seoul"),
    (re.compile("nationality|country"), "KR"),
    (re.compile("trade_name|company|business_name"), "Sample Company {n}"),
    (re.compile("name|representative|holder|taxpayer"), "Sample Kim {n}"),
)
_CODE = re.compile("code|region|district")
_PRIMITIVE = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})


class Inventor:
    """One run of samples. `number` counts records from 1 and makes identifiers unique."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)  # noqa: S311 - samples are to be repeatable, not secret
        self._named: dict[str, Any] = {}

    def invent(self, schema: Any, number: int, name: str = "", doc: str = "", treatment: Mapping[str, Any] | None = None) -> Any:
        if isinstance(schema, list):
            return self._invent_union(schema, number, name, doc, treatment)
        if isinstance(schema, str) and schema not in _PRIMITIVE:
            schema = self._named[schema if schema in self._named else schema.rpartition(".")[2]]
        declared: dict[str, Any] = {"type": schema} if isinstance(schema, str) else schema
        kind, logical = declared["type"], declared.get("logicalType")
        if not isinstance(kind, str):
            return self.invent(kind, number, name, doc, treatment)
        if kind in ("record", "enum", "fixed"):
            self._remember(declared)
        if treatment is not None and "pseudonymise" in treatment:
            return f"sample.{self._chance.getrandbits(128):032x}"
        if kind == "record":
            return {
                each["name"]: self.invent(each["type"], number, each["name"], str(each.get("doc", "")), each.get("gongyu.treatment"))
                for each in declared["fields"]
            }
        if kind in ("int", "long"):
            return self._invent_whole(kind, logical, number, name)
        if kind in ("bytes", "fixed"):
            return self._invent_bytes(declared, name)
        return self._invent_other(declared, kind, logical, number, name, doc)

    def _invent_other(self, declared: Any, kind: str, logical: str | None, number: int, name: str, doc: str) -> Any:
        if kind == "enum":
            symbols = declared["symbols"]
            return symbols[0] if self._chance.random() < 0.5 else self._chance.choice(symbols)
        if kind == "string":
            return (
                str(uuid.UUID(int=self._chance.getrandbits(128), version=4)) if logical == "uuid" else self._invent_text(number, name, doc)
            )
        if kind == "array":
            return [self.invent(declared["items"], number, name) for _ in range(self._chance.randrange(4))]
        if kind == "map":
            return {f"sample-{each}": self.invent(declared["values"], number, name) for each in range(self._chance.randrange(1, 3))}
        if kind == "boolean":
            return self._chance.random() < 0.5
        return None if kind == "null" else float(round(self._chance.uniform(0, 1000), 1))

    def _invent_union(self, branches: list[Any], number: int, name: str, doc: str, treatment: Mapping[str, Any] | None) -> Any:
        others = [branch for branch in branches if branch != "null"]
        if len(others) < len(branches) and (not others or self._chance.random() < 0.2 or (treatment is not None and "null" in treatment)):
            return None
        return self.invent(self._chance.choice(others), number, name, doc, treatment)

    def _invent_whole(self, kind: str, logical: str | None, number: int, name: str) -> int:
        if logical == "date":
            return self._invent_day(name)
        if logical is not None and logical.startswith("time-"):
            return self._chance.randrange(_DAY) * _per_second(logical)
        if logical is not None and "timestamp" in logical:
            return (self._invent_day(name) * _DAY + self._chance.randrange(_DAY)) * _per_second(logical)
        if _IDENTIFIER.search(name):
            return 990_000_000 + number
        if _YEAR.search(name):
            return self._chance.randrange(2015, 2026)
        if _FEW.search(name):
            return self._chance.randrange(1, 50)
        return self._chance.randrange(100_000 if kind == "int" else 100_000_000)

    def _invent_day(self, name: str) -> int:
        if _BIRTH.search(name):
            return self._chance.randrange(-10_957, 13_879)  # 1940 to 2007
        if _END.search(name):
            return _NEW_YEAR + self._chance.randrange(1500)
        return _NEW_YEAR - self._chance.randrange(1, 4000)

    def _invent_bytes(self, declared: Any, name: str) -> bytes:
        size = declared.get("size")
        if declared.get("logicalType") == "decimal":
            scale = int(declared.get("scale", 0))
            digits = min(int(declared["precision"]), scale + 8, 18 if size is None else 2 * size)
            whole = self._chance.randrange(10**digits)
            unscaled = whole - whole % 10**scale if re.search("capital|amount|price|value|income|tax", name) else whole
            return unscaled.to_bytes(size or unscaled.bit_length() // 8 + 1, "big", signed=True)
        return self._chance.randbytes(size if size is not None else 8)

    def _invent_text(self, number: int, name: str, doc: str) -> str:
        stated = _DIGITS.search(doc)
        digits = min(int(stated[1]), 100) if stated is not None else 10
        if _IDENTIFIER.search(name):
            return f"99{number:0{max(1, digits - 2)}d}"
        for pattern, text in _TEXTS:
            if pattern.search(name):
                return text.format(n=number)
        if stated is not None or _CODE.search(name):
            return "11" + "".join(str(self._chance.randrange(10)) for _ in range(digits - 2))
        return f"sample {name} {number}".replace("  ", " ")

    def _remember(self, declared: Mapping[str, Any]) -> None:
        self._named[declared["name"].rpartition(".")[2]] = self._named[declared["name"]] = declared
        if declared.get("namespace"):
            self._named[f"{declared['namespace']}.{declared['name']}"] = declared


def _per_second(logical: str) -> int:
    return 1000 if logical.endswith("millis") else 1_000_000
