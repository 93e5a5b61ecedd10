"""What the stages really open while DVC runs them is what dvc.yaml says that they depend on."""

import re

import pytest

from tests.pipeline.graph import STAGES, within
from tests.pipeline.test_stages import exempt

GATES = {"data/checked"}  # waited for and never opened
MAY_BE_EMPTY = {"data/splits", "data/weights", "data/external"}
# read only where a backbone is frozen, or with folds: test_pretrained.py runs both
FROZEN = {"data/backbones/teacher.json", "data/dumps/features.h5"}
WITHOUT_FILMS = {"rayling/common", "rayling/predict/model.py", "rayling/storage", "stages/evaluate_external.py"}
ONLY_WITH_FILMS = {  # of other hospitals: test_external.py runs these stages with some
    "prepare_external": {"data/fingerprints.csv", "rayling/images", "rayling/preparation"},
    "evaluate_external": STAGES["evaluate_external"].deps - WITHOUT_FILMS,
    "report": {"plots/external.png"},
}
MAY_BE_UNREAD = ONLY_WITH_FILMS | {
    "embed": {"data/backbones/teacher.json"},
    "train_folds": FROZEN | {"data/prepared.h5", "data/pixels/teacher.h5"},
    "dump@teacher": {"data/dumps/features.h5", "data/models/folds"},
    "dump@assistant": {"data/dumps/features.h5", "data/models/folds"},
}
OWN = ("data/checkpoints/", "data/.locks/", "data/.prepare.partial/")  # which end with the stage


def undeclared(opened, stage) -> set[str]:
    """The files that a stage read and does not declare."""
    declared = STAGES[stage].deps | exempt(stage) | {"params.yaml"}
    return {file for file in files_read(opened, stage) if not within(file, declared)}


def unread(opened, stage) -> set[str]:
    """The places that a stage declares and of which it read nothing."""
    files = files_read(opened, stage)
    return {place for place in STAGES[stage].deps - GATES if not any(within(file, {place}) for file in files)}


def files_read(opened, stage) -> set[str]:
    """The files that are not a stage's own."""
    outs = STAGES[stage].outs
    read = {file for file in opened[STAGES[stage].command, "r"] if not (within(file, outs) or file.startswith(OWN))}
    return {file for file in read if ".partial" not in file and not file.endswith("__init__.py")}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_reads_what_it_declares_and_no_more(opened, stage):
    assert undeclared(opened, stage) == set()
    assert unread(opened, stage) - MAY_BE_EMPTY - MAY_BE_UNREAD.get(stage, set()) == set()


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
