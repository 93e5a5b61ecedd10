"""The one training loop. The loss is passed in; the weights of the best epoch on dev come out."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn
from tqdm import tqdm

from distill import auroc, inference, processes
from distill.ahead import ahead
from distill.batches import Batches
from distill.descent import Descent, Loss
from distill.errors import BadInput
from distill.finite import Finite
from distill.hard_loss import hard_bce
from distill.progress import Progress


def fit(
    network: nn.Module,
    *,
    train: Batches,
    dev: Batches,
    rows: np.ndarray,
    loss: Loss,
    seed: int,
    title: str,
    epochs: int,
    batch_size: int,
    views: int | None = None,
    unfinished: Path | None = None,
    **settings,
) -> pd.DataFrame:
    """Train `network` in place and leave it with the weights of its best epoch.

    `rows` (M,) are the row numbers of one epoch, some perhaps repeated, shown in the views of `views_of`.
    `loss(outputs, batch)` takes what the network gave for a batch and returns the total and its parts by name.
    `seed` orders the rows; a batch holds `batch_size` rows or some more (fewer than twice as many), as none is left
    over. `settings` are those of `Descent`. The best epoch is the one of highest macro AUROC on dev, then of lowest
    loss there, which decides alone where no label has both answers.

    The file `unfinished` keeps what is done; where it is there already, training goes on from it and ends in the same
    bytes on a CPU as if it had never stopped. It stays: whoever has saved the network removes it.

    Where there are several processes (`processes.py`) each takes its share of every batch and of dev, and all end with
    the same. Returns one row an epoch: `epoch`, `loss`, each part, `dev_loss`, `dev_auroc`. Raises BadInput when a
    term of the loss or a logit is no longer finite.
    """
    steps = steps_of(len(rows), batch_size)
    descent = Descent(network, loss, device=train.device, steps=epochs * steps, **settings)
    progress = Progress(network, descent, unfinished, title=title)
    finite = Finite(train.split.image_id, title=title, device=train.device)
    with bar_of(title, steps=epochs * steps, done=len(progress.history) * steps + len(progress.parts)) as bar:
        for epoch in range(len(progress.history), epochs):
            network.train()  # inference at the end of every epoch has switched it off
            view, order = views_of(rows, epoch=epoch, views=views), shuffled(len(rows), steps, seed=seed, epoch=epoch)
            left = map(processes.share, order[len(progress.parts) :])
            for gathered in ahead(train.gather, ((rows[places], view[places]) for places in left)):
                batch = train.deliver(gathered)
                parts = descent.step(batch)
                finite.look(epoch=epoch, batch=len(progress.parts), rows=batch.rows, parts=parts)
                progress.step(parts)
                if progress.due:
                    finite.settle()  # what is kept must be sound
                    progress.save()
                bar.update()
            finite.settle()
            means = {"epoch": epoch, **_means(progress.parts), **_score(network, dev, title, epoch)}
            progress.epoch(means, score=(means["dev_auroc"] or 0.0, -means["dev_loss"]))
            bar.set_postfix(dev_auroc=f"{means['dev_auroc'] or 0.0:.3f}")
    network.load_state_dict(progress.best_weights)
    if not processes.rank():
        best = progress.best
        print(f"{title}: on dev loss {-best[1]:.4f}, AUROC", f"{best[0]:.4f}" if best[0] else "undefined")
    return pd.DataFrame(progress.history)


def bar_of(title: str, *, steps: int, done: int) -> tqdm:
    """A bar in batches, on a terminal, of the first process alone."""
    quiet = True if processes.rank() else None  # None: unless on a terminal
    return tqdm(total=steps, initial=done, desc=title, unit="batch", disable=quiet, leave=False)


def steps_of(count: int, batch_size: int) -> int:
    """How many batches an epoch of `count` rows has: rounded down, as batch norm can't train on a batch of one.

    Raises BadInput if they are too few for the processes.
    """
    if min(batch_size, count) < 2 * processes.count():
        found = f"{batch_size} of {count} images for {processes.count()} processes"
        raise BadInput(f"batch_size: found {found}, expected two images for each")
    return max(1, count // batch_size)


def views_of(rows: np.ndarray, *, epoch: int, views: int | None) -> np.ndarray:
    """The view (M,) in which an epoch shows each of its rows (M,): as far as there are views, a repeated row in others.

    With a number of cached `views` V the k-th showing (from 0) in epoch e is of view (e + k) mod V, so that every view
    has its turn. With None it is one that no epoch has shown before.
    """
    order = np.argsort(rows, kind="stable")
    showing = np.empty(len(rows), np.int64)
    showing[order] = np.arange(len(rows)) - np.searchsorted(rows[order], rows[order])
    return (epoch + showing) % views if views else epoch * (showing.max() + 1) + showing


def shuffled(count: int, steps: int, *, seed: int, epoch: int) -> list[np.ndarray]:
    """The numbers below `count` in the order of one epoch, in `steps` batches whose sizes differ by at most one."""
    order = np.random.Generator(np.random.Philox(key=[seed, epoch])).permutation(count)
    return np.array_split(order, steps)


def _means(parts: list[dict[str, torch.Tensor]]) -> dict[str, float]:
    return {name: processes.mean(torch.stack([part[name] for part in parts]).mean()).item() for name in parts[0]}


def _score(network: nn.Module, dev: Batches, title: str, epoch: int) -> dict[str, float | None]:
    processes.agree(network)
    logits = inference.logits(network, dev)
    if not np.isfinite(logits).all():
        raise BadInput(f"{title}: epoch {epoch}: logits on dev are not finite, expected numbers: lower lr?")
    loss = hard_bce(logits=torch.from_numpy(logits), labels=torch.from_numpy(dev.split.labels))
    return {"dev_loss": loss.item(), "dev_auroc": auroc.macro(dev.split.labels, logits)}
