"""The one training loop. The loss is passed in; the network keeps the weights of its best epoch on dev."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn
from tqdm import tqdm

from rayling.common.errors import BadInput
from rayling.common.parallel import prefetch
from rayling.evaluation import auroc
from rayling.runtime import distributed, inference
from rayling.runtime.loader import Batches
from rayling.training.hard_loss import dev_bce
from rayling.training.optimisation import FiniteCheck, Loss, Optimisation
from rayling.training.resume import Progress


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

    `rows` (M,) are the row numbers of one epoch, some perhaps repeated, in the views that `views_of` gives.
    `loss(outputs, batch)` returns the total and its parts by name. `seed` shuffles the rows. A batch holds
    `batch_size` rows or some more (fewer than twice as many), since no row is left over. `settings` are those of
    `Optimisation`. The best epoch has the highest macro AUROC on dev, then the lowest loss there; the loss alone
    decides where no label has both a positive and a negative.

    The file `unfinished` holds the state of the training. If it exists, the training continues from it, and on a CPU
    ends in the same bytes as one that was never stopped. The caller deletes it after saving the network.

    Several processes (`runtime.distributed`) each take a shard of every batch and of dev, and all end with the same
    weights. Returns one row an epoch: `epoch`, `loss`, each part, `dev_loss`, `dev_auroc`. Raises BadInput when a part
    of the loss or a logit is not finite, or when the images are too few for the processes.
    """
    steps = steps_of(len(rows), batch_size)
    optimisation = Optimisation(network, loss, device=train.device, steps=epochs * steps, **settings)
    progress = Progress(network, optimisation, unfinished, title=title)
    finite = FiniteCheck(train.split.image_id, title=title, device=train.device)
    with progress_bar(title, steps=epochs * steps, done=len(progress.history) * steps + len(progress.parts)) as bar:
        for epoch in range(len(progress.history), epochs):
            network.train()  # inference at the end of every epoch has switched it off
            view, order = views_of(rows, epoch=epoch, views=views), shuffled(len(rows), steps, seed=seed, epoch=epoch)
            remaining = map(distributed.shard, order[len(progress.parts) :])
            for gathered in prefetch(train.gather, ((rows[places], view[places]) for places in remaining)):
                batch = train.deliver(gathered)
                parts = optimisation.step(batch)
                finite.add(epoch=epoch, batch=len(progress.parts), rows=batch.rows, parts=parts)
                progress.add_step(parts)
                if progress.due:
                    finite.check()  # a checkpoint must be sound
                    progress.save()
                bar.update()
            finite.check()
            means = {"epoch": epoch, **_means(progress.parts), **_scores_on_dev(network, dev, title, epoch)}
            progress.end_epoch(means, score=(means["dev_auroc"] or 0.0, -means["dev_loss"]))
            bar.set_postfix(dev_auroc=f"{means['dev_auroc'] or 0.0:.3f}")
    network.load_state_dict(progress.best_weights)
    if not distributed.rank():
        dev_auroc, minus_loss = progress.best
        print(f"{title}: on dev loss {-minus_loss:.4f}, AUROC", f"{dev_auroc:.4f}" if dev_auroc else "undefined")
    return pd.DataFrame(progress.history)


def progress_bar(title: str, *, steps: int, done: int) -> tqdm:
    """A bar in batches, on a terminal, drawn by the first process alone."""
    hidden = True if distributed.rank() else None  # None: hidden unless on a terminal
    return tqdm(total=steps, initial=done, desc=title, unit="batch", disable=hidden, leave=False)


def steps_of(count: int, batch_size: int) -> int:
    """The number of batches in an epoch of `count` rows, rounded down: batch norm can't train on a batch of one.

    Raises BadInput if a process would get fewer than two images of a batch.
    """
    if min(batch_size, count) < 2 * distributed.world_size():
        found = f"{batch_size} of {count} images for {distributed.world_size()} processes"
        raise BadInput(f"batch_size: found {found}, expected two images for each")
    return max(1, count // batch_size)


def views_of(rows: np.ndarray, *, epoch: int, views: int | None) -> np.ndarray:
    """The view (M,) of each of the rows (M,) in an epoch. A repeated row gets different views while there are some.

    With V cached `views` the k-th occurrence of a row (from 0) in epoch e has view (e + k) mod V, so that every view
    has its turn. With None it has a view that no earlier epoch has had.
    """
    order = np.argsort(rows, kind="stable")
    occurrence = np.empty(len(rows), np.int64)
    occurrence[order] = np.arange(len(rows)) - np.searchsorted(rows[order], rows[order])
    return (epoch + occurrence) % views if views else epoch * (occurrence.max() + 1) + occurrence


def shuffled(count: int, steps: int, *, seed: int, epoch: int) -> list[np.ndarray]:
    """The numbers below `count` in the order of one epoch, in `steps` batches whose sizes differ by at most one."""
    order = np.random.Generator(np.random.Philox(key=[seed, epoch])).permutation(count)
    return np.array_split(order, steps)


def _means(parts: list[dict[str, torch.Tensor]]) -> dict[str, float]:
    means = {name: torch.stack([part[name] for part in parts]).mean() for name in parts[0]}
    return {name: distributed.mean_over_processes(mean).item() for name, mean in means.items()}


def _scores_on_dev(network: nn.Module, dev: Batches, title: str, epoch: int) -> dict[str, float | None]:
    distributed.broadcast_buffers(network)
    logits = inference.logits(network, dev)
    if not np.isfinite(logits).all():
        raise BadInput(f"{title}: epoch {epoch}: logits on dev are not finite, expected numbers: lower lr?")
    loss = dev_bce(logits=torch.from_numpy(logits), labels=torch.from_numpy(dev.split.labels))
    return {"dev_loss": loss.item(), "dev_auroc": auroc.macro(dev.split.labels, logits)}
