"""`models`, `weights` and `cost`: the networks, their files and their price."""

import json
import re

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from distill import prepared, weights
from distill.cost import cost
from distill.errors import BadInput
from distill.models import Backbone, Ensemble, Student, try_out

LEVELS, GRID = [2, 3, 4], 3
BACKBONES = ["resnet10t", "densenet121", "mobilenetv3_small_050"]
STUDENT = {"network": "student", "backbones": [], "seed": 0}
FEATURES = {"levels": LEVELS, "grid": GRID}
TEACHER = STUDENT | {"network": "teacher", "backbones": ["resnet10t", "mobilenetv3_small_050"]}


def backbone(name: str, **rest) -> Backbone:
    torch.manual_seed(0)
    return Backbone(name, outputs=5, levels=LEVELS, grid=GRID, **rest).eval()


def images(count: int = 2, size: int = 64) -> torch.Tensor:
    """Images (B, 1, H, H) of random grey."""
    return torch.randn(count, 1, size, size, generator=torch.Generator().manual_seed(1))


def run(network: nn.Module, *arguments) -> tuple[torch.Tensor, list[torch.Tensor]]:
    with torch.inference_mode():
        return network(*arguments)


def rms(level: torch.Tensor) -> torch.Tensor:
    return level.square().mean((1, 2, 3)).sqrt()


def refusal(action, *arguments, **rest) -> str:
    """The one line that a bad input is answered with."""
    with pytest.raises(BadInput) as caught:
        action(*arguments, **rest)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", BACKBONES)
def test_logits_are_those_of_timm_with_the_same_weights(name):
    wrapped, plain = backbone(name), timm.create_model(name, num_classes=5, in_chans=1)
    plain.load_state_dict(wrapped.network.state_dict())
    logits, _ = run(wrapped, images())
    assert torch.allclose(logits, run(plain.eval(), images()), atol=1e-6)
    assert logits.std() > 1e-4  # not the same for any image


@pytest.mark.parametrize("name", BACKBONES)
def test_features_are_three_levels_on_the_grid_of_unit_energy(name):
    wrapped = backbone(name)
    _, levels = run(wrapped, images())
    channels = [wrapped.network.feature_info[level]["num_chs"] for level in LEVELS]
    assert [level.shape[2:] for level in levels] == [(GRID, GRID)] * 3
    assert [level.shape[1] for level in levels][:2] == channels[:2]  # the last may have a head's channels
    for level in levels:
        assert torch.allclose(rms(level), torch.ones(2), atol=1e-4)


def test_an_ensemble_is_the_mean_of_logits_and_all_channels_side_by_side():
    members = [backbone("resnet10t"), backbone("mobilenetv3_small_050")]
    logits, levels = run(Ensemble(members), images())
    (one, of_one), (two, of_two) = (run(member, images()) for member in members)
    assert torch.allclose(logits, (one + two) / 2)
    assert not torch.allclose(one, two)
    for level, first, second in zip(levels, of_one, of_two, strict=True):
        assert torch.equal(level, torch.cat([first, second], 1))


