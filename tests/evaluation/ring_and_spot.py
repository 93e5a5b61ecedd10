"""Images that a control can learn: is the border bright, is the middle bright."""

import numpy as np

SIZE, COUNTS = 32, {"train": 96, "dev": 48, "test": 160}
SETTINGS = {"seed": 0, "epochs": 5, "batch_size": 12, "lr": 3e-3, "weight_decay": 1e-5, "schedule": "cosine"}
NAMES = ["ring", "spot"]


def draw(*, sources, ring, exclusive):
    """Images (N, H, H), labels (N, 2) and sources (N,) of each split; with `sources`, b is darker than a.

    Of `ring` the labels of the border are drawn; with `exclusive` the middle is bright where the border is not.
    """
    generator = np.random.default_rng(3)
    images, labels, where = {}, {}, {}
    for split, count in COUNTS.items():
        labels[split] = generator.choice(ring, (count, 2)).astype(np.float32)
        labels[split][:, 1] = 1 - labels[split][:, 0] if exclusive else np.arange(count) % 2
        dark = np.arange(count) // 2 % 2
        grey = generator.integers(60, 120, (count, SIZE, SIZE)) - (50 * dark[:, None, None] if sources else 0)
        grey[:, 10:22, 10:22] += 100 * labels[split][:, 1, None, None].astype(int)
        grey[:, :4, :] += 100 * labels[split][:, 0, None, None].astype(int)
        images[split] = grey.astype(np.uint8)
        where[split] = np.where(dark, "b", "a")
    return images, labels, where
