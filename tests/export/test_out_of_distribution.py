"""The out-of-distribution check against SciPy, and on images that are no X-rays."""

import numpy as np
import pytest
import torch
from scipy.spatial.distance import mahalanobis
from sklearn.covariance import LedoitWolf

from rayling.export import out_of_distribution
from rayling.export.out_of_distribution import OutOfDistribution
from rayling.images import reading
from tests.export.small_networks import SIZE
from tests.tiny import ROOT


def share_rejected(check, images):
    return float((check(torch.from_numpy(images).float()) > 1).float().mean())


@pytest.mark.parametrize("size", [32, 50, 64, 224])
def test_the_cells_are_means_of_equal_parts(size):
    cells = out_of_distribution.pooling_matrix(size)
    np.testing.assert_allclose(cells.sum(1), 1)
    np.testing.assert_allclose(cells.sum(0), 8 / size)  # all pixels have the same weight
    line = np.random.default_rng(size).random(size)
    fine = np.repeat(line, 8).reshape(8, size).mean(1)  # each pixel cut in eight
    np.testing.assert_allclose(cells @ line, fine)


def test_the_distance_is_that_of_scipy_and_one_in_a_hundred_of_dev_is_rejected(images):
    pixels = images[0]
    check = OutOfDistribution(SIZE).fit(pixels[:200], pixels[200:])
    features = check.features(torch.from_numpy(pixels).float()).double().numpy()
    gaussian = LedoitWolf().fit(features[:200])
    expected = [mahalanobis(one, gaussian.location_, gaussian.precision_) ** 2 for one in features[200:]]
    found = check(torch.from_numpy(pixels[200:]).float()).numpy()
    np.testing.assert_allclose(found, np.array(expected) / np.quantile(expected, 0.99), rtol=1e-3)
    assert (found > 1).sum() == 1


def test_images_that_are_no_xrays_are_rejected(images):
    check = OutOfDistribution(SIZE).fit(images[0][:200], images[0][200:])
    for kind, pixels in out_of_distribution.non_xrays(SIZE, 0).items():
        assert share_rejected(check, pixels) > 0.98, kind


def test_of_a_large_set_evenly_spread_images_are_used(monkeypatch):
    monkeypatch.setattr(out_of_distribution, "MAX_IMAGES", 7)
    used = np.concatenate(list(out_of_distribution._blocks(np.arange(100))))
    assert len(used) <= 7 and used[0] == 0 and used[-1] > 80 and len(set(np.diff(used))) == 1


def test_a_real_xray_is_accepted_and_noise_is_rejected(real_xrays):
    check = OutOfDistribution(64).fit(real_xrays[:400], real_xrays[400:600])
    rejected = {kind: share_rejected(check, pixels) for kind, pixels in out_of_distribution.non_xrays(64, 0).items()}
    assert share_rejected(check, real_xrays[600:]) < 0.06
    assert min(rejected.values()) > 0.95, rejected


@pytest.fixture
def real_xrays():
    folder = ROOT.parent / "shared/data/nih/images"
    if not folder.is_dir():
        pytest.skip("needs ../shared/data")
    paths = sorted(folder.iterdir())[:1000]
    paths = [paths[n] for n in np.random.default_rng(0).permutation(len(paths))[:800]]
    return np.stack([reading.square(reading.grey(path), size=64, keep_aspect=False) for path in paths])
