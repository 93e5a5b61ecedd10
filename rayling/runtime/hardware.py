"""The device that torch computes on, its precision and its memory, and the settings that make results repeatable."""

import ctypes
import os

import psutil
import torch

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h


def start(seed: int) -> torch.device:
    """Seed torch, choose deterministic kernels, and return this process's GPU if there is one, else the CPU."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is deterministic only with a fixed workspace
    torch.use_deterministic_algorithms(True, warn_only=True)  # adaptive pooling has no such kernel on CUDA
    torch.utils.deterministic.fill_uninitialized_memory = False  # a debugging aid that slows training
    torch.manual_seed(seed)
    _keep_memory()
    if not torch.cuda.is_available():
        return torch.device("cpu")
    torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)))  # torchrun's number of this process
    return torch.device("cuda", torch.cuda.current_device())


def _keep_memory() -> None:
    """Let glibc's malloc keep freed memory for the next tensor instead of returning it to the system.

    Otherwise every large tensor is made of new pages, which the kernel must zero: a student's step at 224 px took 1.4
    times as long (docs/log/training-speed.md). Does nothing where malloc is not glibc's.
    """
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option and set_option(M_MMAP_THRESHOLD, 2**31 - 1):  # an older glibc refuses more than 2**25
        set_option(M_TRIM_THRESHOLD, 2**31 - 1)


def to_device(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """The tensor on the device, copied from pinned memory: from pageable memory a GPU would wait for the copy."""
    pinned = tensor.pin_memory() if device.type == "cuda" and not tensor.is_pinned() else tensor
    return pinned.to(device, non_blocking=True)


def memory_budget(device: torch.device) -> int:
    """The bytes of data that may stay on the device for the whole run: half of the memory that is free now."""
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else psutil.virtual_memory().available
    return free // 2


def dtype(precision: str, device: torch.device) -> torch.dtype:
    """The type of convolutions and matrix products in training, for the `precision` of params.yaml.

    `precision` is `float32`, `bfloat16` or `auto`: bfloat16 if the device has instructions for it, else float32.
    Weights, losses, dumps and evaluations are float32 in any case. On NVIDIA GPUs torch computes the convolutions of
    float32 in TF32.
    """
    wanted = precision == "bfloat16" or (precision == "auto" and _has_bfloat16(device))
    return torch.bfloat16 if wanted else torch.float32


def _has_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    has = torch.cpu.get_capabilities()
    return bool(has.get("avx512_bf16") or has.get("amx_bf16"))
