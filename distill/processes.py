"""A stage on several processes: `NPROC=2 dvc repro`. By torch's own launcher (torchrun) and DistributedDataParallel.

Unless NPROC says otherwise there is one process a GPU, and one on a CPU. The number is no parameter of DVC's, so that
on other hardware nothing runs again. What is dumped is the same to the last bit where each process has as many threads
(on a CPU as OMP_NUM_THREADS says, else its share of the cores); what is trained is the same in kind.
"""

import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import distributed, nn
from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure, get_error_handler
from torch.distributed.launcher.api import LaunchConfig, elastic_launch
from torch.nn.parallel import DistributedDataParallel

from distill.errors import BadInput
from distill.workers import end_with


def run(main: Callable[..., None], *arguments: str) -> None:
    """Run `main` of a stage on all processes; return when all have ended well, else exit with status 1."""
    count = wanted()
    if count == 1:
        main(*arguments)
        return
    logging.getLogger("torch").setLevel(logging.CRITICAL)  # the one line of `_tell` says it
    settings = {"min_nodes": 1, "max_nodes": 1, "nproc_per_node": count, "rdzv_backend": "c10d", "run_id": "stage"}
    settings |= {"rdzv_endpoint": "localhost:0", "local_addr": "localhost", "max_restarts": 0}
    with TemporaryDirectory() as folder:
        settings["logs_specs"] = DefaultLogsSpecs(folder)
        try:
            elastic_launch(LaunchConfig(**settings), _one)(main, *arguments)
        except ChildFailedError as error:
            _tell(error.get_first_failure()[1])
        except SignalException as error:
            sys.exit(128 + error.sigval)


def wanted() -> int:
    """How many processes there are to be. Raises BadInput if NPROC is no number above 0, or above the GPUs."""
    said = os.environ.get("NPROC", "")
    if said and not (said.isdecimal() and int(said)):
        raise BadInput(f"NPROC: found {said!r}, expected a number of processes above 0")
    cards = torch.cuda.device_count()
    if cards and said and int(said) > cards:
        raise BadInput(f"NPROC: found {said}, expected at most as many processes as GPUs, {cards}")
    return int(said) if said else max(1, cards)


def count() -> int:
    """How many processes there are."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def rank() -> int:
    """Which of them this is, from 0; the first alone tells, draws and saves."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def wait() -> None:
    """Until all processes are here."""
    if distributed.is_initialized():
        distributed.barrier()


def share(numbers: np.ndarray) -> np.ndarray:
    """Of `numbers` (B,) those of this process; together they are all."""
    return numbers[rank() :: count()]


def total(values: torch.Tensor) -> torch.Tensor:
    """The sum over the processes of a tensor that each has."""
    if distributed.is_initialized():
        distributed.all_reduce(values)
    return values


def mean(values: torch.Tensor) -> torch.Tensor:
    """The mean over the processes of a tensor that each has."""
    return total(values) / count()


def in_step(network: nn.Module) -> nn.Module:
    """The network with the gradients of all processes averaged; itself where there is one process.

    On GPUs batch norm sees the batches of all (torch has that for no CPU), as a share may be of few images.
    """
    if not distributed.is_initialized():
        return network
    if torch.cuda.is_available():
        import timm.layers  # slow, and only here

        network = timm.layers.convert_sync_batchnorm(network)  # in place; the weights and their names stay
    return DistributedDataParallel(network)


def agree(network: nn.Module) -> None:
    """Let all processes have the first one's buffers: the running means of batch norm, which differ after a step."""
    for buffer in network.buffers() if distributed.is_initialized() else ():
        distributed.broadcast(buffer, 0)


def _one(main, *arguments):
    """What each process does."""
    end_with(os.getppid())
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # the launcher hands Ctrl-C on and waits half a minute for the end
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max(1, torch.get_num_threads() // int(os.environ["WORLD_SIZE"])))
    backend = "nccl" if torch.cuda.is_available() else "gloo"
    distributed.init_process_group(backend, timeout=timedelta(days=1))  # who is done with its dump waits for the others
    try:
        main(*arguments)
    except Exception as error:
        plain = isinstance(error, BadInput | OSError)  # what a user can mend, as in `stages`
        get_error_handler().record_exception(BadInput(str(error)) if plain else error)
        sys.stdout.flush()
        time.sleep(0 if plain else 2)  # who fails because another did is not to be found before it
        os._exit(1)  # to wait for the others, who wait for this one, would never end
    distributed.destroy_process_group()


def _tell(failure: ProcessFailure) -> None:
    """Raise what a user can mend; exit with the traceback of all else, or the signal that ended a process."""
    said = failure.error_file_data["message"]
    if not isinstance(said, dict):
        sys.exit(f"error: process {failure.local_rank}: {failure.message.strip()}")
    kind, _, text = said["message"].partition(": ")
    if kind == "BadInput":
        raise BadInput(text)
    sys.exit(said["extraInfo"]["py_callstack"])
