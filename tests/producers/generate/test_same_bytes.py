"""Equal plans give equal bytes: on every machine, in every process, however the work is cut."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from gongyu_producers.generate import dice, table, write
from gongyu_producers.generate.dice import Dice
from gongyu_producers.generate.registers import KINDS
from gongyu_producers.generate.world import World
from tests.producers.generate.worlds import contents
from tests.producers.generate.worlds import write as write_files
from tests.producers.owned_topic import COMMAND

WORLD = World(3, 400, 80, 20_462, 40.0)
#: Of the files of `WORLD`, made once; they change only when a generator is meant to make something else.
DIGESTS = {
    "resident": "735919a5ec5966f6",
    "business": "15147b4e0f63444e",
    "local-tax": "2c2cff9c6102e94d",
    "land-building": "e1b5205be3775a28",
    "vehicle": "8643dcb21ae87e1d",
    "health-insurance": "534715f38b30e8fc",
}


def test_the_words_are_those_of_split_mix_64() -> None:
    """The reference implementation's first outputs for seed 1234567 (Vigna, splitmix64.c)."""
    states = np.uint64(1234567) + np.arange(1, 4, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    assert dice.split_mix(states).tolist() == [6457827717110365317, 3203168211198807973, 9817491932198370423]


@pytest.mark.parametrize("name", KINDS)
def test_a_register_is_the_same_as_ever(tmp_path: Path, name: str) -> None:
    write_files(name, WORLD, 300, 4, tmp_path, after=True)
    digest = hashlib.sha256(b"".join(content for _, content in sorted(contents(tmp_path).items()))).hexdigest()[:16]
    assert digest == DIGESTS[name]


@pytest.mark.parametrize("name", KINDS)
def test_it_does_not_depend_on_how_much_is_made_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    write_files(name, WORLD, 300, 4, tmp_path / "whole", after=True)
    for module in (table, write):
        monkeypatch.setattr(module, "CHUNK", 7)
    write_files(name, WORLD, 300, 4, tmp_path / "parts", after=True)
    assert contents(tmp_path / "whole") == contents(tmp_path / "parts")


@pytest.mark.thorough
def test_the_command_writes_the_same_in_every_process_and_another_seed_something_else(tmp_path: Path) -> None:
    for name, seed, hash_seed in (("one", "5", "1"), ("again", "5", "2"), ("other", "6", "1")):
        options = ["--records", "200", "--seed", seed, "--days", "2", "--activity", "20", "--out", str(tmp_path / name)]
        subprocess.run(
            [*COMMAND[:-1], "generate", "all", *options],
            env={**os.environ, "PYTHONHASHSEED": hash_seed}, check=True, timeout=60, capture_output=True,
        )  # fmt: skip
    one, again, other = (contents(tmp_path / name) for name in ("one", "again", "other"))
    assert one == again
    assert len(one) == 3 * len(KINDS)
    assert [name for name in one if one[name] == other[name] and ".changes." not in name] == []


def test_chance_is_even_and_its_streams_are_apart() -> None:
    rolled, at = Dice(1, "test"), np.arange(200_000)
    faces = np.bincount(rolled.below("six", at, 6), minlength=6)
    assert abs(faces / len(at) * 6 - 1).max() < 0.02
    chosen = np.bincount(rolled.choose("weights", at, (0, 1, 3, 0)), minlength=4) / len(at)
    assert chosen.tolist() == pytest.approx([0, 0.25, 0.75, 0], abs=0.01)
    assert rolled.between("two", at, 3, 4).min() == 3
    assert rolled.between("two", at, 3, 4).max() == 4
    assert abs(rolled.chance("rare", at, 10_000).mean() - 0.01) < 0.002
    for other in (rolled.words("b", at), Dice(2, "test").words("a", at), Dice(1, "toast").words("a", at)):
        assert not np.intersect1d(rolled.words("a", at), other).size
