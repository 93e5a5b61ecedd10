"""Where torch computes, and that it computes the same twice."""

import ctypes
import os
import platform

import psutil
import torch

from distill import processes

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h


def start(seed: int) -> torch.device:
    """Seed torch, insist on deterministic kernels, and return this process's GPU if there is one, else the CPU."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is deterministic only with a fixed workspace
    torch.use_deterministic_algorithms(True, warn_only=True)  # adaptive pooling has no such kernel on CUDA
    torch.utils.deterministic.fill_uninitialized_memory = False  # a fifth of a step's time, to find errors of torch's
    torch.manual_seed(seed)
    _keep_memory()
    if not torch.cuda.is_available():
        return torch.device("cpu")
    torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)))  # torchrun's number of this process
    return torch.device("cuda", torch.cuda.current_device())


def _keep_memory() -> None:
    """Have malloc, where it is glibc's, keep what is freed for the next tensor instead of handing it back.

    Else every large tensor comes as new pages, which the kernel blanks: a student's step took 1.7 times as long
    (LOG.md).
    """
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option and set_option(M_MMAP_THRESHOLD, 2**31 - 1):  # an older glibc takes no more than 2**25, and says so
        set_option(M_TRIM_THRESHOLD, 2**31 - 1)


def sent(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """The tensor on the device. A GPU does not wait for it, as it would for a copy from pageable memory."""
    pinned = tensor.pin_memory() if device.type == "cuda" and not tensor.is_pinned() else tensor
    return pinned.to(device, non_blocking=True)


def room(device: torch.device) -> int:
    """How many bytes of data may stay on the device for the whole run: half of the memory that is free now."""
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else psutil.virtual_memory().available
    return free // 2


def dtype(precision: str, device: torch.device) -> torch.dtype:
    """What convolutions and matrix products are computed in while training: `float32`, `bfloat16` or `auto`.

    `auto` is bfloat16 where the device has instructions for it, else float32. The weights, their gradients' sums, the
    losses, what is dumped and what is evaluated are float32 whatever this says (on NVIDIA's GPUs torch computes
    the convolutions of float32 in TF32).
    """
    wanted = precision == "bfloat16" or (precision == "auto" and _has_bfloat16(device))
    return torch.bfloat16 if wanted else torch.float32


def described(precision: str, device: torch.device) -> str:
    """How a network is trained here, in words: what the cache takes for the same and other hardware does otherwise."""
    chip = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or platform.machine()
    return f"{str(dtype(precision, device)).removeprefix('torch.')} on {chip}, processes: {processes.count()}"


def _has_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    has = torch.cpu.get_capabilities()
    return bool(has.get("avx512_bf16") or has.get("amx_bf16"))
