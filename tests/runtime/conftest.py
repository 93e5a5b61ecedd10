"""A study that several processes can dump and train."""

import pytest
import torch

from rayling.networks import weights
from rayling.storage import dumps, prepared
from tests.runtime.processes import edit
from tests.tiny import ROOT


@pytest.fixture
def study(halves, tmp_path):
    """The folder of a prepared study, with an assistant to dump and a student to train on labels alone."""
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    edit(tmp_path, epochs=6, batch_size=12)
    (tmp_path / "data/dumps").mkdir(parents=True)
    halves.rename(tmp_path / "data/prepared.h5")
    (tmp_path / "data/pixels").mkdir()
    prepared.create_no_pixels(tmp_path / "data/pixels/assistant.h5")
    train = prepared.read(tmp_path / "data/prepared.h5", "train")
    dumps.create(tmp_path / "data/dumps/labels.h5", names=train.names, image_id=train.image_id)
    torch.manual_seed(0)
    header = weights.Header.of(train, network="assistant", head=1)
    weights.save(tmp_path / "data/models/assistant.safetensors", weights.build(header), header)
    return tmp_path
