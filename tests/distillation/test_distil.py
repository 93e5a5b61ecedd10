"""`distil`: the student sees the images that the dump describes, and learns from the teacher outputs in it."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from rayling.common.errors import BadInput
from rayling.distillation import losses
from rayling.distillation.distil import distil
from rayling.distillation.losses import mean_over_levels, soft_bce, weighted_sum
from rayling.runtime import inference
from rayling.runtime.loader import Batches
from rayling.storage import dumps
from rayling.storage.dumps import DumpWriter
from rayling.training.hard_loss import mean_loss
from tests.toy import CPU, SETTINGS, VIEWS, Linear, batches, dev_auroc, student, trained

WITHOUT_LABELS = {"hard": 0.0, "soft": 1.0, "feature": 1.0}
ALL = {"hard": 1.0, "soft": 1.0, "feature": 1.0}


@pytest.fixture
def data(halves):
    return batches(halves)


def dump_of(network, train: Batches, path: Path, *, shift: int = 0) -> Path:
    """A dump of `network` for every view of train. `shift` stores it under a later view, as a mistake would."""
    split = train.split
    about = {"names": split.names, "image_id": split.image_id, "recipe": train.recipe}
    dumps.create(path, network=path.stem, **about, channels=[4, 4, 4], grid=2)
    with DumpWriter(path) as dump:
        for rows, logits, features in inference.outputs(network, train, views=3, batch_size=20):
            logits, *features = (values.roll(shift, 1).numpy() for values in (logits, *features))
            dump.put(rows, logits, features)
    return path


def empty_dump(train: Batches, path: Path) -> Path:
    dumps.create(path, names=train.split.names, image_id=train.split.image_id)
    return path


def distilled(data, dump: Path, *, network=None, weights=WITHOUT_LABELS, **changed) -> pd.DataFrame:
    """The history of a distillation with the loss of stages/train_student.py."""

    def sliced_wasserstein(**maps):
        return losses.sliced_wasserstein(**maps, directions=losses.unit_directions(8, 4))

    def loss(outputs, batch):
        parts = {"hard": mean_loss("bce", logits=outputs.logits, labels=batch.labels)}
        if batch.teacher is not None:
            soften = {"temperature": 20, "softening": "sigmoid"}
            parts["soft"] = soft_bce(student=outputs.logits, teacher=batch.teacher.logits, **soften)
        if batch.teacher is not None and batch.teacher.features:
            maps = {"student": outputs.features, "teacher": batch.teacher.features}
            parts["feature"] = mean_over_levels(sliced_wasserstein, **maps)
        return weighted_sum(parts, weights), parts

    settings = SETTINGS | {"seed": 0, "lesson": "cached_views"} | changed
    return distil(network or Linear(), dump=str(dump), **data, loss=loss, **settings)


def test_the_student_sees_exactly_the_pixels_that_the_dump_describes(data, tmp_path):
    dump = dump_of(Linear(), data["train"], tmp_path / "teacher.h5")
    history = distilled(data, dump, epochs=5, lr=1e-12)  # the student is the teacher and stays the same
    assert history["soft"].abs().max() < 1e-5  # rounding, which differs between CPUs, times T²
    assert history["feature"].max() < 1e-3  # the dump's half precision
    wrong = dump_of(Linear(), data["train"], tmp_path / "wrong.h5", shift=1)
    history = distilled(data, wrong, epochs=5, lr=1e-12)
    assert history["soft"].min() > 1e-4
    assert history["feature"].min() > 1e-2


def test_a_student_learns_from_the_teacher_without_any_label(data, tmp_path):
    teacher, _ = trained(data, network=Linear())
    dump = dump_of(teacher, data["train"], tmp_path / "teacher.h5")
    network = Linear()
    before = dev_auroc(network, data)
    history = distilled(data, dump, network=network, epochs=6, weights=WITHOUT_LABELS)
    assert history["soft"].iloc[-1] < 0.5 * history["soft"].iloc[0]
    assert dev_auroc(network, data) > max(0.9, before)


def test_in_any_view_the_mean_of_the_cached_logits_stands_for_views_without_end(data, tmp_path, monkeypatch):
    teacher, _ = trained(data, network=Linear())
    dump, received, deliver = dump_of(teacher, data["train"], tmp_path / "teacher.h5"), [], Batches.deliver

    def watched(batches, gathered):
        received.append(deliver(batches, gathered))
        return received[-1]

    monkeypatch.setattr(Batches, "deliver", watched)
    distilled(data, dump, epochs=5, lesson="any_view")
    of_train = [batch for batch in received if batch.teacher]
    assert sorted({int(view) for batch in of_train for view in batch.view}) == [0, 1, 2, 3, 4]  # of three cached ones
    means = torch.from_numpy(np.asarray(dumps.Dump(dump).logits).mean(1))
    for batch in of_train:
        assert torch.allclose(batch.teacher.logits, means[batch.rows], atol=1e-6) and not batch.teacher.features


def test_from_the_empty_dump_the_student_learns_from_labels_alone(data, tmp_path):
    history = distilled(data, empty_dump(data["train"], tmp_path / "labels.h5"), weights=ALL)
    assert "soft" not in history
    assert history["loss"].tolist() == history["hard"].tolist()
    _, alone = trained(data, network=Linear(), views=3)
    assert history["loss"].tolist() == alone["loss"].tolist()


def test_the_empty_dump_shows_labelled_images_only_and_a_full_one_shows_all(data, tmp_path):
    full = dump_of(Linear(), data["train"], tmp_path / "teacher.h5")
    data["train"].split.labels[5:] = np.nan
    empty = empty_dump(data["train"], tmp_path / "labels.h5")
    for path, expected in ((full, range(48)), (empty, range(5))):
        network = Linear()
        distilled(data, path, network=network, epochs=1, batch_size=48)
        shown = torch.cat(network.seen)
        assert len(shown) == 48  # the epoch has the same length
        originals = data["train"].batch(np.arange(48)).images
        found = [(shown == image).all((1, 2, 3)).any().item() for image in originals]
        assert np.flatnonzero(found).tolist() == list(expected)


def test_a_dump_of_other_views_is_refused(data, halves, tmp_path):
    other = Batches(halves, "train", device=CPU, views=VIEWS, count=3, seed=6)
    dump = dump_of(Linear(), other, tmp_path / "teacher.h5")
    with pytest.raises(BadInput, match="found views"):
        distilled(data, dump)


@pytest.mark.skipif(not shutil.which("g++"), reason="torch.compile needs a C++ compiler on a CPU")
def test_a_compiled_network_learns_the_same(data, tmp_path):
    dump, networks, histories = dump_of(Linear(), data["train"], tmp_path / "teacher.h5"), [], []
    for compiled in (False, True):
        networks.append(student())
        torch.manual_seed(1)
        histories.append(distilled(data, dump, network=networks[-1], epochs=2, weights=ALL, compile=compiled))
    assert np.allclose(histories[0]["loss"], histories[1]["loss"], atol=1e-2) and histories[0]["feature"].min() > 0.01
    assert networks[0].state_dict().keys() == networks[1].state_dict().keys()
