"""The state of a training, saved as it goes: a training that was killed continues instead of starting again."""

import copy
import io
import math
import os
import pickle
import time
from pathlib import Path

import torch
from torch import nn

from rayling.common.atomic import atomic
from rayling.common.errors import BadInput
from rayling.runtime import distributed
from rayling.training.optimisation import Optimisation

SECONDS = 600  # of work that a kill may cost
UNREADABLE = (  # what torch raises for a damaged checkpoint
    *(OSError, EOFError, RuntimeError, LookupError, TypeError, ValueError, AttributeError, AssertionError),
    pickle.UnpicklingError,
)
SAVED = {"history": list, "parts": list, "best": tuple, "best_weights": dict}


class Progress:
    """Finished epochs in `history`, the steps of the current one in `parts`, the best weights and their score."""

    def __init__(self, network: nn.Module, optimisation: Optimisation, path: Path | None, *, title: str) -> None:
        """Continue from the file at `path` if it exists. Without a path nothing is saved.

        Raises BadInput if the file is no checkpoint of this training.
        """
        self.network, self.optimisation, self.path = network, optimisation, path
        self.history, self.parts = [], []  # a dict each: an epoch's means, a step's scalars
        self.best, self.best_weights = (-math.inf, -math.inf), network.state_dict()
        self.saved_at = time.monotonic()
        if path and path.exists():
            self._load(title)

    def add_step(self, parts: dict[str, torch.Tensor]) -> None:
        """Record one step of the current epoch: the loss and its parts."""
        self.parts.append(parts)

    @property
    def due(self) -> bool:
        """Whether the last `save` is so long ago that the middle of an epoch is worth saving.

        Not with several processes: until the epoch ends each has scalars of its own.
        """
        return self.path is not None and distributed.world_size() == 1 and time.monotonic() - self.saved_at > SECONDS

    def end_epoch(self, means: dict[str, float | None], score: tuple[float, float]) -> None:
        """Record the epoch's means and save. `score` orders the epochs; of equal ones the first is the best."""
        self.history.append(means)
        self.parts = []
        if score > self.best:
            self.best, self.best_weights = score, copy.deepcopy(self.network.state_dict())
        self.save()

    def save(self) -> None:
        """Write everything to the disk. A training that continues from it ends in the same bytes."""
        if not self.path or distributed.rank():
            return
        state = io.BytesIO()  # torch.save to a file reports a full disk as an error of its own
        torch.save(self._state(), state)
        with atomic(self.path) as partial, partial.open("wb") as file:
            file.write(state.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        self.saved_at = time.monotonic()

    def _state(self) -> dict:
        saved = {name: getattr(self, name) for name in SAVED}
        cuda = [torch.cuda.get_rng_state()] if self.optimisation.device.type == "cuda" else []
        random = {"random": torch.get_rng_state(), "random_on_gpu": cuda}
        return saved | random | {"network": self.network.state_dict(), "optimisation": self.optimisation.state_dict()}

    def _load(self, title: str) -> None:
        try:
            state = torch.load(self.path, map_location=self.optimisation.device, weights_only=True)
            self.network.load_state_dict(state.pop("network"))
            self.optimisation.load_state_dict(state.pop("optimisation"))
            torch.set_rng_state(state.pop("random").cpu())
            for on_gpu in state.pop("random_on_gpu"):
                torch.cuda.set_rng_state(on_gpu.cpu())
            if state.keys() != SAVED.keys() or not all(isinstance(state[name], kind) for name, kind in SAVED.items()):
                raise ValueError(f"found {', '.join(state)}")
            vars(self).update(state)
        except UNREADABLE as error:
            reason = str(error).partition("\n")[0]
            message = f"{self.path}: no checkpoint of this training: {reason}; delete it to start again"
            raise BadInput(message) from None
        if not distributed.rank():
            print(f"{title}: continues at epoch {len(self.history)}, batch {len(self.parts)}", flush=True)
