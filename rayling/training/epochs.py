"""What an epoch holds: which rows of train, in which views and in which order.

Everything is a pure function of the seed and the number of the epoch, so a training that was killed continues with the
same batches. N rows of train, M of them in one epoch.
"""

from functools import cached_property

import numpy as np

from rayling.storage.prepared import Split


class Sampler:
    """Draws the rows of each epoch anew, so many of each stratum as `Split.wanted` says.

    A stratum's rows come in laps: each lap shows all of them once, in an order of its own, and an epoch goes on where
    the last one ended. So a class that is undersampled to 1,000 of 2,719 images shows all of them within three epochs.
    """

    def __init__(
        self, split: Split, *, seed: int, labelled_only: bool = False, among: np.ndarray | None = None
    ) -> None:
        """`labelled_only` leaves out rows that have no known label; the others then fill an epoch of the same length.
        `among` (N,), bool, are the rows that may be drawn; by default all."""
        kept = np.ones(len(split.labels), bool) if among is None else among
        labelled = ~np.isnan(split.labels).all(axis=1)
        self.seed, self.strata, self.length = seed, [], 0
        for stratum, wanted in enumerate(split.wanted.tolist()):
            there = kept & (split.stratum == stratum)
            rows = np.flatnonzero(there & labelled if labelled_only else there)
            full = (split.stratum == stratum).sum()
            self.length += round(wanted * there.sum() / max(1, full))
            self.strata.append((rows, round(wanted * len(rows) / max(1, full))))

    def __len__(self) -> int:
        """M, the same in every epoch."""
        return self.length

    def rows(self, epoch: int) -> np.ndarray:
        """The row numbers (M,) of an epoch, sorted, some perhaps repeated."""
        size = sum(wanted for _, wanted in self.strata)
        if size == self.length:
            return np.sort(self._round(epoch))
        first, last = epoch * self.length, (epoch + 1) * self.length  # of the rounds one after another, each shuffled
        numbers = range(first // size, -(-last // size))
        rounds = [np.random.default_rng([self.seed, number]).permutation(self._round(number)) for number in numbers]
        return np.sort(np.concatenate(rounds)[first - numbers[0] * size :][: self.length])

    def _round(self, number: int) -> np.ndarray:
        """The rows of all strata, as many of each as are wanted."""
        drawn = [self._walk(number, stratum, *of) for stratum, of in enumerate(self.strata) if of[1]]
        return np.concatenate(drawn)

    def _walk(self, number: int, stratum: int, rows: np.ndarray, wanted: int) -> np.ndarray:
        first, last = number * wanted, (number + 1) * wanted
        laps = range(first // len(rows), -(-last // len(rows)))
        orders = [np.random.default_rng([self.seed, stratum, lap]).permutation(rows) for lap in laps]
        return np.concatenate(orders)[first - laps[0] * len(rows) :][:wanted]

    @cached_property
    def most(self) -> int:
        """No row is more often than this in one epoch."""
        repeats = [-(-wanted // len(rows)) + bool(wanted % len(rows)) for rows, wanted in self.strata if wanted]
        size = sum(wanted for _, wanted in self.strata)
        return max(repeats) * (1 if size == self.length else -(-self.length // size) + 1)


def views_of(rows: np.ndarray, *, epoch: int, views: int | None, most: int = 1) -> np.ndarray:
    """The view (M,) of each of the rows (M,) in an epoch. A repeated row gets different views while there are some.

    With V cached `views` the k-th occurrence of a row (from 0) in epoch e has view (e + k) mod V, so that every view
    has its turn. With None it has a view that no earlier epoch has had; `most` is how often an epoch has a row at most.
    """
    order = np.argsort(rows, kind="stable")
    occurrence = np.empty(len(rows), np.int64)
    occurrence[order] = np.arange(len(rows)) - np.searchsorted(rows[order], rows[order])
    return (epoch + occurrence) % views if views else epoch * most + occurrence


def steps_of(count: int, batch_size: int) -> int:
    """The number of batches in an epoch of `count` rows, rounded down: batch norm can't train on a batch of one."""
    return max(1, count // batch_size)


def shuffled(count: int, steps: int, *, seed: int, epoch: int) -> list[np.ndarray]:
    """The numbers below `count` in the order of one epoch, in `steps` batches whose sizes differ by at most one."""
    order = np.random.Generator(np.random.Philox(key=[seed, epoch])).permutation(count)
    return np.array_split(order, steps)
