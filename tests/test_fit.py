"""`fit`, `inference`, `batches` and `distil`: what is trained, on which pixels, and what is left of it."""

import math
import shutil
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from distill import auroc, descent, dumps, fit, inference, losses, runtime
from distill.batches import Batches
from distill.distil import distil
from distill.errors import BadInput
from distill.feature_maps import to_grid
from distill.filler import Filler
from distill.hard_loss import hard_bce
from distill.models import Student

CPU = torch.device("cpu")
VIEWS = {"rotate": 7.0, "shift": 0.05, "scale": 0.08, "brightness": 0.1, "contrast": 0.15}
SETTINGS = {"epochs": 4, "batch_size": 12, "lr": 3e-3, "weight_decay": 1e-5, "schedule": "cosine", "title": "tiny"}


@pytest.fixture
def data(halves):
    """The train and the dev split of `halves`, with three views."""
    return {split: Batches(halves, split, device=CPU, views=VIEWS, count=3, seed=5) for split in ("train", "dev")}


def student() -> Student:
    torch.manual_seed(0)
    return Student(outputs=2, grid=2)


def hard(outputs, batch):
    total = hard_bce(logits=outputs[0], labels=batch.labels)
    return total, {"hard": total}


def trained(data, *, network=None, loss=hard, seed=0, **changed):
    """A network after `fit`, and its history."""
    network, rows = network or student(), data["train"].split.rows
    return network, fit.fit(network, **data, loss=loss, seed=seed, **{"rows": rows} | SETTINGS | changed)


def dev_auroc(network, data) -> float:
    return auroc.macro(data["dev"].split.labels, inference.logits(network, data["dev"]))


class Constant(nn.Module):
    """One number, said of every image: its gradient is what the loss makes it."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, images):
        return self.weight * torch.ones(len(images), 2), []


class Linear(nn.Module):
    """Sees every pixel, and the same in training as in inference, as it has no batch norm."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.convolution, self.linear = nn.Conv2d(1, 4, 3), nn.Linear(4 * 14 * 14, 2)
        self.seen = []
        self.to(memory_format=torch.channels_last)  # as `weights.build` has it

    def forward(self, images):
        if self.training:
            self.seen.append(images)
        features = self.convolution(images)
        return 5 * self.linear(features.flatten(1)), [to_grid(features, 2)] * 3


# fit


def test_the_loss_falls_and_what_can_be_told_apart_is(data):
    network, history = trained(data)
    assert history["epoch"].tolist() == [0, 1, 2, 3]
    assert history["loss"].iloc[-1] < 0.5 * history["loss"].iloc[0]
    assert history["dev_auroc"].max() > 0.9
    assert history["hard"].tolist() == history["loss"].tolist()
    assert dev_auroc(network, data) == history["dev_auroc"].max()


def test_in_half_precision_weights_and_losses_are_float32_and_what_is_learnt_is_the_same_in_kind(data):
    seen = []

    def watched(outputs, batch):
        seen.append(outputs)
        return hard(outputs, batch)

    (_, exact), (network, rounded) = trained(data), trained(data, loss=watched, precision="bfloat16")
    assert {weight.dtype for weight in network.parameters()} == {torch.float32}
    assert {part.dtype for logits, features in seen for part in (logits, *features)} == {torch.float32}
    assert np.allclose(exact["loss"], rounded["loss"], atol=0.05) and not np.allclose(
        exact["loss"], rounded["loss"], 1e-6
    )
    assert dev_auroc(network, data) > 0.9


def test_a_compiled_network_learns_the_same_lesson(data, tmp_path):
    if not shutil.which("g++"):
        pytest.skip("torch.compile needs a C++ compiler on a CPU")
    dump = dump_of(Linear(), data["train"], tmp_path / "teacher.h5")
    networks = [student() for _ in range(2)]
    lesson = {"epochs": 2, "weights": {"hard": 1.0, "soft": 1.0, "feature": 1.0}}
    torch.manual_seed(1)
    plain = distilled(data, dump, network=networks[0], **lesson)
    torch.manual_seed(1)
    compiled = distilled(data, dump, network=networks[1], compile=True, **lesson)
    assert np.allclose(plain["loss"], compiled["loss"], atol=1e-2) and plain["feature"].min() > 0.01
    assert networks[0].state_dict().keys() == networks[1].state_dict().keys()


