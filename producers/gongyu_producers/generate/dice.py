"""Chance without a state: the seed, what is asked and the number of whom it is asked about give the answer.

The words are those of SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014) at position
`at` of a stream that belongs to (seed, what). Whole numbers only, so that every machine and every version of numpy gives
the same; numpy's own distributions promise neither.
Decision: a word per (what, whom) because each register can then ask about any resident at once and in any order, instead
of a generator with a state, which would have to invent all residents before the first vehicle.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Indices: TypeAlias = NDArray[np.int64]
Words: TypeAlias = NDArray[np.uint64]
Mask: TypeAlias = NDArray[np.bool_]

MILLION = 1_000_000
_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_HALF = np.uint64(32)


class Dice:
    """All chance of one seed; of another `scope` it is another."""

    def __init__(self, seed: int, scope: str) -> None:
        self._scope = f"{seed}/{scope}"

    def words(self, what: str, at: NDArray[Any]) -> Words:
        """64 even bits for each number in `at`."""
        return split_mix((at.astype(np.uint64) + np.uint64(1)) * _GAMMA + _origin(self._scope, what))

    def below(self, what: str, at: NDArray[Any], limit: int | NDArray[Any]) -> Indices:
        """0 <= answer < limit, where 1 <= limit < 2**32."""
        bound = np.asarray(limit).astype(np.uint64)
        return (((self.words(what, at) >> _HALF) * bound) >> _HALF).astype(np.int64)

    def between(self, what: str, at: NDArray[Any], first: int | NDArray[Any], last: int | NDArray[Any]) -> Indices:
        """Inclusive; where last < first, it is first."""
        width = np.maximum(np.asarray(last, dtype=np.int64) - np.asarray(first, dtype=np.int64) + 1, 1)
        return np.asarray(first, dtype=np.int64) + self.below(what, at, width)

    def chance(self, what: str, at: NDArray[Any], per_million: int | NDArray[Any]) -> Mask:
        """True for about `per_million` of a million."""
        answer: Mask = self.below(what, at, MILLION) < per_million
        return answer

    def choose(self, what: str, at: NDArray[Any], weights: Sequence[int]) -> Indices:
        """Positions in `weights`, as often as they weigh."""
        sums = np.cumsum(np.asarray(weights, dtype=np.int64))
        return np.searchsorted(sums, self.below(what, at, int(sums[-1])), side="right").astype(np.int64)


def split_mix(states: Words) -> Words:
    """SplitMix64's output for each of its states."""
    mixed = (states ^ (states >> np.uint64(30))) * _MIX_1
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _MIX_2
    return mixed ^ (mixed >> np.uint64(31))


@functools.lru_cache(maxsize=4_096)
def _origin(scope: str, what: str) -> np.uint64:
    return np.uint64(int.from_bytes(hashlib.blake2b(f"{scope}/{what}".encode(), digest_size=8).digest(), "big"))
