"""Fixtures that several tests of the evaluation share."""

import numpy as np
import pytest

from tests.evaluation import ring_and_spot


@pytest.fixture
def rng():
    """The same random numbers in every test; some files have their own."""
    return np.random.Generator(np.random.Philox(7))


@pytest.fixture
def write_images(pack):
    """A function that writes the images of `ring_and_spot`."""

    def write(*, sources=False, ring=(0, 1), exclusive=False):
        images, labels, where = ring_and_spot.draw(sources=sources, ring=ring, exclusive=exclusive)
        about = {"names": ring_and_spot.NAMES, "sources": where if sources else None, "exclusive": exclusive}
        return pack(images, labels, **about)

    return write
