"""The layers, by imports: what may know what. Each rule is a function from one module's text to its offences."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CONTRACT = "gongyu_schemas"
SIDES = ("gongyu_producers", "gongyu_consumers", "gongyu_hub")
FOLDERS = {CONTRACT: "schemas", "gongyu_producers": "producers", "gongyu_consumers": "consumers", "gongyu_hub": "hub"}

STAGES = tuple(f"gongyu_hub.{stage}" for stage in ("consume", "decode", "diff", "entitle", "fan_out", "publish", "settle"))
WIRING = "gongyu_hub.worker"
ENGINE = "gongyu_hub.engine"
DEMO = "gongyu_hub.demo"
PURE = (*(f"gongyu_hub.{stage}" for stage in ("decode", "entitle", "fan_out", "values")), ENGINE)

#: Kafka, databases, clock, environment, logging and metrics: what a pure module must not reach.
IMPURE = ("confluent_kafka", "lmdb", "sqlalchemy", "time", "os", "logging", "structlog", "prometheus_client", "gongyu_schemas.transport")
CLOCK = ("now", "utcnow", "today")
#: A module is named after what it does.
NAMELESS = frozenset({"common", "util", "utils", "helper", "helpers", "misc"})


@dataclass(frozen=True, slots=True)
class Module:
    """A module's dotted name and its parsed text."""

    name: str
    tree: ast.Module
    is_package: bool = False


def read_modules(package: str) -> Iterator[Module]:
    home = ROOT / FOLDERS[package]
    for path in sorted((home / package).rglob("*.py")):
        parts = path.relative_to(home).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        yield Module(name, ast.parse(path.read_text(encoding="utf-8"), str(path)), is_package)


