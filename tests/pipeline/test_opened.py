"""What the stages really open while DVC runs them is what dvc.yaml says that they depend on."""

import re

import pytest

from tests.pipeline.graph import STAGES, within
from tests.pipeline.test_stages import exempt

GATES = {"data/checked"}  # waited for and never opened
MAY_BE_EMPTY = {"data/splits", "data/weights"}
# read only where a backbone is frozen, or with folds: test_pretrained.py runs both
FROZEN = {"data/backbones/teacher.json", "data/dumps/features.h5"}
MAY_BE_UNREAD = {
    "embed": {"data/backbones/teacher.json"},
    "train_folds": FROZEN | {"data/prepared.h5", "data/pixels/teacher.h5"},
    "dump@teacher": {"data/dumps/features.h5", "data/models/folds"},
    "dump@assistant": {"data/dumps/features.h5", "data/models/folds"},
}
OWN = ("data/checkpoints/", "data/.locks/", "data/.prepare.partial/")  # which end with the stage


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_reads_what_it_declares_and_no_more(opened, stage):
    deps, outs = STAGES[stage].deps, STAGES[stage].outs
    read = {file for file in opened[STAGES[stage].command, "r"] if not (within(file, outs) or file.startswith(OWN))}
    read = {file for file in read if ".partial" not in file and not file.endswith("__init__.py")}
    assert {file for file in read if not within(file, deps | exempt(stage) | {"params.yaml"})} == set()
    expected = deps - GATES - MAY_BE_EMPTY - MAY_BE_UNREAD.get(stage, set())
    assert {place for place in expected if not any(within(file, {place}) for file in read)} == set()


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_writes_its_outputs_and_nothing_else(opened, stage):
    outs = STAGES[stage].outs
    written = {file for file in opened[STAGES[stage].command, "w"] if not file.startswith(OWN)}
    there = {final(file) for file in written if not file.endswith(".py")}  # byte code
    assert {file for file in there if not within(file, outs)} == set()
    assert all(any(within(file, {out}) for file in there) for out in outs)


def final(file: str) -> str:
    """The name that a file has in the end: data/.a.partial/b is that of data/a/b."""
    name = re.sub(r"/?\.([^/]+)\.partial", r"/\1", file).removeprefix("/")
    return name if name == file else final(name)


def test_each_stage_was_heard(opened):
    assert {what for what, _ in opened} == {stage.command for stage in STAGES.values()}
