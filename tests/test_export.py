"""`portable`, `familiar`, `quantised`: an exported network says what the network says, and says what it is."""

import json

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from scipy.spatial.distance import mahalanobis
from sklearn.covariance import LedoitWolf

from distill import auroc, calibration, familiar, images, portable, quantised, strangers, weights
from distill.errors import BadInput
from distill.familiar import Familiar
from distill.notice import NOTICE
from distill.onnx_model import OnnxModel
from tests.tiny import ROOT

SIZE = 32
PLATT = [[1.5, -0.3], [0.7, 0.2]]
ENSEMBLE = ["resnet10t", "mobilenetv3_small_050"]


@pytest.fixture(scope="module")
def films():
    """Films (300, 32, 32) that have something in common, and two labels: is the left half bright, is the top."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, (300, 2)).astype(np.float32)
    shape = 90 + 50 * np.sin(np.linspace(0, 3, SIZE))[:, None] * np.ones(SIZE)
    pixels = shape + rng.normal(0, 8, (300, SIZE, SIZE)) + rng.normal(0, 5, (300, 1, 1))
    pixels[:, :, :16] += 40 * labels[:, 0, None, None]
    pixels[:, :16] += 40 * labels[:, 1, None, None]
    return pixels.clip(0, 255).astype(np.uint8), labels


@pytest.fixture(scope="module", params=[[], ENSEMBLE], ids=["student", "ensemble"])
def made(request, films, tmp_path_factory):
    """A network that was trained a little, its header, the check of familiarity, and the file of all that."""
    pixels, labels = films
    about = {
        "labels": ["left", "top"],
        "size": SIZE,
        "mean": 0.5,
        "std": 0.2,
        "study": "tiny",
        "seed": 0,
        "platt": PLATT,
    }
    header = weights.Header(network="student", backbones=request.param, **about)
    torch.manual_seed(0)
    network = weights.build(header)
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    for _ in range(30):
        said = network(normalised(pixels[:64]))[0]
        loss = torch.nn.functional.binary_cross_entropy_with_logits(said, torch.from_numpy(labels[:64]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    check = Familiar(SIZE).fit(pixels[:200], pixels[200:])
    path = tmp_path_factory.mktemp("export") / "student.onnx"
    facts = {**vars(header), "keep_aspect": False, "threshold": {"left": 0.4, "top": 0.6}, "notice": NOTICE}
    model = portable.exported(portable.Portable(network.eval(), header, check), size=SIZE)
    portable.save(path, model, facts)
    return network, header, check, path


def normalised(pixels):
    return ((torch.from_numpy(pixels).float() / 255 - 0.5) / 0.2)[:, None]


@pytest.mark.parametrize("count", [1, 3, 100])
def test_the_file_says_what_the_network_says_of_any_number_of_images(made, films, count):
    network, _, check, path = made
    pixels = films[0][:count]
    probabilities, unfamiliar = OnnxModel(path).run(pixels)
    with torch.inference_mode():
        expected = calibration.apply(network(normalised(pixels))[0].numpy(), PLATT)
        distance = check(torch.from_numpy(pixels).float())
    assert np.abs(probabilities - expected).max() < 1e-5
    np.testing.assert_allclose(unfamiliar, distance, rtol=1e-4)
    assert probabilities.shape == (count, 2) and unfamiliar.shape == (count,)


def test_the_file_says_what_it_is(made):
    path, model = made[3], OnnxModel(made[3])
    assert model.labels == ["left", "top"] and model.size == SIZE and model.thresholds.tolist() == [0.4, 0.6]
    assert (
        model.facts["platt"] == PLATT and model.facts["study"] == "tiny" and "Not for clinical" in model.facts["notice"]
    )
    stored = onnx.load(path)
    assert [entry.version for entry in stored.opset_import if not entry.domain] == [portable.OPSET]
    assert {entry.key: json.loads(entry.value) for entry in stored.metadata_props} == model.facts


def test_the_same_network_is_the_same_file(made, tmp_path):
    network, header, check, path = made
    again = portable.exported(portable.Portable(network, header, check), size=SIZE)
    portable.save(tmp_path / "again.onnx", again, OnnxModel(path).facts)
    assert (tmp_path / "again.onnx").read_bytes() == path.read_bytes()


def test_in_8_bits_it_is_smaller_and_ranks_nearly_the_same(made, films, tmp_path, request):
    pixels, labels = films
    full, small = made[3], tmp_path / "small.onnx"
    portable.save(small, quantised.quantised(full, pixels[:100]), OnnxModel(full).facts)
    assert small.stat().st_size < 0.45 * full.stat().st_size
    exact, rough = (OnnxModel(path).run(pixels)[0] for path in (full, small))
    assert 0 < np.abs(exact - rough).max() < 0.25
    assert abs(auroc.macro(labels, exact) - auroc.macro(labels, rough)) < 0.02
    kinds = {node.op_type for node in onnx.load(small).graph.node}
    assert ("SpaceToDepth" in kinds) == (request.node.callspec.id == "student")
    weights_in = {tensor.data_type for tensor in onnx.load(small).graph.initializer if len(tensor.dims) == 4}
    assert weights_in == {onnx.TensorProto.INT8}


@pytest.mark.parametrize("size", [32, 33, 50])
@pytest.mark.parametrize("backbones", [[], ENSEMBLE], ids=["student", "ensemble"])
def test_in_cells_of_four_pixels_the_network_is_the_same(tmp_path, backbones, size):
    torch.manual_seed(1)
    header = weights.Header("student", backbones, ["a", "b"], size, 0.5, 0.2, study="tiny", seed=0, platt=PLATT)
    full = portable.exported(portable.Portable(weights.build(header).eval(), header, Familiar(size)), size=size)
    pixels = {"pixels": np.random.default_rng(0).integers(0, 256, (5, size, size), np.uint8)}
    expected = onnxruntime.InferenceSession(full.SerializeToString()).run(None, pixels)
    cells = quantised.in_cells(full)
    assert ("SpaceToDepth" in [node.op_type for node in cells.graph.node]) == (not backbones and size % 2 == 0)
    onnx.checker.check_model(cells, full_check=True)
    found = onnxruntime.InferenceSession(cells.SerializeToString()).run(None, pixels)
    for each, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(each, other, rtol=1e-5)


@pytest.mark.parametrize("key", ["labels", "size", "keep_aspect", "mean", "threshold", "notice"])
def test_a_file_that_does_not_say_what_it_is_is_refused(made, tmp_path, key):
    facts = OnnxModel(made[3]).facts
    for changed in ({name: fact for name, fact in facts.items() if name != key}, facts | {key: None}):
        portable.save(tmp_path / "less.onnx", onnx.load(made[3]), changed)
        with pytest.raises(BadInput, match=key):
            OnnxModel(tmp_path / "less.onnx")


@pytest.mark.parametrize("content", [b"", b"no model", b"\x08\x08"])
def test_what_is_no_model_is_told_in_one_line(tmp_path, content):
    (tmp_path / "model.onnx").write_bytes(content)
    for name in ("model.onnx", "absent.onnx", "."):
        with pytest.raises(BadInput, match="no exported network") as caught:
            OnnxModel(tmp_path / name)
        assert "\n" not in str(caught.value)


# familiarity


@pytest.mark.parametrize("size", [32, 50, 64, 224])
def test_the_cells_are_means_of_equal_parts(size):
    cells = familiar.cells_of(size)
    np.testing.assert_allclose(cells.sum(1), 1)
    np.testing.assert_allclose(cells.sum(0), 8 / size)  # each pixel counts as much as any
    line = np.random.default_rng(size).random(size)
    fine = np.repeat(line, 8).reshape(8, size).mean(1)  # each pixel cut in eight
    np.testing.assert_allclose(cells @ line, fine)


def test_the_distance_is_that_of_scipy_and_one_in_a_hundred_of_dev_is_beyond(films):
    pixels = films[0]
    check = Familiar(SIZE).fit(pixels[:200], pixels[200:])
    features = check.features(torch.from_numpy(pixels).float()).double().numpy()
    gaussian = LedoitWolf().fit(features[:200])
    expected = [mahalanobis(one, gaussian.location_, gaussian.precision_) ** 2 for one in features[200:]]
    found = check(torch.from_numpy(pixels[200:]).float()).numpy()
    np.testing.assert_allclose(found, np.array(expected) / np.quantile(expected, 0.99), rtol=1e-3)
    assert (found > 1).sum() == 1


def test_what_is_no_film_is_unfamiliar(films):
    check = Familiar(SIZE).fit(films[0][:200], films[0][200:])
    for kind, pictures in strangers.pictures(SIZE, 0).items():
        assert (check(torch.from_numpy(pictures).float()) > 1).float().mean() > 0.98, kind


def test_of_a_large_set_images_from_all_over_are_looked_at(monkeypatch, films):
    monkeypatch.setattr(familiar, "MOST", 7)
    looked = np.concatenate(list(familiar._spread(np.arange(100))))
    assert len(looked) <= 7 and looked[0] == 0 and looked[-1] > 80 and len(set(np.diff(looked))) == 1


def test_a_real_film_is_familiar_among_its_like_and_noise_is_not(real_films):
    pixels = real_films
    check = Familiar(64).fit(pixels[:400], pixels[400:600])
    rate = {
        kind: float((check(torch.from_numpy(x).float()) > 1).float().mean())
        for kind, x in {"films": pixels[600:], **strangers.pictures(64, 0)}.items()
    }
    assert rate.pop("films") < 0.06
    assert min(rate.values()) > 0.95, rate


@pytest.fixture
def real_films():
    folder = ROOT.parent / "shared/data/nih/images"
    if not folder.is_dir():
        pytest.skip("needs ../shared/data")
    films = sorted(folder.iterdir())[:1000]
    films = [films[n] for n in np.random.default_rng(0).permutation(len(films))[:800]]
    return np.stack([images.square(images.grey(path), size=64, keep_aspect=False) for path in films])