def within(name: str, *packages: str) -> bool:
    """Whether a dotted name is one of these modules or lies inside one."""
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def imports_of(module: Module) -> set[str]:
    """Full names of what is imported anywhere in the module, also inside functions; `from a import b` gives a.b."""
    found: set[str] = set()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = ".".join(filter(None, (_base_of(module, node.level), node.module)))
            found.update(f"{source}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("import_module", "importlib.import_module", "__import__"):
            found.update(str(each.value) for each in node.args[:1] if isinstance(each, ast.Constant))
    return found


def _base_of(module: Module, level: int) -> str:
    """The package that a relative import starts from; nothing for an absolute one."""
    if level == 0:
        return ""
    parts = module.name.split(".")
    return ".".join(parts[: len(parts) - level + module.is_package])


def layer_offences(module: Module) -> list[str]:
    """The contract knows no side; no side knows another."""
    own = module.name.partition(".")[0]
    return [name for name in imports_of(module) if within(name, *(side for side in SIDES if side != own))]


def stage_offences(module: Module) -> list[str]:
    """Only the worker knows the stages."""
    if module.name == WIRING:
        return []
    return [name for name in imports_of(module) if within(name, *(stage for stage in STAGES if stage != module.name))]


def purity_offences(module: Module) -> list[str]:
    """Pure modules reach no Kafka, database, clock, environment, log or metric."""
    if not within(module.name, *PURE):
        return []
    reached = [name for name in imports_of(module) if within(name, *IMPURE)]
    clocks = [ast.unparse(node) for node in ast.walk(module.tree) if isinstance(node, ast.Attribute) and node.attr in CLOCK]
    return reached + clocks


def numba_offences(module: Module) -> list[str]:
    """Only the engine compiles."""
    return [] if within(module.name, ENGINE) else [name for name in imports_of(module) if within(name, "numba")]


def demo_offences(module: Module) -> list[str]:
    """The demo judges the hub by an independent reference, so it knows nothing of it."""
    if not within(module.name, DEMO):
        return []
    return [name for name in imports_of(module) if within(name, "gongyu_hub") and not within(name, DEMO)]


def name_offences(module: Module) -> list[str]:
    """No drawer for everything."""
    return [part for part in module.name.split(".") if part.strip("_") in NAMELESS]


def docstring_offences(module: Module) -> list[str]:
    """Every module says what it is; an empty `__init__` says nothing and is none."""
    return [] if ast.get_docstring(module.tree) or not module.tree.body else ["no docstring"]


Rule = Callable[[Module], list[str]]
RULES: list[Rule] = [
    layer_offences,
    stage_offences,
    purity_offences,
    numba_offences,
    demo_offences,
    name_offences,
    docstring_offences,
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("package", FOLDERS)
def test_every_module_keeps_the_rule(package: str, rule: Rule) -> None:
    offences = {module.name: found for module in read_modules(package) if (found := rule(module))}
    assert offences == {}, rule.__doc__


def test_the_rules_speak_of_modules_that_exist() -> None:
    known = {module.name for package in FOLDERS for module in read_modules(package)}
    assert {*STAGES, *PURE, WIRING, DEMO, *FOLDERS} <= known
    worker = next(module for module in read_modules("gongyu_hub") if module.name == WIRING)
    assert {stage for stage in STAGES if any(within(name, stage) for name in imports_of(worker))} == {*STAGES}


def reached_from(start: Module, modules: dict[str, Module]) -> dict[str, str]:
    """Each name that the module imports itself or through our other modules, with the path to it."""
    reached: dict[str, str] = {}
    seen, waiting = {start.name}, [(start, start.name)]
    while waiting:
        module, path = waiting.pop()
        for name in sorted(imports_of(module)):
            reached.setdefault(name, f"{path} -> {name}")
            nearest = name if name in modules else name.rpartition(".")[0]
            if nearest in modules and nearest not in seen:
                seen.add(nearest)
                waiting.append((modules[nearest], f"{path} -> {nearest}"))
    return reached


def test_pure_modules_reach_nothing_impure_through_other_modules() -> None:
    modules = {module.name: module for package in FOLDERS for module in read_modules(package)}
    del modules["gongyu_schemas.errors"]  # holds the errors, and `reported` of the commands, which reads GONGYU_DEBUG
    for module in modules.values():
        if within(module.name, *PURE):
            assert [path for name, path in reached_from(module, modules).items() if within(name, *IMPURE)] == []


def test_a_path_to_something_impure_is_found() -> None:
    texts = {"gongyu_hub.decode": "from gongyu_hub.a import x", "gongyu_hub.a": "import gongyu_hub.b", "gongyu_hub.b": "import os"}
    modules = {name: made_up(name, text) for name, text in texts.items()}
    assert reached_from(modules["gongyu_hub.decode"], modules)["os"] == "gongyu_hub.decode -> gongyu_hub.a -> gongyu_hub.b -> os"


def made_up(name: str, text: str, *, is_package: bool = False) -> Module:
    return Module(name, ast.parse(text), is_package)


OFFENDERS: list[tuple[Rule, str, str, str]] = [
    (layer_offences, "gongyu_schemas.wire", "import gongyu_hub", "gongyu_hub"),
    (layer_offences, "gongyu_schemas.wire", "from gongyu_producers.rows import Row", "gongyu_producers.rows.Row"),
    (layer_offences, "gongyu_producers.send", "from gongyu_consumers import read", "gongyu_consumers.read"),
    (layer_offences, "gongyu_consumers.read", "def f():\n    import gongyu_hub.values as v", "gongyu_hub.values"),
    (layer_offences, "gongyu_hub.worker", "import importlib\nimportlib.import_module('gongyu_consumers')", "gongyu_consumers"),
    (stage_offences, "gongyu_hub.publish", "from gongyu_hub.settle import Transaction", "gongyu_hub.settle.Transaction"),
    (stage_offences, "gongyu_hub.diff", "from . import decode", "gongyu_hub.decode"),
    (stage_offences, "gongyu_hub.state.store", "from ..diff import diff", "gongyu_hub.diff.diff"),
    (purity_offences, "gongyu_hub.decode", "import confluent_kafka.admin", "confluent_kafka.admin"),
    (purity_offences, "gongyu_hub.entitle", "from time import monotonic", "time.monotonic"),
    (
        purity_offences,
        "gongyu_hub.fan_out",
        "from gongyu_schemas.transport.clients import make_producer",
        "gongyu_schemas.transport.clients.make_producer",
    ),
    (purity_offences, "gongyu_hub.values", "import os.path", "os.path"),
    (purity_offences, "gongyu_hub.engine.layout", "if True:\n    import structlog", "structlog"),
    (purity_offences, "gongyu_hub.engine.keys", "import datetime\nx = datetime.datetime.now()", "datetime.datetime.now"),
    (purity_offences, "gongyu_hub.engine.keys", "from datetime import date\nx = date.today()", "date.today"),
    (numba_offences, "gongyu_hub.decode", "from numba import njit", "numba.njit"),
    (demo_offences, "gongyu_hub.demo.check", "from gongyu_hub import values", "gongyu_hub.values"),
    (demo_offences, "gongyu_hub.demo.check", "from ..engine.layout import locate", "gongyu_hub.engine.layout.locate"),
    (name_offences, "gongyu_hub.state.utils", "", "utils"),
    (name_offences, "gongyu_hub._common.text", "", "_common"),
    (docstring_offences, "gongyu_hub.values", "x = 1", "no docstring"),
]


@pytest.mark.parametrize(("rule", "name", "text", "offence"), OFFENDERS)
def test_each_rule_finds_an_offender(rule: Rule, name: str, text: str, offence: str) -> None:
    assert rule(made_up(name, text)) == [offence]


def test_there_is_an_offender_for_each_rule() -> None:
    assert {rule for rule, *_ in OFFENDERS} == {*RULES}


ALLOWED = [
    ("gongyu_hub.worker", "from gongyu_hub.decode import decode"),
    ("gongyu_hub.decode", "from gongyu_hub.values import Batch\nfrom gongyu_hub.engine.layout import locate"),
    ("gongyu_hub.engine.compiled", "import numba\nfrom .arrays import Octets"),
    ("gongyu_hub.demo.check", "from gongyu_hub.demo import plain\nfrom . import compare"),
    ("gongyu_hub.publish", "import time\nimport confluent_kafka"),
    ("gongyu_hub.engine.layout", "from datetime import datetime\nx = datetime(2020, 1, 1)"),
    ("gongyu_consumers.decoder", "import gongyu_schemas.wire"),
]


@pytest.mark.parametrize(("name", "text"), ALLOWED)
def test_what_is_allowed_offends_no_rule(name: str, text: str) -> None:
    assert [found for rule in RULES for found in rule(made_up(name, f'"""What it is."""\n{text}'))] == []


def test_a_relative_import_in_a_package_starts_from_that_package() -> None:
    assert imports_of(made_up("gongyu_hub.engine", "from .layout import locate", is_package=True)) == {"gongyu_hub.engine.layout.locate"}