def test_the_student_has_the_layers_of_the_paper_and_no_other():
    layers = [layer for layer in Student(outputs=14, grid=4).modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    convolutions = [(layer.out_channels, layer.kernel_size) for layer in layers[:-1]]
    assert convolutions == [(64, (5, 5)), (64, (3, 3)), (128, (3, 3))]
    assert (layers[-1].in_features, layers[-1].out_features) == (128, 14)


def test_the_student_gives_its_three_blocks_on_the_grid():
    logits, levels = run(Student(outputs=14, grid=GRID).eval(), images())
    assert logits.shape == (2, 14)
    assert [level.shape for level in levels] == [(2, channels, GRID, GRID) for channels in (64, 64, 128)]
    for level in levels:
        assert torch.allclose(rms(level), torch.ones(2), atol=1e-4)


def test_the_student_takes_any_size_and_each_image_for_itself():
    student = Student(outputs=3, grid=GRID).eval()
    for size in (16, 50, 64):
        batch = images(4, size)
        together, _ = run(student, batch)
        alone = torch.cat([run(student, image[None])[0] for image in batch])
        assert torch.allclose(together, alone, atol=1e-5)


def test_the_price_of_the_student_is_what_the_formula_gives():
    labels = 14
    kernels = [1 * 64 * 25, 64 * 64 * 9, 64 * 128 * 9]
    norms = 2 * (64 + 64 + 128)
    found = cost(Student(outputs=labels, grid=4).eval(), 64)
    assert found["parameters"] == sum(kernels) + norms + 128 * labels + labels
    assert found["parameters"] < 120_000
    assert found["macs"] == 32**2 * kernels[0] + 16**2 * kernels[1] + 8**2 * kernels[2] + 128 * labels


def test_four_times_the_pixels_cost_four_times_the_convolutions():
    student = Student(outputs=1, grid=4).eval()
    small, large = (cost(student, size)["macs"] - 128 for size in (32, 64))
    assert large == 4 * small


def test_an_unknown_backbone_is_answered_with_the_nearest():
    said = refusal(backbone, "densenet12")
    assert "'densenet12'" in said
    assert "did you mean densenet121?" in said


def test_a_backbone_without_enough_levels_is_refused():
    said = refusal(backbone, "convnext_atto")
    assert "convnext_atto: has 4 levels" in said


def test_pretrained_weights_are_those_of_the_local_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(7)
    coloured = timm.create_model("resnet10t", num_classes=1000).state_dict()
    (tmp_path / "data/weights").mkdir(parents=True)
    save_file(coloured, tmp_path / "data/weights/resnet10t.safetensors")

    found, fresh = (backbone("resnet10t", pretrained=p).network.state_dict() for p in (True, False))
    assert torch.equal(found["layer4.0.conv1.weight"], coloured["layer4.0.conv1.weight"])
    assert not torch.equal(fresh["layer4.0.conv1.weight"], coloured["layer4.0.conv1.weight"])
    # a grey image as three equal channels: the same sums
    assert torch.allclose(found["conv1.0.weight"], coloured["conv1.0.weight"].sum(1, keepdim=True), atol=1e-6)


def test_pretrained_weights_that_do_not_fit_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "data/weights/resnet10t.safetensors"
    file.parent.mkdir(parents=True)
    save_file({"layer4.0.conv1.weight": torch.zeros(3)}, file)
    assert "data/weights/resnet10t.safetensors does not fit" in refusal(backbone, "resnet10t", pretrained=True)
    file.write_bytes(b"<html>404</html>")
    assert "data/weights/resnet10t.safetensors does not fit" in refusal(backbone, "resnet10t", pretrained=True)


def test_without_hub_and_file_the_file_to_provide_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the hub is switched off in conftest.py, so nothing waits for it
    said = refusal(backbone, "resnet10t", pretrained=True)
    assert "no pretrained weights from the hub" in said
    assert "put them at data/weights/resnet10t.safetensors" in said


@pytest.fixture
def split(halves):
    return prepared.read(halves, "train")


@pytest.mark.parametrize("what", [STUDENT, TEACHER], ids=["student", "ensemble"])
def test_a_network_comes_back_from_its_file_the_same(tmp_path, split, what):
    header, path = weights.Header.of(split, **what), tmp_path / f"models/{what['network']}.safetensors"
    torch.manual_seed(3)
    network = weights.build(header, **FEATURES)
    network(images(4))  # batch norm has something to remember
    weights.save(path, network, header)
    found, described = weights.load(path, split=split, **FEATURES)
    assert described == header
    assert not found.training
    (logits, levels), (expected, of_expected) = run(found, images()), run(network.eval(), images())
    assert torch.equal(logits, expected)
    assert all(torch.equal(one, two) for one, two in zip(levels, of_expected, strict=True))
    without, _ = weights.load(path, split=split)  # feature maps change no weight and no answer
    assert torch.allclose(run(without, images())[0], expected, atol=1e-5)


def test_the_calibration_travels_with_the_network_to_the_last_bit(tmp_path, split):
    header, path = weights.Header.of(split, **STUDENT), tmp_path / "student.safetensors"
    assert header.platt == [[1, 0], [1, 0]]  # before it is calibrated the probabilities are those of the logits
    platt = np.array([[1 / 3, -np.pi], [1e-7, 2e5]])
    weights.save(path, weights.build(header), header.calibrated(platt))
    np.testing.assert_array_equal(weights.load(path, split=split)[1].platt, platt)


@pytest.mark.parametrize(
    "wrong",
    [[[1, 0]], [[1, 0], [1]], [1, 1], [[0, 0]] * 2, [[-2, 0]] * 2, [[1, float("nan")]] * 2, [["a", 1]] * 2, None],
    ids=str,
)
def test_a_file_with_a_wrong_calibration_is_refused(tmp_path, split, wrong):
    header, path = weights.Header.of(split, **STUDENT), tmp_path / "student.safetensors"
    weights.save(path, weights.build(header), header)
    tensors = load_file(path)

    def written(platt):
        save_file(tensors, path, metadata={"rayling": json.dumps(vars(header) | {"platt": platt})})
        return path

    weights.load(written([[2, -1]] * 2), split=split)  # it is the calibration alone that is refused
    assert str(path) in refusal(weights.load, written(wrong), split=split)


def test_a_network_under_the_name_of_another_is_refused(tmp_path, split):
    path, header = tmp_path / "student.safetensors", weights.Header.of(split, **STUDENT)
    weights.save(path, weights.build(header), header)
    assert "found the student, expected the teacher" in refusal(
        weights.load, path.rename(tmp_path / "teacher.safetensors"), split=split
    )


def test_a_calibration_of_other_labels_fits_no_header(split):
    with pytest.raises(ValueError, match="a scale above 0 and a shift"):
        weights.Header.of(split, **STUDENT).calibrated(np.ones((3, 2)))


def test_the_same_network_gives_the_same_bytes(tmp_path, split):
    header, files = weights.Header.of(split, **STUDENT), [tmp_path / "one", tmp_path / "two"]
    for file in files:
        torch.manual_seed(3)
        weights.save(file, weights.build(header), header)
    assert files[0].read_bytes() == files[1].read_bytes()
    assert weights.digest(files[0]) == weights.digest(files[1])
    torch.manual_seed(4)
    weights.save(files[1], weights.build(header), header)
    assert weights.digest(files[0]) != weights.digest(files[1])


@pytest.mark.parametrize(
    "change", [{"names": ["top", "left"]}, {"names": ["left"]}, {"study": "other"}, {"mean": 0.9}, {"std": 0.9}]
)
def test_a_network_made_for_other_labels_or_pixels_is_refused(tmp_path, split, change):
    path, header = tmp_path / "student.safetensors", weights.Header.of(split, **STUDENT)
    weights.save(path, weights.build(header), header)
    other = prepared.Split(**vars(split) | change)
    said = refusal(weights.load, path, split=other)
    assert str(path) in said
    assert str(*change.values()) in said


def garbage(path, header):
    path.write_bytes(b"\x80\x04 not safetensors")


def cut(path, header):
    weights.save(path, weights.build(header), header)
    path.write_bytes(path.read_bytes()[:-1000])


def foreign(path, header):
    save_file({"weight": torch.zeros(3)}, path)


def of_another_architecture(path, header):
    weights.save(path, nn.Linear(3, 3), header)


def nothing(path, header):
    pass


@pytest.mark.parametrize("make", [garbage, cut, foreign, of_another_architecture, nothing])
def test_a_file_that_is_no_network_is_named_in_one_line(tmp_path, split, make):
    path = tmp_path / "student.safetensors"
    make(path, weights.Header.of(split, **STUDENT))
    assert str(path) in refusal(weights.load, path, split=split)


def test_a_save_that_fails_leaves_the_old_file(tmp_path, split):
    path, header = tmp_path / "student.safetensors", weights.Header.of(split, **STUDENT)
    weights.save(path, weights.build(header), header)
    before, unwritable = path.read_bytes(), weights.Header.of(split, **STUDENT | {"seed": object()})
    with pytest.raises(TypeError):
        weights.save(path, weights.build(header), unwritable)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.glob("*student*")] == ["student.safetensors"]


def test_the_digest_is_sha_256(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")  # the example of FIPS 180-4
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert weights.digest(tmp_path / "abc") == expected


@pytest.mark.parametrize(
    ("name", "size", "told"),
    [
        ("densenet12", 64, "did you mean densenet121?"),
        ("convnext_atto", 64, "has 4 levels of feature maps"),
        ("inception_v3", 64, "takes no images of 64 × 64 pixels"),
        ("vit_tiny_patch16_224", 64, "takes no images of 64 × 64 pixels"),
    ],
)
def test_a_backbone_that_can_not_serve_is_refused_before_it_is_trained(name, size, told):
    with pytest.raises(BadInput, match=re.escape(told)) as caught:
        try_out(name, levels=[2, 3, 4], grid=4, size=size)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["efficientnet_b6", "densenet121", "inception_v3", "resnet18d"])
def test_the_backbones_of_the_studies_are_not_refused(name):
    try_out(name, levels=[2, 3, 4], grid=4, size=96)
