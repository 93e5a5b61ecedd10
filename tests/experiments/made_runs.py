"""Scores of runs as an ablation finds them."""

import numpy as np
import pandas as pd

from rayling.experiments import runs as experiments

METRICS = list(experiments.METRICS.values())


def runs(gain=0.01, seeds=5, temperatures=(20,)):
    """Scores of students alone and with a teacher, by seed: a large effect of the seed, a small one of the teacher."""
    rng, rows = np.random.default_rng(0), []
    for seed in range(seeds):
        effect = rng.normal(0, 0.05)
        for learn_from in ("labels", "teacher"):
            for temperature in temperatures if learn_from == "teacher" else temperatures[:1]:
                score = 0.8 + effect + (learn_from == "teacher") * gain + rng.normal(0, 0.001)
                rows.append([learn_from, temperature, seed, score, score - 0.1, score - 0.2])
    return pd.DataFrame(rows, columns=["learn_from", "temperature", "student_seed", *METRICS])