@pytest.mark.parametrize(
    ("wanted", "has", "dtype"),
    [
        ("float32", {"avx512_bf16": True}, torch.float32),
        ("bfloat16", {}, torch.bfloat16),
        ("auto", {}, torch.float32),
        ("auto", {"avx512_bf16": True}, torch.bfloat16),
        ("auto", {"amx_bf16": True}, torch.bfloat16),
    ],
)
def test_half_precision_is_chosen_where_the_processor_is_made_for_it(monkeypatch, wanted, has, dtype):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: has)
    assert runtime.dtype(wanted, CPU) == dtype


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(data):
    one, two, other = (trained(data, seed=seed, epochs=2)[0].state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not torch.equal(one["linear.weight"], other["linear.weight"])


def test_the_best_epoch_is_left_and_not_the_last(data):
    def turned(outputs, batch):  # without `views` the view is the epoch
        total = hard_bce(logits=outputs[0], labels=batch.labels if batch.view[0] < 2 else 1 - batch.labels)
        return total, {"hard": total}

    network, history = trained(data, loss=turned, epochs=5, schedule="constant")
    assert history["dev_auroc"].iloc[-1] < 0.5 < history["dev_auroc"].max()
    best = history.sort_values(["dev_auroc", "dev_loss"], ascending=[False, True]).iloc[0]
    assert dev_auroc(network, data) == best["dev_auroc"]
    logits = torch.from_numpy(inference.logits(network, data["dev"]))
    dev_loss = hard_bce(logits=logits, labels=torch.from_numpy(data["dev"].split.labels)).item()
    assert dev_loss == best["dev_loss"]


def test_where_dev_ranks_nothing_its_loss_chooses_the_epoch(data):
    data["dev"].split.labels[:] = 1
    goal = [1.0, 3.0, -2.0]

    def towards(outputs, batch):
        total = (outputs[0] - goal[batch.view[0]]).square().mean()
        return total, {"square": total}

    network, history = trained(data, network=Constant(), loss=towards, epochs=3, lr=1.0, schedule="constant")
    assert history["dev_auroc"].isna().all()
    logits = torch.from_numpy(inference.logits(network, data["dev"]))
    assert hard_bce(logits=logits, labels=torch.ones(32, 2)).item() == history["dev_loss"].min()
    assert history["dev_loss"].min() < history["dev_loss"].iloc[-1]


def test_batch_norm_learns_from_every_training_batch_and_from_no_other(data):
    network, seen = student(), []

    def watched(outputs, batch):
        assert network.training
        norm = network.block1[1]
        seen.append((norm.num_batches_tracked.item(), norm.running_mean.clone()))
        return hard(outputs, batch)

    trained(data, network=network, loss=watched, epochs=2)
    assert [number for number, _ in seen] == list(range(1, 9))  # 2 epochs of 4 batches, dev counts for nothing
    for (_, before), (_, after) in pairwise(seen):
        assert not torch.equal(before, after)
    assert not network.training


@pytest.mark.parametrize(("schedule", "way"), [("constant", 8), ("cosine", 4.5)])
def test_under_a_constant_gradient_adam_goes_as_far_as_the_learning_rates_add_up_to(data, schedule, way):
    def climb(outputs, _):
        return outputs[0].mean(), {}

    network, _ = trained(
        data, network=Constant(), loss=climb, lr=0.01, weight_decay=0.0, epochs=1, batch_size=6, schedule=schedule
    )
    # 8 steps; the sum of (1 + cos(πs/8)) / 2 over s = 0..7 is 4.5
    assert network.weight.item() == pytest.approx(-0.01 * way, rel=1e-4)


def test_a_cosine_goes_from_one_through_a_half_to_zero():
    share = descent.cosine(10)
    assert (share(0), share(5), share(10)) == pytest.approx((1, 0.5, 0))
    values = [share(step) for step in range(11)]
    assert values == sorted(values, reverse=True)


def test_an_epoch_has_every_row_as_often_as_it_is_listed_in_batches_of_almost_equal_size():
    for steps in (1, 2, 3, 4, 11):
        batches = fit.shuffled(11, steps, seed=0, epoch=2)
        assert len(batches) == steps
        assert sorted(np.concatenate(batches)) == list(range(11))
        sizes = [len(batch) for batch in batches]
        assert max(sizes) - min(sizes) <= 1


def test_the_order_of_an_epoch_depends_on_seed_and_epoch_alone():
    def order(seed, epoch):
        return np.concatenate(fit.shuffled(50, 4, seed=seed, epoch=epoch)).tolist()

    assert order(0, 1) == order(0, 1)
    assert len({tuple(order(seed, epoch)) for seed in range(5) for epoch in range(5)}) == 25


@pytest.mark.parametrize(("views", "expected"), [(3, [0, 1, 2, 0, 1]), (None, [0, 1, 2, 3, 4])])
def test_an_epoch_trains_on_the_view_that_its_loss_is_told_of(data, views, expected):
    network, told = Linear(), []

    def watched(outputs, batch):
        told.append((batch.rows, batch.view, batch.labels))
        return hard(outputs, batch)

    trained(data, network=network, loss=watched, epochs=5, views=views)
    assert [set(view) for _, view, _ in told[::4]] == [{view} for view in expected]
    for seen, (rows, view, labels) in zip(network.seen, told, strict=True):
        assert torch.equal(seen, data["train"].batch(rows, view).images)
        assert np.array_equal(labels, data["train"].split.labels[rows])


@pytest.mark.parametrize("views", [2, 4, None])
def test_a_repeated_row_is_shown_in_another_view_each_time(data, views):
    rows, told = np.array([3, 8, 3, 3, 11]), []

    def watched(outputs, batch):
        told.append((batch.rows, batch.view))
        return hard(outputs, batch)

    network = Linear()
    trained(data, network=network, loss=watched, epochs=4, batch_size=5, rows=rows, views=views)
    of_three = [sorted(view[batch == 3].tolist()) for batch, view in told]
    of_eight = [view[batch == 8].tolist() for batch, view in told]
    if views is None:
        assert of_three == [[3 * epoch, 3 * epoch + 1, 3 * epoch + 2] for epoch in range(4)]  # none twice
    else:
        assert of_three == [sorted((epoch + k) % views for k in range(3)) for epoch in range(4)]
        assert of_eight == [[epoch % views] for epoch in range(4)]  # every view has its turn
    for seen, (batch, view) in zip(network.seen, told, strict=True):
        one_by_one = [data["train"].batch(batch[n : n + 1], int(view[n])).images for n in range(5)]
        assert torch.allclose(seen, torch.cat(one_by_one), atol=1e-6)


def test_only_the_rows_of_the_epoch_are_trained_on(data):
    used = []

    def watched(outputs, batch):
        used.extend(batch.rows)
        return hard(outputs, batch)

    trained(data, loss=watched, epochs=1, batch_size=3, rows=np.array([3, 3, 3, 8, 11]))
    assert sorted(used) == [3, 3, 3, 8, 11]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_ends_the_run_in_one_line(data, value):
    def broken(outputs, batch):
        total, parts = hard(outputs, batch)
        return total + (value if batch.view[0] == 1 else 0), parts

    with pytest.raises(BadInput) as caught:
        trained(data, loss=broken)
    assert f"tiny: epoch 1, batch 0: found a loss of loss {value}, expected" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_weights_that_blow_up_in_the_last_step_end_the_run_in_one_line(data):
    with pytest.raises(BadInput) as caught:
        trained(data, epochs=1, batch_size=48, lr=1e37)
    assert "tiny: epoch 0" in str(caught.value)
    assert "\n" not in str(caught.value)


# inference and batches


def test_pixels_have_mean_zero_and_deviation_one_over_train(data):
    pixels = data["train"].batch(np.arange(len(data["train"]))).images
    assert pixels.shape == (48, 1, 16, 16)
    assert pixels.mean().item() == pytest.approx(0, abs=1e-4)
    assert pixels.std().item() == pytest.approx(1, abs=1e-3)


def test_unknown_labels_stay_unknown(data):
    train = data["train"]
    train.split.labels[7, 1] = np.nan
    labels = train.batch(np.array([7, 3])).labels
    assert labels.isnan().tolist() == [[False, True], [False, False]]


def test_every_view_of_every_image_is_visited_once_whatever_the_batches(data):
    network = student().eval()
    expected = [network(data["train"].batch(np.arange(48), view).images)[0].detach() for view in range(3)]
    for batch_size in (48, 20, 7):
        found, visits = torch.zeros(48, 3, 2), torch.zeros(48)
        for rows, logits, _ in inference.outputs(network, data["train"], views=3, batch_size=batch_size):
            found[rows] = logits
            visits[rows] += 1
        assert (visits == 1).all()
        assert torch.allclose(found, torch.stack(expected, 1), atol=1e-5)


def test_inference_leaves_the_network_as_it_was(data):
    network = student().train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    inference.logits(network, data["dev"])
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert not network.training


def test_an_empty_split_has_no_logits(pack):
    images = {split: np.ones((count, 16, 16), np.uint8) for split, count in [("train", 2), ("dev", 0), ("test", 1)]}
    path = pack(images, {split: np.ones((len(pixels), 2)) for split, pixels in images.items()})
    assert inference.logits(student(), Batches(path, "dev", device=CPU)).shape == (0, 2)


# distil


def dump_of(network, train: Batches, path, *, turn: int = 0):
    """What `network` says of every view of train; `turn` stores it under a later view, as a mistake would."""
    split = train.split
    dumps.create(
        path,
        network=path.stem,
        names=split.names,
        image_id=split.image_id,
        recipe=train.recipe,
        channels=[4, 4, 4],
        grid=2,
    )
    with Filler(path) as dump:
        for rows, *said in inference.outputs(network, train, views=3, batch_size=20):
            logits, *features = (values.roll(turn, 1).numpy() for values in (said[0], *said[1]))
            dump.put(rows, logits, features)
    return path


def distilled(data, dump, *, network=None, **changed):
    def wasserstein(**maps):
        return losses.sliced_wasserstein(**maps, directions=losses.unit_directions(8, 4))

    settings = SETTINGS | {
        "feature_distance": wasserstein,
        "temperature": 20,
        "softening": "sigmoid",
        "weights": {"hard": 0.0, "soft": 1.0, "feature": 1.0},
        "seed": 0,
    }
    return distil(network or Linear(), dump=dump, **data, **settings | changed)


def test_the_student_sees_the_very_pixels_that_its_teacher_spoke_of(data, tmp_path):
    dump = dump_of(Linear(), data["train"], tmp_path / "teacher.h5")
    history = distilled(data, dump, epochs=5, lr=1e-12)  # the student is the teacher and stays it
    assert history["soft"].max() < 1e-8
    assert history["feature"].max() < 1e-3  # the dump's half precision
    wrong = dump_of(Linear(), data["train"], tmp_path / "wrong.h5", turn=1)
    history = distilled(data, wrong, epochs=5, lr=1e-12)
    assert history["soft"].min() > 1e-4
    assert history["feature"].min() > 1e-2


def test_a_student_comes_nearer_to_a_teacher_that_knows(data, tmp_path):
    teacher, _ = trained(data, network=Linear())
    dump = dump_of(teacher, data["train"], tmp_path / "teacher.h5")
    network = Linear()
    before = dev_auroc(network, data)
    history = distilled(data, dump, network=network, epochs=6)
    assert history["soft"].iloc[-1] < 0.5 * history["soft"].iloc[0]
    assert dev_auroc(network, data) > max(0.9, before)  # without a hard label: its weight is 0


def test_from_the_empty_dump_the_student_learns_from_labels_alone(data, tmp_path):
    split = data["train"].split
    dumps.create(tmp_path / "labels.h5", names=split.names, image_id=split.image_id)
    weights = {"hard": 1.0, "soft": 1.0, "feature": 1.0}
    history = distilled(data, tmp_path / "labels.h5", weights=weights)
    assert "soft" not in history
    assert history["loss"].tolist() == history["hard"].tolist()
    _, alone = trained(data, network=Linear(), views=3)
    assert history["loss"].tolist() == alone["loss"].tolist()


def test_who_learns_alone_sees_labelled_images_only_and_who_is_taught_all_of_them(data, tmp_path):
    dump = dump_of(Linear(), data["train"], tmp_path / "teacher.h5")
    split, labelled = data["train"].split, np.arange(5)
    split.labels[5:] = np.nan
    dumps.create(tmp_path / "labels.h5", names=split.names, image_id=split.image_id)
    for path, expected in ((dump, np.arange(48)), (tmp_path / "labels.h5", labelled)):
        network = Linear()
        distilled(data, path, network=network, epochs=1, batch_size=48)
        shown = torch.cat(network.seen)
        assert len(shown) == 48  # the epoch is as long whoever teaches
        as_it_is = [(shown == image).all((1, 2, 3)).any().item() for image in data["train"].batch(np.arange(48)).images]
        assert np.flatnonzero(as_it_is).tolist() == expected.tolist()


def test_a_dump_of_views_drawn_otherwise_is_refused(data, halves, tmp_path):
    other = Batches(halves, "train", device=CPU, views=VIEWS, count=3, seed=6)
    dump = dump_of(Linear(), other, tmp_path / "teacher.h5")
    with pytest.raises(BadInput, match="of views"):
        distilled(data, dump)


def test_the_numbers_of_all_batches_take_no_more_memory_than_one_list_of_them():
    blocks = inference._blocks(range(4000), 7, None)  # of which nothing but its length is asked
    assert np.concatenate(blocks).tolist() == list(range(4000))
    assert sum((block if block.base is None else block.base).nbytes for block in blocks) == 8 * 4000
