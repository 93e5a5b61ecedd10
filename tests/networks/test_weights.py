"""A network's file: it comes back the same, and a file of something else is refused in one line."""

import json
from dataclasses import asdict, replace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from rayling.common.errors import BadInput
from rayling.networks import weights
from rayling.storage import prepared
from tests.toy import images, run

STUDENT = {"network": "student", "head": 2, "standardise": True}
TEACHER = {"network": "teacher", "backbones": ["resnet10t", "mobilenetv3_small_050"]}
PRETRAINED = {"network": "assistant", "backbones": ["resnet10t"], "pretrained": True}
FEATURES = {"levels": [2, 3, 4], "grid": 3}


@pytest.fixture
def split(halves):
    return prepared.read(halves, "train")


@pytest.fixture
def header(split):
    return weights.Header.of(split, **STUDENT)


@pytest.fixture
def path(tmp_path, header):
    """The file of a student."""
    weights.save(tmp_path / "student.safetensors", built(header), header)
    return tmp_path / "student.safetensors"


def built(header: weights.Header, seed: int = 3) -> nn.Module:
    torch.manual_seed(seed)
    return weights.build(header)


def refusal(path, *, split) -> str:
    """The one line with which a file is refused."""
    with pytest.raises(BadInput) as caught:
        weights.load(path, split=split)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("what", [STUDENT, TEACHER, PRETRAINED], ids=["student", "ensemble", "pretrained"])
def test_a_network_comes_back_from_its_file_the_same(tmp_path, split, what):
    header, path = weights.Header.of(split, **what), tmp_path / f"models/{what['network']}.safetensors"
    torch.manual_seed(3)
    network = weights.build(header, **FEATURES)
    network(images(4))  # changes the running statistics of batch norm
    weights.save(path, network, header)
    found, header_found = weights.load(path, split=split, **FEATURES)
    assert header_found == header
    assert not found.training
    (logits, levels), (expected, expected_levels) = run(found, images()), run(network.eval(), images())
    assert torch.equal(logits, expected)
    assert all(torch.equal(one, two) for one, two in zip(levels, expected_levels, strict=True))
    without, _ = weights.load(path, split=split)  # feature maps change neither weights nor logits
    assert torch.allclose(run(without, images()).logits, expected, atol=1e-5)


def test_the_header_has_what_is_needed_to_build_the_network_and_no_more(path, split):
    with safe_open(path, "pt") as file:
        found = json.loads(file.metadata()["rayling"])
    about = {"labels": ["left", "top"], "size": 16, "study": "tiny", "mean": split.mean, "std": split.std}
    assert found == STUDENT | about | {"backbones": [], "frozen": [], "pretrained": False, "exclusive": False}


def test_the_scaling_of_the_channels_is_that_of_the_file(tmp_path, split):
    header, path = weights.Header.of(split, **PRETRAINED), tmp_path / "assistant.safetensors"
    network = built(header)
    network.members[0].scale *= 2
    weights.save(path, network, header)
    assert torch.equal(weights.load(path, split=split)[0].members[0].scale, network.members[0].scale)


@pytest.mark.parametrize(
    "wrong",
    [
        {"labels": "left"},
        {"size": "large"},
        {"backbones": None},
        {"mean": "grey"},
        {"labels": ["left"]},
        {"head": 0},
        {"head": 3},
    ],
    ids=str,
)
def test_a_file_with_a_wrong_header_is_refused(path, header, split, wrong):
    tensors = load_file(path)

    def written(content):
        save_file(tensors, path, metadata={"rayling": json.dumps(content)})
        return path

    weights.load(written(asdict(header)), split=split)  # it is the header alone that is refused
    assert str(path) in refusal(written(asdict(header) | wrong), split=split)


def test_a_network_under_the_name_of_another_is_refused(path, split):
    renamed = path.rename(path.with_name("teacher.safetensors"))
    assert "found the student, expected the teacher" in refusal(renamed, split=split)


@pytest.mark.parametrize(
    "change", [{"names": ["top", "left"]}, {"names": ["left"]}, {"study": "other"}, {"mean": 0.9}, {"exclusive": True}]
)
def test_a_network_made_for_other_labels_or_pixels_is_refused(path, split, change):
    message = refusal(path, split=prepared.Split(**vars(split) | change))
    assert str(path) in message
    assert str(*change.values()) in message


def garbage(path, header):
    path.write_bytes(b"\x80\x04 not safetensors")


def truncated(path, header):
    weights.save(path, weights.build(header), header)
    path.write_bytes(path.read_bytes()[:-1000])


def without_header(path, header):
    save_file({"weight": torch.zeros(3)}, path)


def another_architecture(path, header):
    weights.save(path, nn.Linear(3, 3), header)


def more_backbones_than_tensors(path, header):
    save_file({}, path, metadata={"rayling": json.dumps(asdict(header) | {"backbones": ["resnet10t"] * 10**5})})


def missing(path, header):
    pass


DAMAGE = [garbage, truncated, without_header, another_architecture, more_backbones_than_tensors, missing]


@pytest.mark.parametrize("make", DAMAGE)
def test_a_file_that_is_no_network_is_refused_in_one_line(tmp_path, header, split, make):
    make(tmp_path / "student.safetensors", header)
    assert "student.safetensors: no network" in refusal(tmp_path / "student.safetensors", split=split)


def test_a_save_that_fails_leaves_the_old_file(path, header):
    before = path.read_bytes()
    with pytest.raises(TypeError):
        weights.save(path, built(header), replace(header, study=object()))
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.glob("*student*")] == ["student.safetensors"]


def test_the_same_network_gives_the_same_bytes(tmp_path, header):
    files = [tmp_path / "one", tmp_path / "two", tmp_path / "other"]
    for file, seed in zip(files, (3, 3, 4), strict=True):
        weights.save(file, built(header, seed), header)
    one, two, other = (file.read_bytes() for file in files)
    assert one == two != other


# the digest


def test_the_digest_depends_on_the_tensors_and_neither_on_header_nor_file(tmp_path, path, header, split):
    expected = weights.digest(weights.load(path, split=split)[0])
    other_header = replace(header, network="assistant", study="other")
    weights.save(tmp_path / "assistant.safetensors", built(header), other_header)
    other_split = prepared.Split(**vars(split) | {"study": "other"})
    loaded = weights.load(tmp_path / "assistant.safetensors", split=other_split, **FEATURES)[0]
    assert weights.digest(loaded) == expected
    assert weights.digest(built(header).train()) == expected  # whatever the mode, and without any file
    assert len(expected) == 64 and set(expected) <= set("0123456789abcdef")


def test_the_digest_changes_with_a_value_a_shape_a_type_and_a_name():
    def digest(**tensors):
        network = nn.Module()
        for name, tensor in tensors.items():
            network.register_buffer(name, tensor)
        return weights.digest(network)

    zeros = torch.zeros(4)
    others = [zeros.index_fill(0, torch.tensor([3]), 1), zeros.reshape(2, 2), zeros.double(), torch.zeros(5)]
    found = [digest(a=zeros), *(digest(a=tensor) for tensor in others), digest(b=zeros), digest(a=zeros, b=zeros)]
    assert len(set(found)) == len(found)


def test_the_digest_does_not_depend_on_the_memory_layout():
    convolution = nn.Conv2d(3, 4, 3)
    before = weights.digest(convolution)
    assert weights.digest(convolution.to(memory_format=torch.channels_last)) == before
