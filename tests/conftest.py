"""Small data that several tests share. Nothing here is larger than a thumbnail."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"  # before timm is imported: no test may wait for a network
os.environ.pop("HF_HUB_CACHE", None)
os.environ["HF_HOME"] = "/nonexistent"  # nor pass because somebody once downloaded weights

import numpy as np
import pytest

from distill import prepared


@pytest.fixture
def pack(tmp_path):
    """A function that writes a prepared file: `images`, `labels`, `sources` map a split to (N, H, H), (N, K), (N,)."""

    def write(images, labels, *, names=("left", "top"), rows=None, sources=None, file="prepared.h5", study="tiny"):
        columns = {
            split: {
                "labels": labels[split],
                "image_id": [f"{split}/{n}.png" for n in range(len(labels[split]))],
                "patient_id": [f"{n // 2}" for n in range(len(labels[split]))],
                "source": sources[split] if sources else [study] * len(labels[split]),
            }
            for split in prepared.SPLITS
        }
        path, rows = tmp_path / file, np.arange(len(labels["train"])) if rows is None else rows
        size = images["train"].shape[1]
        prepared.create(path, study=study, names=list(names), size=size, columns=columns, rows=rows)
        for split in prepared.SPLITS:
            prepared.fill(path, split, [images[split]])
        prepared.measure(path)
        return path

    return write


@pytest.fixture
def halves(pack):
    """A prepared file that is easy to learn: is the left half bright, is the top half bright; 16 × 16 pixels."""
    generator = np.random.default_rng(0)
    images, labels = {}, {}
    for split, count in {"train": 48, "dev": 32, "test": 4}.items():
        labels[split] = (np.arange(count)[:, None] // [1, 2] % 2).astype(np.float32)
        grey = generator.integers(60, 120, (count, 16, 16))
        grey[:, :, :8] += 60 * labels[split][:, 0, None, None].astype(int)
        grey[:, :8, :] += 60 * labels[split][:, 1, None, None].astype(int)
        images[split] = grey.astype(np.uint8)
    return pack(images, labels)
