"""The stage `dump`: whole or absent, never twice the same work, never a mixture of two settings."""

import shutil
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from distill import dumps, filler, inference, prepared, weights
from distill.errors import BadInput
from stages import dump

ROOT = Path(__file__).parents[1]
BATCHES, VIEWS = 7, 3  # 48 images, 7 at a time


@pytest.fixture
def study(halves, tmp_path, monkeypatch):
    """The folder of a study with an assistant to dump; `study.forwards` counts the batches that it is shown."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(inference.PIXELS, "cpu", 7 * 16 * 16)
    monkeypatch.setattr(filler, "SETTLE_BYTES", 0)  # what is written is done at once
    content = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    content["studies"]["phantom"] |= {"cached_views": VIEWS, "features": {"levels": [1, 2, 3], "grid": 2}}
    Path("params.yaml").write_text(yaml.safe_dump(content))
    Path("data").mkdir()
    halves.rename("data/prepared.h5")
    torch.manual_seed(0)
    header = weights.Header.of(prepared.read("data/prepared.h5", "train"), network="assistant", backbones=[], seed=0)
    weights.save("data/models/assistant.safetensors", weights.build(header), header)
    return tmp_path


def shown(monkeypatch, *, stop: int | None = None) -> list[int]:
    """The sizes of the batches that the network is shown from now on; Ctrl-C comes at number `stop`."""
    sizes, load = [], weights.load

    def watched(*arguments, **features):
        network, header = load(*arguments, **features)

        def watch(_, images):
            if len(sizes) == stop:
                raise KeyboardInterrupt
            sizes.append(len(images[0]))

        network.register_forward_pre_hook(watch)
        return network, header

    monkeypatch.setattr(weights, "load", watched)
    return sizes


def dumped() -> bytes:
    dump.main("assistant")
    return Path("data/dumps/assistant.h5").read_bytes()


def test_a_dump_that_was_stopped_goes_on_and_has_the_bytes_of_one_that_was_not(study, monkeypatch, capsys):
    whole = dumped()
    assert f"dump of the assistant: will take {len(whole) / 1e6:.1f} MB" in capsys.readouterr().out
    Path("data/dumps/assistant.h5").unlink()
    with monkeypatch.context() as patched:
        shown(patched, stop=1 + 4 * VIEWS + 1)  # the first is to see the shapes
        with pytest.raises(KeyboardInterrupt):
            dump.main("assistant")
    assert not Path("data/dumps/assistant.h5").exists()
    [unfinished] = Path("data/checkpoints").glob("*/dump-assistant.h5")
    done = int(dumps.Dump(unfinished).done.sum())
    assert 0 < done <= 4 * 7 and done % 7 == 0
    capsys.readouterr()
    sizes = shown(monkeypatch)
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)  # as where other processes go on
    assert dumped() == whole
    torch.set_num_threads(threads)
    assert f"goes on at image {done} of 48" in capsys.readouterr().out
    assert sum(sizes[1:]) == (48 - done) * VIEWS  # no batch twice
    assert not list(Path("data/checkpoints").iterdir())


@pytest.mark.parametrize("what", ["views", "weights", "code"])
def test_what_was_begun_otherwise_is_not_taken_up(study, monkeypatch, what):
    with monkeypatch.context() as patched:
        shown(patched, stop=1 + 2 * VIEWS)
        with pytest.raises(KeyboardInterrupt):
            dump.main("assistant")
    if what == "views":
        text = Path("params.yaml").read_text()
        Path("params.yaml").write_text(text.replace("rotate: 7.0", "rotate: 8.0"))
    elif what == "weights":
        network, header = weights.load(
            "data/models/assistant.safetensors", split=prepared.read("data/prepared.h5", "train")
        )
        torch.nn.init.ones_(network.linear.bias)
        weights.save("data/models/assistant.safetensors", network, header)
    else:
        read = Path.read_bytes
        monkeypatch.setattr(Path, "read_bytes", lambda path: read(path) + (b"#" if path.name == "models.py" else b""))
    sizes = shown(monkeypatch)
    dump.main("assistant")
    assert sum(sizes[1:]) == 48 * VIEWS
    assert not list(Path("data/checkpoints").iterdir())  # nor does it lie about


def test_a_dump_that_the_disk_cannot_hold_is_refused_before_the_first_image(study, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9 - 1000, 1000))
    with pytest.raises(BadInput, match=r"dump of the assistant: found 0\.0 MB free on the disk, expected \d\.\d MB"):
        dump.main("assistant")
    assert not [path for path in Path("data/checkpoints").rglob("*") if path.is_file()]
    assert not Path("data/dumps/assistant.h5").exists()


def test_what_the_dump_says_is_what_the_network_says(study):
    dumped()
    train = prepared.read("data/prepared.h5", "train")
    network, _ = weights.load("data/models/assistant.safetensors", split=train, levels=[1, 2, 3], grid=2)
    images = (torch.tensor(train.images[:])[:, None].float() / 255 - train.mean) / train.std
    with torch.inference_mode():
        logits, features = network(images)
    said = dumps.Dump("data/dumps/assistant.h5")
    assert np.allclose(said.logits[:, 0], logits, atol=1e-5)
    for level, maps in zip(said.levels, features, strict=True):
        assert np.allclose(level[:, 0], maps, atol=2e-2)


def test_a_dump_that_goes_on_needs_room_for_what_is_missing(study, monkeypatch):
    with monkeypatch.context() as patched:
        shown(patched, stop=1 + 2 * VIEWS)
        with pytest.raises(KeyboardInterrupt):
            dump.main("assistant")
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9 - 1000, 1000))
    with pytest.raises(BadInput, match=r"found 0\.0 MB free"):
        dump.main("assistant")
    monkeypatch.undo()
    monkeypatch.chdir(study)
    [unfinished] = Path("data/checkpoints").glob("*/dump-assistant.h5")
    assert dumps.Dump(unfinished).done.any()


def test_what_finds_a_stranger_beside_it_is_published_all_the_same(study, monkeypatch):
    with monkeypatch.context() as patched:
        shown(patched, stop=1 + 2 * VIEWS)
        with pytest.raises(KeyboardInterrupt):
            dump.main("assistant")
    [unfinished] = Path("data/checkpoints").glob("*/dump-assistant.h5")
    (unfinished.parent / ".DS_Store").touch()
    dump.main("assistant")
    assert dumps.Dump("data/dumps/assistant.h5").done.all()
