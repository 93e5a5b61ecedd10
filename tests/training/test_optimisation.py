"""One training step: precision, batch norm, the schedule, and the check for losses that are not finite."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from rayling.common.errors import BadInput
from rayling.networks.architectures import Backbone
from rayling.runtime import hardware
from rayling.training import optimisation
from rayling.training.epochs import shuffled
from rayling.training.hard_loss import mean_loss
from rayling.training.optimisation import FiniteCheck, Optimisation
from tests.toy import CPU, HARD, batches, dev_auroc, student, trained


@pytest.fixture
def data(halves):
    return batches(halves)


# precision


def test_in_bfloat16_weights_and_losses_are_float32_and_the_result_is_similar(data):
    seen = []

    def watched(outputs, batch):
        seen.append(outputs)
        return HARD(outputs, batch)

    (_, exact), (network, rounded) = trained(data), trained(data, loss=watched, precision="bfloat16")
    assert {weight.dtype for weight in network.parameters()} == {torch.float32}
    assert {part.dtype for logits, features in seen for part in (logits, *features)} == {torch.float32}
    assert np.allclose(exact["loss"], rounded["loss"], atol=0.05)
    assert not np.allclose(exact["loss"], rounded["loss"], 1e-6)
    assert dev_auroc(network, data) > 0.9


@pytest.mark.parametrize(
    ("precision", "capabilities", "dtype"),
    [
        ("float32", {"avx512_bf16": True}, torch.float32),
        ("bfloat16", {}, torch.bfloat16),
        ("auto", {}, torch.float32),
        ("auto", {"avx512_bf16": True}, torch.bfloat16),
        ("auto", {"amx_bf16": True}, torch.bfloat16),
    ],
)
def test_auto_is_bfloat16_where_the_processor_has_instructions_for_it(monkeypatch, precision, capabilities, dtype):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert hardware.dtype(precision, CPU) == dtype


# the step


def test_batch_norm_learns_from_every_training_batch_and_from_no_other(data):
    network, seen = student(), []

    def watched(outputs, batch):
        assert network.training
        norm = network.block1[1]
        seen.append((norm.num_batches_tracked.item(), norm.running_mean.clone()))
        return HARD(outputs, batch)

    trained(data, network=network, loss=watched, epochs=2)
    assert [number for number, _ in seen] == list(range(1, 9))  # 2 epochs of 4 batches, none from dev
    for (_, before), (_, after) in pairwise(seen):
        assert not torch.equal(before, after)
    assert not network.training


def test_a_cosine_goes_from_one_through_a_half_to_zero():
    factor = optimisation.cosine(10)
    assert (factor(0), factor(5), factor(10)) == pytest.approx((1, 0.5, 0))
    values = [factor(step) for step in range(11)]
    assert values == sorted(values, reverse=True)


# losses that are not finite


def test_a_loss_that_is_not_finite_stops_at_its_step_and_names_the_images(data):
    bad = data["train"].split.image_id[7]

    def loss(outputs, batch):
        hard = mean_loss("bce", logits=outputs.logits, labels=batch.labels)
        soft = torch.tensor(float("inf") if 7 in batch.rows else 1.0)
        return hard + soft, {"hard": hard, "soft": soft}

    with pytest.raises(BadInput) as caught:
        trained(data, loss=loss, views=1)
    step = next(n for n, rows in enumerate(shuffled(48, 4, seed=0, epoch=0)) if 7 in rows)
    message = str(caught.value)
    assert f"toy: epoch 0, batch {step}: found a loss of loss inf, soft inf, expected" in message
    named = message.partition("images: ")[2].split(", ")
    assert bad in named and len(named) == 12 and "\n" not in message


def test_a_batch_of_long_names_is_listed_to_its_last_image():
    names = np.array([f"CheXpert-v1.0-small/train/patient{n:05}/study1/view1_frontal.jpg" for n in range(64)])
    finite = FiniteCheck(names, title="toy", device=CPU)
    with pytest.raises(BadInput) as caught:
        finite.add(epoch=0, batch=0, rows=np.arange(64), parts={"loss": torch.tensor(float("nan"))})
    assert all(name in str(caught.value) for name in names)


def test_on_a_gpu_the_check_comes_some_steps_later_and_still_finds_the_step():
    finite = FiniteCheck(np.array(["a", "b"]), title="toy", device=torch.device("cuda"))
    for batch in range(16):
        value = float("inf") if batch == 3 else 1.0
        finite.add(epoch=2, batch=batch, rows=np.array([batch % 2]), parts={"loss": torch.tensor(value)})
    with pytest.raises(BadInput, match=r"epoch 2, batch 3: found a loss of loss inf, .* images: b$"):
        finite.check()


# fine-tuning


def stepped(data, *, steps: int, **settings):
    """A backbone before and after some steps, by the names of its tensors, and the optimisation."""
    torch.manual_seed(0)
    network = Backbone("resnet10t", outputs=2)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    fixed = {"lr": 1e-3, "weight_decay": 0.0, "schedule": "constant"}
    stepping = Optimisation(network, HARD, device=CPU, steps=10, **fixed | settings)
    stepping.train_mode()
    for step in range(steps):
        stepping.step(data["train"].batch(np.arange(12) + step))
    return before, network.state_dict(), stepping


def moved(before, after, *, last: bool) -> float:
    """The largest change of a weight of the last layer, or of all others but the statistics of batch norm."""
    names = [name for name in before if name.startswith("network.fc") == last and before[name].is_floating_point()]
    return max((after[name] - before[name]).abs().max().item() for name in names if "running" not in name)


def test_the_backbone_moves_by_its_share_of_the_learning_rate(data):
    before, after, _ = stepped(data, steps=1, backbone_lr=0.1)
    # the first step of Adam moves every weight that has a gradient by the learning rate
    assert moved(before, after, last=True) == pytest.approx(1e-3, rel=1e-2)
    assert moved(before, after, last=False) == pytest.approx(1e-4, rel=1e-2)


def test_the_learning_rate_rises_over_the_share_of_the_steps_and_then_follows_its_schedule(data):
    _, _, stepping = stepped(data, steps=0, warmup=0.4, schedule="cosine")
    rates = []
    for _step in range(10):
        rates.append(stepping.optimizer.param_groups[0]["lr"] / 1e-3)
        stepping.optimizer.step()
        stepping.scheduler.step()
    cosine = [(1 + np.cos(np.pi * step / 10)) / 2 for step in range(10)]
    expected = [cosine[step] * min(1, (step + 1) / 4) for step in range(10)]
    assert rates == pytest.approx(expected)


@pytest.mark.parametrize("frozen", [True, False])
def test_a_frozen_batch_norm_keeps_its_statistics_and_learns_its_weights(data, frozen):
    before, after, _ = stepped(data, steps=2, frozen_batch_norm=frozen)
    statistics = [name for name in before if "running" in name]
    assert all(torch.equal(before[name], after[name]) == frozen for name in statistics)
    assert not torch.equal(before["network.bn1.weight"], after["network.bn1.weight"])
