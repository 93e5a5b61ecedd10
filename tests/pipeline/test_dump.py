"""The stage `dump`: its file is whole or absent, no batch is computed twice, and two settings never mix."""

import shutil
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from rayling.common.errors import BadInput
from rayling.networks import weights
from rayling.runtime import inference
from rayling.storage import dumps, prepared
from stages import dump

ROOT = Path(__file__).parents[2]
BATCH, VIEWS, IMAGES = 7, 3, 48
DUMP = Path("data/dumps/assistant.h5")
CHECKPOINTS = Path("data/checkpoints")


@pytest.fixture
def study(halves, tmp_path, monkeypatch):
    """The folder of a study with an assistant to dump."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(inference.PIXELS, "cpu", BATCH * 16 * 16)
    monkeypatch.setattr(dumps, "SYNC_BYTES", 0)  # what is written is marked as done at once
    content = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    content["studies"]["phantom"] |= {"cached_views": VIEWS, "features": {"levels": [1, 2, 3], "grid": 2}}
    Path("params.yaml").write_text(yaml.safe_dump(content))
    Path("data").mkdir()
    halves.rename("data/prepared.h5")
    Path("data/pixels").mkdir()
    for network in ("teacher", "assistant"):
        prepared.create_no_pixels(f"data/pixels/{network}.h5")
    torch.manual_seed(0)
    header = weights.Header.of(prepared.read("data/prepared.h5", "train"), network="assistant", head=1)
    weights.save("data/models/assistant.safetensors", weights.build(header), header)
    return tmp_path


def watch(monkeypatch, *, stop: int | None = None) -> list[int]:
    """The sizes of the batches that the network receives from now on. At batch `stop` comes a Ctrl-C."""
    sizes, load = [], weights.load

    def watched(*arguments, **features):
        network, header = load(*arguments, **features)

        def note(_, images):
            if len(sizes) == stop:
                raise KeyboardInterrupt
            sizes.append(len(images[0]))

        network.register_forward_pre_hook(note)
        return network, header

    monkeypatch.setattr(weights, "load", watched)
    return sizes


def interrupt(monkeypatch, *, stop: int) -> Path:
    """Dump until batch `stop` and return the unfinished file. The first batch is one image, to see the shapes."""
    with monkeypatch.context() as patched:
        watch(patched, stop=stop)
        with pytest.raises(KeyboardInterrupt):
            dump.main("assistant")
    [unfinished] = CHECKPOINTS.glob("*/dump-assistant.h5")
    return unfinished


def fill_disk(monkeypatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9 - 1000, 1000))


def dumped() -> bytes:
    dump.main("assistant")
    return DUMP.read_bytes()


def test_a_dump_holds_the_outputs_of_the_network(study):
    dumped()
    train = prepared.read("data/prepared.h5", "train")
    network, header = weights.load("data/models/assistant.safetensors", split=train, levels=[1, 2, 3], grid=2)
    images = (torch.tensor(train.images[:])[:, None].float() / 255 - train.mean) / train.std
    with torch.inference_mode():
        logits, features = network(images)
    found = dumps.Dump(DUMP)
    assert (found.network, found.names, found.weights) == ("assistant", header.labels, weights.digest(network))
    assert np.allclose(found.logits[:, 0], logits, atol=1e-5)
    for level, maps in zip(found.levels, features, strict=True):
        assert np.allclose(level[:, 0], maps, atol=2e-2)


def test_an_interrupted_dump_continues_and_has_the_bytes_of_one_that_was_not_interrupted(study, monkeypatch, capsys):
    whole = dumped()
    assert f"dump of the assistant: will take {len(whole) / 1e6:.1f} MB" in capsys.readouterr().out
    DUMP.unlink()
    unfinished = interrupt(monkeypatch, stop=1 + 4 * VIEWS + 1)
    assert not DUMP.exists()
    done = int(dumps.Dump(unfinished).done.sum())
    assert 0 < done <= 4 * BATCH and done % BATCH == 0
    capsys.readouterr()
    sizes, threads = watch(monkeypatch), torch.get_num_threads()
    torch.set_num_threads(threads + 1)  # as when it continues with another number of processes
    assert dumped() == whole
    torch.set_num_threads(threads)
    assert f"continues at image {done} of {IMAGES}" in capsys.readouterr().out
    assert sum(sizes[1:]) == (IMAGES - done) * VIEWS  # no batch twice
    assert not list(CHECKPOINTS.iterdir())


@pytest.mark.parametrize("changed", ["views", "weights", "code"])
def test_a_dump_with_other_views_weights_or_code_starts_again(study, monkeypatch, capsys, changed):
    interrupt(monkeypatch, stop=1 + 2 * VIEWS)
    if changed == "views":
        text = Path("params.yaml").read_text()
        assert "rotate: 7.0" in text
        Path("params.yaml").write_text(text.replace("rotate: 7.0", "rotate: 8.0"))
    elif changed == "weights":
        train = prepared.read("data/prepared.h5", "train")
        network, header = weights.load("data/models/assistant.safetensors", split=train)
        torch.nn.init.ones_(network.linear.bias)
        weights.save("data/models/assistant.safetensors", network, header)
    else:
        read = Path.read_bytes
        edited = ROOT / "rayling/networks/architectures.py"
        assert edited.exists()
        monkeypatch.setattr(Path, "read_bytes", lambda path: read(path) + (b"#" if path == edited else b""))
    sizes = watch(monkeypatch)
    capsys.readouterr()
    dump.main("assistant")
    assert "dump-assistant.h5: deleted, it was made with other settings" in capsys.readouterr().out
    assert sum(sizes[1:]) == IMAGES * VIEWS
    assert not list(CHECKPOINTS.iterdir())


def test_a_dump_does_not_depend_on_the_header_and_the_file_of_the_weights(study, monkeypatch):
    whole = dumped()
    train, path = prepared.read("data/prepared.h5", "train"), Path("data/models/assistant.safetensors")
    network, header = weights.load(path, split=train)
    before = path.read_bytes()
    monkeypatch.setattr(weights, "asdict", lambda header: vars(header) | {"comment": "another header"})
    weights.save(path, network, header)
    assert path.read_bytes() != before
    DUMP.unlink()
    assert dumped() == whole


def test_a_dump_that_the_disk_cannot_hold_is_refused_before_the_first_image(study, monkeypatch):
    fill_disk(monkeypatch)
    with pytest.raises(BadInput, match=r"dump of the assistant: found 0\.0 MB free on the disk, expected \d\.\d MB"):
        dump.main("assistant")
    assert not [path for path in CHECKPOINTS.rglob("*") if path.is_file()]
    assert not DUMP.exists()


def test_an_interrupted_dump_needs_room_for_what_is_missing(study, monkeypatch):
    unfinished = interrupt(monkeypatch, stop=1 + 2 * VIEWS)
    with monkeypatch.context() as patched:
        fill_disk(patched)
        with pytest.raises(BadInput, match=r"found 0\.0 MB free"):
            dump.main("assistant")
    assert dumps.Dump(unfinished).done.any()


def test_an_unrelated_file_beside_the_unfinished_dump_does_not_stop_its_publication(study, monkeypatch):
    unfinished = interrupt(monkeypatch, stop=1 + 2 * VIEWS)
    (unfinished.parent / ".DS_Store").touch()
    dump.main("assistant")
    assert dumps.Dump(DUMP).done.all()
