"""Every truncation and 100,000 random mutations of valid messages: a fault, or a message that fastavro writes back alike."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hub.engine import nested_hostile
from tests.hub.engine.hostile import MUTATIONS, judge, valid_messages
from tests.hub.engine.judging import mutations, truncations

ROOT = Path(__file__).parents[3]


def test_valid_messages_of_every_kind_are_good() -> None:
    good, faulty = judge(valid_messages(300, seed=1))
    assert (good, faulty) == (300, 0)


def test_every_truncation_is_a_fault() -> None:
    cut = truncations(valid_messages(30, seed=2))
    good, faulty = judge(cut)
    print(f"{len(cut)} truncations")
    assert len(cut) > 5_000
    assert (good, faulty) == (0, len(cut))


@pytest.mark.thorough
def test_a_mutation_is_a_fault_or_a_message_that_is_written_back_alike() -> None:
    good, faulty = judge(mutations(valid_messages(200, seed=3), MUTATIONS, seed=4))
    print(f"{good} good and {faulty} faulty mutations")
    assert good + faulty >= 100_000
    assert min(good, faulty) > 5_000


@pytest.mark.thorough
@pytest.mark.timeout(300)
def test_no_index_leaves_its_array_on_hostile_bytes_with_bounds_checks_on(request: pytest.FixtureRequest) -> None:
    environment = os.environ | {"NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(request.config.cache.mkdir("bounds-checked-kernels"))}
    check = (
        "import numpy\n"
        "from gongyu_hub.engine.texts import copy_bytes\n"
        "from tests.hub.engine import nested_hostile\n"
        "from tests.hub.engine.hostile import main\n"
        "try:\n"
        "    copy_bytes(numpy.zeros(2, numpy.uint8), 0, numpy.zeros(2, numpy.uint8), 0, 3)\n"
        "except IndexError:\n"
        f"    main({MUTATIONS})\n"
        f"    nested_hostile.main({nested_hostile.MUTATIONS})\n"
        "else:\n"
        "    raise SystemExit('bounds are not checked')\n"
    )
    done = subprocess.run([sys.executable, "-c", check], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stderr[-2000:]
    assert f"{MUTATIONS} mutations" in done.stdout
    assert f"{nested_hostile.MUTATIONS} mutations" in done.stdout


@pytest.mark.thorough
def test_nested_messages_are_judged_as_the_reference_judges_them() -> None:
    messages = nested_hostile.valid_messages(200, seed=6)
    assert nested_hostile.judge(messages) == (200, 0)
    cut = truncations(messages[:30])
    assert nested_hostile.judge(cut) == (0, len(cut))
    good, faulty = nested_hostile.judge(mutations(messages, nested_hostile.MUTATIONS, seed=7))
    print(f"{len(cut)} truncations, {good} good and {faulty} faulty mutations")
    assert len(cut) > 4_000
    assert good + faulty == nested_hostile.MUTATIONS >= 60_000
    assert min(good, faulty) > 3_000
