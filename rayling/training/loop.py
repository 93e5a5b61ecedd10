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
from rayling.storage.prepared import Split
from rayling.training.epochs import Sampler, shuffled, steps_of, views_of
from rayling.training.hard_loss import loss_on_dev
from rayling.training.optimisation import FiniteCheck, Loss, Optimisation
from rayling.training.resume import Progress


def fit(
    network: nn.Module,
    *,
    train: Batches,
    dev: Batches,
    sampler: Sampler,
    loss: Loss,
    seed: int,
    title: str,
    epochs: int,
    batch_size: int,
    views: int | None = None,
    hard: str = "bce",
    unfinished: Path | None = None,
    **settings,
) -> pd.DataFrame:
    """Train `network` in place and leave it with the weights of its best epoch.

    `sampler` draws the rows of each epoch, which are shown in the views that `views_of` gives. `loss(outputs, batch)`
    returns the total and its parts by name. `seed` shuffles the rows. A batch holds `batch_size` rows or some more
    (fewer than twice as many), since no row is left over. `settings` are those of `Optimisation`. The best epoch has
    the highest macro AUROC on dev, then the lowest loss there, which is the `hard` loss of `hard_loss.KINDS`; the loss
    alone decides where no label has both a positive and a negative.

    The file `unfinished` holds the state of the training. If it exists, the training continues from it, and on a CPU
    ends in the same bytes as one that was never stopped. The caller deletes it after saving the network.

    Several processes (`runtime.distributed`) each take a shard of every batch and of dev, and all end with the same
    weights. Returns one row an epoch: `epoch`, `loss`, each part, `dev_loss`, `dev_auroc`. Raises BadInput when a part
    of the loss or a logit is not finite, or when the images are too few for the processes.
    """
    refuse_small_batches(len(sampler), batch_size)
    steps = steps_of(len(sampler), batch_size)
    optimisation = Optimisation(network, loss, device=train.device, steps=epochs * steps, **settings)
    progress = Progress(network, optimisation, unfinished, title=title)
    finite = FiniteCheck(train.split.image_id, title=title, device=train.device)
    with progress_bar(title, steps=epochs * steps, done=len(progress.history) * steps + len(progress.parts)) as bar:
        for epoch in range(len(progress.history), epochs):
            optimisation.train_mode()  # inference at the end of every epoch has switched it off
            rows, order = sampler.rows(epoch), shuffled(len(sampler), steps, seed=seed, epoch=epoch)
            view = views_of(rows, epoch=epoch, views=views, most=sampler.most)
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
            distributed.broadcast_buffers(network)
            scores = scores_on_dev(
                inference.logits(network, dev), dev.split, hard=hard, where=f"{title}: epoch {epoch}"
            )
            means = {"epoch": epoch, **_means(progress.parts), **scores}
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


def refuse_small_batches(count: int, batch_size: int) -> None:
    """Raise BadInput if a process would get fewer than two images of a batch: batch norm can't train on one."""
    if min(batch_size, count) < 2 * distributed.world_size():
        found = f"{batch_size} of {count} images for {distributed.world_size()} processes"
        raise BadInput(f"batch_size: found {found}, expected two images for each")


def _means(parts: list[dict[str, torch.Tensor]]) -> dict[str, float]:
    means = {name: torch.stack([part[name] for part in parts]).mean() for name in parts[0]}
    return {name: distributed.mean_over_processes(mean).item() for name, mean in means.items()}


def scores_on_dev(logits: np.ndarray, dev: Split, *, hard: str, where: str) -> dict[str, float | None]:
    """`dev_loss` and `dev_auroc` of the logits (N, K) of dev. Raises BadInput, which names `where`, for NaN."""
    if not np.isfinite(logits).all():
        raise BadInput(f"{where}: logits on dev are not finite, expected numbers: lower lr?")
    loss = loss_on_dev(hard, logits=torch.from_numpy(logits), labels=torch.from_numpy(dev.labels))
    # classes that exclude one another are ranked by softmax, as in `evaluate`, but for its calibration on dev
    scores = torch.from_numpy(logits).log_softmax(1).numpy() if dev.exclusive else logits
    return {"dev_loss": loss.item(), "dev_auroc": auroc.macro(dev.labels, scores)}
