"""Where torch computes, and that it computes the same twice."""

import os

import torch


def start(seed: int) -> torch.device:
    """Seed torch, insist on deterministic kernels, and return the GPU if there is one, else the CPU."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is deterministic only with a fixed workspace
    torch.use_deterministic_algorithms(True, warn_only=True)  # adaptive pooling has no such kernel on CUDA
    torch.manual_seed(seed)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
