"""The compiled kernels: ready before the first message, and never older than their sources."""

import subprocess
import sys
from pathlib import Path

import pytest

import gongyu_hub.engine
from gongyu_hub.engine import compiled
from gongyu_hub.engine.faults import Fault
from gongyu_hub.engine.images import locate
from gongyu_hub.engine.layout import compile_layout
from gongyu_schemas.fields import Kind
from tests.hub.engine.flat_records import EVERY_KIND, KINDS, envelope, record_schema

ROOT = Path(__file__).parents[3]
ENGINE = Path(gongyu_hub.engine.__file__).parent


def test_after_warming_no_kernel_is_left_to_compile() -> None:
    script = (
        "import sys\n"
        "from numba.core.registry import CPUDispatcher\n"
        "from gongyu_hub.engine.warm import warm\n"
        "from tests.hub.engine.hostile import judge, valid_messages\n"
        "def compiled():\n"
        "    modules = [m for name, m in list(sys.modules.items()) if name.startswith('gongyu_hub')]\n"
        "    return {k: len(k.signatures) for m in modules for k in vars(m).values() if isinstance(k, CPUDispatcher)}\n"
        "warm()\n"
        "before = compiled()\n"
        "judge(valid_messages(20, seed=1))\n"
        "from gongyu_hub.engine.treatments import How, Treated, show, treat_views, treated_differ\n"
        "for how in (How.MASK, How.MONTH, How.CONSTANT):\n"
        "    treat_views(show([0, 1], {1: Treated(how, 1, -1, 1)}), b'\\x02a\\x02a', [[0, 2, 4]], {})\n"
        "treated_differ(Treated(How.MASK, 0, -1), b'\\x02a', [[0, 2]], b'\\x02b', [[0, 2]], {})\n"
        "assert compiled() == before, 'compiled after warming'\n"
        "print(sum(before.values()))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 10


def test_the_cache_is_another_one_when_any_source_of_the_engine_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for source in ENGINE.glob("*.py"):
        (tmp_path / source.name).write_bytes(source.read_bytes())
    monkeypatch.setattr(compiled, "__file__", str(tmp_path / "compiled.py"))
    before = Path(compiled._cache_folder()).name
    (tmp_path / "numerals.py").write_text("changed")
    assert Path(compiled._cache_folder()).name != before


@pytest.mark.parametrize("fault", list(Fault))
def test_every_fault_has_words(fault: Fault) -> None:
    assert fault.text


@pytest.mark.parametrize("kind", KINDS)
def test_only_floats_and_decimals_are_loose(kind: Kind) -> None:
    assert compile_layout(envelope(record_schema([(kind, -1)]))).loose == (kind in (Kind.FLOAT, Kind.DOUBLE, Kind.DECIMAL))


def test_no_messages_are_located_at_once() -> None:
    found = locate(compile_layout(envelope(EVERY_KIND)), b"", [0])
    assert found.fields.shape == (0, len(EVERY_KIND["fields"]) + 1)
