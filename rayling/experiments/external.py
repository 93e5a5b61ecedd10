"""Scores of the students of experiments on films that no run has seen, for `ablation --external`.

The folder has the layout of one of the study's sources, and its reader reads it. N films, H pixels a side, K labels.
"""

from pathlib import Path
from tempfile import TemporaryFile

import numpy as np
import pandas as pd

from rayling.common.errors import BadInput
from rayling.config.schema import Data
from rayling.evaluation import auroc
from rayling.evaluation.scores import macro_scores
from rayling.experiments.runs import lock_of
from rayling.predict.model import OnnxModel
from rayling.preparation import decoding, sources
from rayling.preparation.external import read

STUDENT, STAGE = "data/models/student.onnx", "export@student"
OF_LABEL = "AUROC of "  # begins the name of a score of one label


class Films:
    """The films of a folder with their labels (N, K) of 1, 0 and NaN (unknown)."""

    def __init__(self, root: Path, data: Data, *, study: str, source: int = 0) -> None:
        """`data` is that of the study, `source` the number of the source whose layout, reader and classes `root` has.

        Raises BadInput if there is no such source, and as `preparation.external.read` does.
        """
        if not 0 <= source < len(data.sources):
            raise BadInput(f"--external-source: found {source}, expected a number below {len(data.sources)}")
        own = data.sources[source].model_copy(update={"folder": "."})
        self.root, self.data = root, data.model_copy(update={"sources": [own]})
        table = read(root, self.data, study=study)
        self.table = table[table["left_out"] == ""]
        self.labels = self.table[data.labels].to_numpy(np.float32)
        self._decoded = {}

    def __len__(self) -> int:
        return len(self.table)

    def pixels(self, size: int, *, keep_aspect: bool) -> np.ndarray:
        """All films as `prepare` decodes them, uint8 (N, size, size). Raises BadInput for one that cannot be used."""
        about = {"size": size, "keep_aspect": keep_aspect}
        if tuple(about.values()) not in self._decoded:
            self._decoded[tuple(about.values())] = self._decode(**about)
        return self._decoded[tuple(about.values())]

    def _decode(self, **about) -> np.ndarray:
        files = sources.images(self.root, self.data, self.table)
        with TemporaryFile() as out:
            decoded = decoding.decode_all(files, count=len(self), out=out, **about)
            out.flush()
            if reason := next(filter(None, decoded.reasons), None):
                raise BadInput(reason)
            return np.memmap(out, np.uint8, "r", shape=(len(self), about["size"], about["size"]))


def metrics_of(data: Data, *, per_label: bool) -> dict[str, str]:
    """The names of the scores by their keys in metrics/student.json: macro AUROC; for exclusive classes also accuracy
    and macro F1 of the most probable class; with `per_label` the AUROC of each label, for a class that against all
    others."""
    names = {"auroc.macro": "AUROC"} | ({"accuracy": "accuracy", "f1.macro": "F1"} if data.exclusive else {})
    return names | ({f"auroc.per_label.{label}": f"{OF_LABEL}{label}" for label in data.labels} if per_label else {})


def scores(model: OnnxModel, films: Films) -> dict[str, float | None]:
    """The scores of a model on films, by all names that `metrics_of` may give. None is a score that is not defined.

    Raises BadInput for a model of other labels.
    """
    if model.labels != films.data.labels:
        raise BadInput(f"{model.path}: found labels {model.labels}, expected those of params.yaml, {films.data.labels}")
    pixels = films.pixels(model.size, keep_aspect=model.facts["keep_aspect"])
    probabilities, _ = model.run_all(pixels)
    found = macro_scores(labels=films.labels, probabilities=probabilities, thresholds=model.thresholds)
    each = auroc.per_label(films.labels, probabilities)
    by_label = {f"{OF_LABEL}{label}": value for label, value in zip(model.labels, each, strict=True)}
    return {"AUROC": found["auroc"]["macro"], "accuracy": found.get("accuracy"), "F1": found["f1"]["macro"]} | by_label


def scores_of(listed: pd.DataFrame, films: Films, *, cache: Path) -> pd.DataFrame:
    """The scores of the student of each experiment, a row of `listed`, with the index of `listed`.

    `cache` is the folder of DVC's cache. Raises BadInput as `student_of` does.
    """
    rows = {}
    for index, row in listed.iterrows():
        name = row.get("Experiment") or row["rev"]
        rows[index] = scores(OnnxModel(student_of(row["rev"], name=name, cache=cache)), films)
    return pd.DataFrame.from_dict(rows, orient="index").astype(float)


def student_of(revision: str, *, name: str, cache: Path) -> Path:
    """The exported student of the experiment `name` at a git revision, in DVC's cache.

    Raises BadInput if it is not there, or if the experiment has trained another student since it was exported.
    """
    stages = lock_of(revision)
    digest_of = {out["path"]: out["md5"] for stage in stages.values() for out in stage.get("outs", [])}
    read = stages.get(STAGE, {}).get("deps", [])
    fresh = all(digest_of.get(file["path"], file["md5"]) == file["md5"] for file in read)
    digest = digest_of.get(STUDENT, "") if fresh else ""
    path = cache / "files/md5" / digest[:2] / digest[2:]
    if not (digest and path.is_file()):
        expected = f"expected an export by the sweep: `dvc exp remove {name}`, then run the sweep again"
        raise BadInput(f"{name}: found no {STUDENT} of its student in DVC's cache, {expected}")
    return path
