"""`loop.fit`: which rows are trained on, in which views, and which epoch's weights are kept."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from rayling.common.errors import BadInput
from rayling.networks.feature_maps import Outputs
from rayling.runtime import inference
from rayling.training.epochs import shuffled
from rayling.training.hard_loss import mean_loss
from tests.toy import HARD, Linear, batches, dev_auroc, trained


@pytest.fixture
def data(halves):
    return batches(halves)


class Constant(nn.Module):
    """One number for every image and label: its gradient is what the loss makes it."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, images: torch.Tensor) -> Outputs:
        return Outputs(self.weight * torch.ones(len(images), 2), [])


# what is learned


def test_the_loss_decreases_and_separable_labels_are_learned(data):
    network, history = trained(data)
    assert history["epoch"].tolist() == [0, 1, 2, 3]
    assert history["loss"].iloc[-1] < 0.5 * history["loss"].iloc[0]
    assert history["dev_auroc"].max() > 0.9
    assert history["hard"].tolist() == history["loss"].tolist()
    assert dev_auroc(network, data) == history["dev_auroc"].max()


def test_the_same_seed_gives_the_same_weights_and_another_seed_gives_others(data):
    one, two, other = (trained(data, seed=seed, epochs=2)[0].state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not torch.equal(one["linear.weight"], other["linear.weight"])


# the best epoch


def test_the_weights_are_those_of_the_best_epoch_and_not_of_the_last(data):
    def reversed_later(outputs, batch):  # without `views` the view is the epoch
        total = mean_loss("bce", logits=outputs.logits, labels=batch.labels if batch.view[0] < 2 else 1 - batch.labels)
        return total, {"hard": total}

    network, history = trained(data, loss=reversed_later, epochs=5, schedule="constant")
    assert history["dev_auroc"].iloc[-1] < 0.5 < history["dev_auroc"].max()
    best = history.sort_values(["dev_auroc", "dev_loss"], ascending=[False, True]).iloc[0]
    assert dev_auroc(network, data) == best["dev_auroc"]
    logits = torch.from_numpy(inference.logits(network, data["dev"]))
    dev_loss = mean_loss("bce", logits=logits, labels=torch.from_numpy(data["dev"].split.labels)).item()
    assert dev_loss == best["dev_loss"]


def test_where_no_auroc_on_dev_is_defined_the_loss_there_chooses_the_epoch(data):
    data["dev"].split.labels[:] = 1
    goal = [1.0, 3.0, -2.0]

    def towards(outputs, batch):
        total = (outputs.logits - goal[batch.view[0]]).square().mean()
        return total, {"square": total}

    network, history = trained(data, network=Constant(), loss=towards, epochs=3, lr=1.0, schedule="constant")
    assert history["dev_auroc"].isna().all()
    logits = torch.from_numpy(inference.logits(network, data["dev"]))
    assert mean_loss("bce", logits=logits, labels=torch.ones(32, 2)).item() == history["dev_loss"].min()
    assert history["dev_loss"].min() < history["dev_loss"].iloc[-1]


# the learning rate


@pytest.mark.parametrize(("schedule", "distance"), [("constant", 8), ("cosine", 4.5)])
def test_under_a_constant_gradient_adam_moves_by_the_sum_of_the_learning_rates(data, schedule, distance):
    def climb(outputs, _):
        return outputs.logits.mean(), {}

    settings = {"lr": 0.01, "weight_decay": 0.0, "epochs": 1, "batch_size": 6, "schedule": schedule}
    network, _ = trained(data, network=Constant(), loss=climb, **settings)
    # 8 steps; the sum of (1 + cos(πs/8)) / 2 over s = 0..7 is 4.5
    assert network.weight.item() == pytest.approx(-0.01 * distance, rel=1e-4)


# rows and views


def test_an_epoch_has_every_row_as_often_as_it_is_listed_in_batches_of_almost_equal_size():
    for steps in (1, 2, 3, 4, 11):
        order = shuffled(11, steps, seed=0, epoch=2)
        assert len(order) == steps
        assert sorted(np.concatenate(order)) == list(range(11))
        sizes = [len(batch) for batch in order]
        assert max(sizes) - min(sizes) <= 1


def test_the_order_of_an_epoch_depends_on_seed_and_epoch_alone():
    def order(seed, epoch):
        return np.concatenate(shuffled(50, 4, seed=seed, epoch=epoch)).tolist()

    assert order(0, 1) == order(0, 1)
    assert len({tuple(order(seed, epoch)) for seed in range(5) for epoch in range(5)}) == 25


@pytest.mark.parametrize(("views", "expected"), [(3, [0, 1, 2, 0, 1]), (None, [0, 1, 2, 3, 4])])
def test_the_loss_receives_the_rows_the_view_and_the_labels_of_the_images(data, views, expected):
    network, received = Linear(), []

    def watched(outputs, batch):
        received.append((batch.rows, batch.view, batch.labels))
        return HARD(outputs, batch)

    trained(data, network=network, loss=watched, epochs=5, views=views)
    assert [set(view) for _, view, _ in received[::4]] == [{view} for view in expected]
    for seen, (rows, view, labels) in zip(network.seen, received, strict=True):
        assert torch.equal(seen, data["train"].batch(rows, view).images)
        assert np.array_equal(labels, data["train"].split.labels[rows])


@pytest.mark.parametrize("views", [2, 4, None])
def test_a_repeated_row_has_another_view_each_time(data, views):
    rows, received = np.array([3, 8, 3, 3, 11]), []

    def watched(outputs, batch):
        received.append((batch.rows, batch.view))
        return HARD(outputs, batch)

    network = Linear()
    trained(data, network=network, loss=watched, epochs=4, batch_size=5, rows=rows, views=views)
    of_three = [sorted(view[batch == 3].tolist()) for batch, view in received]
    of_eight = [view[batch == 8].tolist() for batch, view in received]
    if views is None:
        assert of_three == [[3 * epoch, 3 * epoch + 1, 3 * epoch + 2] for epoch in range(4)]  # no view twice
    else:
        assert of_three == [sorted((epoch + k) % views for k in range(3)) for epoch in range(4)]
        assert of_eight == [[epoch % views] for epoch in range(4)]  # every view has its turn
    for seen, (batch, view) in zip(network.seen, received, strict=True):
        one_by_one = [data["train"].batch(batch[n : n + 1], int(view[n])).images for n in range(5)]
        assert torch.allclose(seen, torch.cat(one_by_one), atol=1e-6)


def test_an_epoch_trains_on_its_rows_alone(data):
    used = []

    def watched(outputs, batch):
        used.extend(batch.rows)
        return HARD(outputs, batch)

    trained(data, loss=watched, epochs=1, batch_size=3, rows=np.array([3, 3, 3, 8, 11]))
    assert sorted(used) == [3, 3, 3, 8, 11]


# errors


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_ends_the_training_with_one_line(data, value):
    def broken(outputs, batch):
        total, parts = HARD(outputs, batch)
        return total + (value if batch.view[0] == 1 else 0), parts

    with pytest.raises(BadInput) as caught:
        trained(data, loss=broken)
    assert f"toy: epoch 1, batch 0: found a loss of loss {value}, expected" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_weights_that_diverge_in_the_last_step_end_the_training_with_one_line(data):
    with pytest.raises(BadInput) as caught:
        trained(data, epochs=1, batch_size=48, lr=1e37)
    assert "toy: epoch 0" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_batch_of_one_image_is_refused(data):
    with pytest.raises(BadInput, match="batch_size: found 12 of 1 images for 1 processes, expected two images"):
        trained(data, rows=np.array([3]))
