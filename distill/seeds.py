"""Chance that can be repeated."""

import numpy as np


def generator(*key: int) -> np.random.Generator:
    """A generator that depends on `key` alone, whichever process asks and in whatever order."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(key)))


def side(rng) -> int:
    """-1 for the patient's right lung (left in the picture), 1 for the left one."""
    return 1 if rng.random() < 0.5 else -1
