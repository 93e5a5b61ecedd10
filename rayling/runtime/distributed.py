"""A stage on several processes: `NPROC=2 dvc repro`, by torch's launcher (torchrun) and DistributedDataParallel.

The number of processes is no DVC parameter, so a change of hardware reruns nothing. A dump has the same bytes with any
number of processes, as long as each has the same number of threads (OMP_NUM_THREADS, by default the cores divided by
NPROC). A training has the same result up to rounding, except for batch norm on a CPU: each process computes its
statistics from its own shard of the batch.
"""

import logging
import os
import sys
import time
from collections.abc import Callable
from datetime import timedelta

import numpy as np
import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from rayling.common.errors import BadInput, print_error
from rayling.common.parallel import end_with_parent

LAUNCHER = "RAYLING_LAUNCHER"  # the environment variable with the number of the process that starts the others


def run(main: Callable[..., None], *arguments: str) -> None:
    """Run `main` of a stage on the number of processes that NPROC requests. Exits with status 1 if one of them fails.

    With several processes this one is the launcher: it starts `python -m <stage>` again for each of them.
    """
    if distributed.is_torchelastic_launched():
        _work(main, *arguments)
    elif (count := requested()) == 1:
        main(*arguments)
    else:
        _launch(count)


def requested() -> int:
    """The value of NPROC, by default 1. Raises BadInput unless it is a number from 1 to the number of GPUs, if any."""
    value = os.environ.get("NPROC") or "1"
    if not (value.isdecimal() and int(value)):
        raise BadInput(f"NPROC: found {value!r}, expected a number of processes above 0")
    gpus = torch.cuda.device_count()
    if gpus and int(value) > gpus:
        raise BadInput(f"NPROC: found {value}, expected at most as many processes as GPUs, {gpus}")
    return int(value)


def world_size() -> int:
    """The number of processes."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def rank() -> int:
    """The number of this process, from 0. Only process 0 prints progress and writes files other than a dump."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def barrier() -> None:
    """Wait until all processes have come to this point."""
    if distributed.is_initialized():
        distributed.barrier()


def shard(numbers: np.ndarray) -> np.ndarray:
    """This process's shard of `numbers` (B,): every `world_size()`-th of them."""
    return numbers[rank() :: world_size()]


def sum_over_processes(values: torch.Tensor) -> torch.Tensor:
    """The sum of the processes' tensors `values`, in place."""
    if distributed.is_initialized():
        distributed.all_reduce(values)
    return values


def mean_over_processes(values: torch.Tensor) -> torch.Tensor:
    """The mean of the processes' tensors `values`, which are overwritten."""
    return sum_over_processes(values) / world_size()


def data_parallel(network: nn.Module) -> nn.Module:
    """The network with gradients averaged over the processes, or the network itself if there is one process.

    On GPUs batch norm is synchronised, because a shard may hold few images. torch has no synchronised batch norm for
    CPUs.
    """
    if not distributed.is_initialized():
        return network
    if torch.cuda.is_available():
        import timm.layers  # takes seconds

        network = timm.layers.convert_sync_batchnorm(network)  # keeps weights and their names
    return DistributedDataParallel(network)


def broadcast_buffers(network: nn.Module) -> None:
    """Copy the first process's buffers to all: the running statistics of batch norm, which differ after a step."""
    for buffer in network.buffers() if distributed.is_initialized() else ():
        distributed.broadcast(buffer, 0)


def _launch(count: int) -> None:
    """Start the processes with torchrun and wait. Exits with 1 if one fails, with 128 + a signal that comes to it."""
    from torch.distributed.elastic.multiprocessing import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import main as torchrun

    logging.disable()  # the process that failed prints its error itself
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, torch.get_num_threads() // count)))  # torchrun's default is 1
    os.environ[LAUNCHER] = str(os.getpid())
    stage = sys.orig_argv[sys.orig_argv.index("-m") + 1 :]
    options = ["--standalone", "--local-addr=localhost", f"--nproc-per-node={count}", f"--log-dir={os.devnull}"]
    options += ["--signals-to-handle=SIGTERM,SIGHUP,SIGQUIT"]  # Ctrl-C raises KeyboardInterrupt as in any stage
    try:
        torchrun([*options, "-m", *stage])
    except ChildFailedError as error:
        failure = error.get_first_failure()[1]
        sys.exit(f"error: process {failure.local_rank}: {failure.message.strip()}" if failure.exitcode < 0 else 1)
    except SignalException as error:
        sys.exit(128 + error.sigval)


def _work(main: Callable[..., None], *arguments: str) -> None:
    """Run `main` in one of several processes. The first error is printed once, then this process exits with 1."""
    end_with_parent(int(os.environ.get(LAUNCHER, os.getppid())))
    backend = "nccl" if torch.cuda.is_available() else "gloo"
    distributed.init_process_group(backend, timeout=timedelta(days=1))  # a finished dump waits for the other processes
    try:
        main(*arguments)
    except Exception as error:
        # The first message is the only one: the launcher ends the other processes before they report the same error,
        # or another that follows from it.
        time.sleep(distributed.get_rank() + (0 if isinstance(error, BadInput | OSError) else 2))
        print_error(type(error), error, error.__traceback__)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(1)  # an orderly exit would wait for the other processes, which wait for this one
    distributed.destroy_process_group()
