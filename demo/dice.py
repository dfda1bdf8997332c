"""Chance without state: every draw is a pure function of the seed, a label and the keys that it is about.

No generator is advanced, so the same person has the same fate in whatever block, order or process the rows are made.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Bits = npt.NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def _mix(value: Bits) -> Bits:
    """The finaliser of SplitMix64: every input bit changes about half of the output bits."""
    with np.errstate(over="ignore"):
        value = value + _GOLDEN
        value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return value ^ (value >> np.uint64(31))


class Dice:
    """Draws numbers for arrays of keys.

    Args:
        seed: Two dice with one seed agree on everything.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def bits(self, label: str, *keys: Ints | int) -> Bits:
        """64 random bits per element of the broadcast ``keys``; ``label`` says what is being drawn."""
        digest = hashlib.blake2b(f"{self.seed}/{label}".encode(), digest_size=8).digest()
        state = np.array([int.from_bytes(digest, "little")], dtype=np.uint64)
        for key in keys:
            state = _mix(state ^ _mix(np.asarray(key, dtype=np.int64).astype(np.uint64, copy=False)))
        return state

    def uniform(self, label: str, *keys: Ints | int) -> Floats:
        """Numbers in [0, 1)."""
        return (self.bits(label, *keys) >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def chance(self, label: str, probability: float | Floats, *keys: Ints | int) -> Bools:
        """True with the given probability."""
        return self.uniform(label, *keys) < probability

    def between(self, label: str, low: Ints | int, high: Ints | int, *keys: Ints | int) -> Ints:
        """Whole numbers from ``low`` to ``high``, both included."""
        lowest, highest = np.asarray(low, dtype=np.int64), np.asarray(high, dtype=np.int64)
        span = (highest - lowest + 1).astype(np.float64)
        return lowest + np.floor(self.uniform(label, *keys) * span).astype(np.int64)

    def pick(self, label: str, weights: Sequence[float], *keys: Ints | int) -> Ints:
        """Indexes into ``weights``, each as often as its weight says."""
        edges = np.cumsum(np.asarray(weights, dtype=np.float64))
        return np.searchsorted(edges / edges[-1], self.uniform(label, *keys), side="right").astype(np.int64)
