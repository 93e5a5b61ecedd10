"""`inference` and `Batches`: pixels, labels and outputs of every view of every image."""

import numpy as np
import pytest
import torch

from rayling.runtime import inference
from rayling.runtime.loader import Batches
from tests.toy import CPU, batches, student


@pytest.fixture
def data(halves):
    return batches(halves)


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


def test_each_view_of_an_image_comes_with_the_teacher_outputs_for_that_view(data):
    assert data["train"].batch(np.array([7, 3])).teacher is None
    logits = np.random.default_rng(0).normal(size=(48, 3, 2)).astype(np.float32)
    level = np.random.default_rng(1).normal(size=(48, 3, 4, 2, 2)).astype(np.float16)
    batch = data["train"].with_teacher([logits, level]).batch(np.array([7, 3, 7]), np.array([0, 2, 1]))
    assert np.array_equal(batch.teacher.logits, logits[[7, 3, 7], [0, 2, 1]])
    [features] = batch.teacher.features
    assert features.dtype == torch.float32
    assert np.array_equal(features, level[[7, 3, 7], [0, 2, 1]])
    assert data["train"].batch(np.array([7, 3])).teacher is None  # the original is unchanged


def test_every_view_of_every_image_is_computed_once_whatever_the_batch_size(data):
    network = student().eval()
    expected = [network(data["train"].batch(np.arange(48), view).images).logits.detach() for view in range(3)]
    for batch_size in (48, 20, 7):
        found, visits = torch.zeros(48, 3, 2), torch.zeros(48)
        for rows, logits, _ in inference.outputs(network, data["train"], views=3, batch_size=batch_size):
            found[rows] = logits
            visits[rows] += 1
        assert (visits == 1).all()
        assert torch.allclose(found, torch.stack(expected, 1), atol=1e-5)


def test_batches_that_are_done_are_skipped(data):
    done = np.zeros(48, bool)
    done[:10] = True  # the second batch of 7 is done in part
    batches_left = inference.outputs(student(), data["train"], batch_size=7, done=done)
    assert [rows.tolist() for rows, *_ in batches_left][:2] == [list(range(7, 14)), list(range(14, 21))]


def test_only_images_among_those_named_are_computed(data):
    among = np.arange(48) % 3 == 1
    found = list(inference.outputs(student(), data["train"], batch_size=7, among=among))
    assert np.concatenate([rows for rows, *_ in found]).tolist() == list(range(1, 48, 3))
    everything = inference.logits(student(), data["train"])
    assert np.allclose(np.concatenate([logits[:, 0] for _, logits, _ in found]), everything[among], atol=1e-5)


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


def test_the_row_numbers_of_all_batches_take_no_more_memory_than_one_list_of_them():
    blocks = inference._blocks(range(4000), 7, None, None)  # only its length is used
    assert np.concatenate(blocks).tolist() == list(range(4000))
    assert sum({id(block.base): block.base.nbytes for block in blocks}.values()) == 8 * 4000
