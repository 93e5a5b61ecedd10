"""How far a training has come: kept on disk as it goes, so that who was killed goes on instead of starting anew."""

import copy
import io
import math
import os
import pickle
import time
from pathlib import Path

import torch
from torch import nn

from distill import processes
from distill.atomic import atomic
from distill.descent import Descent
from distill.errors import BadInput

SECONDS = 600  # of an epoch that a kill may cost
UNREADABLE = (OSError, RuntimeError, EOFError, LookupError, TypeError, ValueError, AttributeError, AssertionError)
UNREADABLE = (*UNREADABLE, pickle.UnpicklingError)  # what torch raises of a broken checkpoint
KEPT = {"history": list, "parts": list, "best": tuple, "best_weights": dict}


class Progress:
    """Whole epochs in `history`, the steps of the present one in `parts`, the best weights so far with their score."""

    def __init__(self, network: nn.Module, descent: Descent, path: Path | None, *, title: str) -> None:
        """Go on from the file at `path`, if it is there; without a path nothing is kept."""
        self.network, self.descent, self.path = network, descent, path
        self.history, self.parts = [], []  # a dict each: of an epoch's means, of a step's scalars
        self.best, self.best_weights = (-math.inf, -math.inf), network.state_dict()
        self.saved_at = time.monotonic()
        if path and path.exists():
            self._go_on(title)

    def step(self, parts: dict[str, torch.Tensor]) -> None:
        """One step more is done."""
        self.parts.append(parts)

    @property
    def due(self) -> bool:
        """Whether so much was done since the last `save` that it is time for one, in the midst of an epoch.

        Not where there are several processes, as each has scalars of its own until the epoch ends.
        """
        return self.path is not None and processes.count() == 1 and time.monotonic() - self.saved_at > SECONDS

    def epoch(self, means: dict[str, float | None], score: tuple[float, float]) -> None:
        """The epoch is done; `score` orders the epochs, and of equal ones the first is kept."""
        self.history.append(means)
        self.parts = []
        if score > self.best:
            self.best, self.best_weights = score, copy.deepcopy(self.network.state_dict())
        self.save()

    def save(self) -> None:
        """Have the disk know all of it: what is trained on from here ends in the same bytes."""
        if not self.path or processes.rank():
            return
        state = io.BytesIO()  # torch.save itself has another word for a full disk, and a traceback
        torch.save(self._state(), state)
        with atomic(self.path) as partial, partial.open("wb") as file:
            file.write(state.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        self.saved_at = time.monotonic()

    def _state(self) -> dict:
        kept = {name: getattr(self, name) for name in KEPT}
        cuda = [torch.cuda.get_rng_state()] if self.descent.device.type == "cuda" else []
        random = {"random": torch.get_rng_state(), "random_on_gpu": cuda}
        return kept | random | {"network": self.network.state_dict(), "descent": self.descent.state_dict()}

    def _go_on(self, title: str) -> None:
        try:
            state = torch.load(self.path, map_location=self.descent.device, weights_only=True)
            self.network.load_state_dict(state.pop("network"))
            self.descent.load_state_dict(state.pop("descent"))
            torch.set_rng_state(state.pop("random").cpu())
            for of_gpu in state.pop("random_on_gpu"):
                torch.cuda.set_rng_state(of_gpu.cpu())
            if state.keys() != KEPT.keys() or not all(isinstance(state[name], kind) for name, kind in KEPT.items()):
                raise ValueError(f"found {', '.join(state)}")
            vars(self).update(state)
        except UNREADABLE as error:
            reason = str(error).partition("\n")[0]
            message = f"{self.path}: no checkpoint of this training: {reason}; remove it to start anew"
            raise BadInput(message) from None
        if not processes.rank():
            print(f"{title}: goes on at epoch {len(self.history)}, batch {len(self.parts)}", flush=True)
