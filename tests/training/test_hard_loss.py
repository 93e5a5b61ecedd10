"""The hard loss, compared with torch's, and without the labels that are unknown."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from rayling.networks.feature_maps import Outputs
from rayling.runtime.loader import Batch
from rayling.training.hard_loss import hard_loss, loss_on_dev, mean_loss


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def test_hard_bce_is_that_of_torch_where_all_labels_are_known():
    logits, labels = torch.randn(6, 4), (torch.rand(6, 4) < 0.5).float()
    expected = F.binary_cross_entropy_with_logits(logits, labels)
    assert mean_loss("bce", logits=logits, labels=labels).item() == pytest.approx(expected.item(), rel=1e-6)


def test_an_unknown_label_changes_neither_value_nor_gradient():
    logits, labels = torch.randn(6, 4, requires_grad=True), (torch.rand(6, 4) < 0.5).float()
    unknown = torch.rand(6, 4) < 0.4
    loss = mean_loss("bce", logits=logits, labels=labels.masked_fill(unknown, math.nan))
    loss.backward()
    expected = F.binary_cross_entropy_with_logits(logits[~unknown], labels[~unknown])
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    assert (logits.grad[unknown] == 0).all()
    assert (logits.grad[~unknown] != 0).all()


def test_without_a_known_label_the_hard_loss_and_its_gradient_are_zero():
    logits = torch.randn(6, 4, requires_grad=True)
    loss = mean_loss("bce", logits=logits, labels=torch.full((6, 4), math.nan))
    loss.backward()
    assert loss.item() == 0
    assert (logits.grad == 0).all()


def test_cross_entropy_is_that_of_torch_over_the_rows_whose_class_is_known():
    logits, classes = torch.randn(6, 4, requires_grad=True), torch.tensor([0, 3, 1, 1, 2, 0])
    labels = F.one_hot(classes, 4).float()
    labels[1], labels[4] = math.nan, 0  # unknown, and none of the classes
    mean_loss("cross_entropy", logits=logits, labels=labels).backward()
    known = torch.tensor([0, 2, 3, 5])
    again = logits.detach().clone().requires_grad_()
    F.cross_entropy(again[known], classes[known]).backward()
    assert torch.allclose(logits.grad, again.grad, atol=1e-7)
    assert loss_on_dev("cross_entropy", logits=logits, labels=labels).item() == pytest.approx(
        F.cross_entropy(again[known], classes[known]).item(), rel=1e-6
    )


def test_the_hard_loss_of_a_batch_is_that_of_its_labels_and_its_only_part():
    outputs, labels = Outputs(torch.randn(6, 4), []), (torch.rand(6, 4) < 0.5).float()
    batch = Batch(np.arange(6), np.zeros(6, int), torch.zeros(6, 1, 16, 16), labels, None)
    total, parts = hard_loss("bce")(outputs, batch)
    assert parts == {"hard": total}
    assert total.item() == mean_loss("bce", logits=outputs.logits, labels=labels).item()
