"""What the stages really open while they run is what dvc.yaml says that they depend on."""

import re

import pytest
import yaml

from tests.test_stages import STAGES

GATES = {"data/checked", "data/backbones_checked"}  # waited for and never opened
MAY_BE_EMPTY = {"data/splits", "data/weights"}
OF_DICOM = {"distill/dicom.py"}  # imported where such a file comes
OF_BOTH = {
    "stages.dump_both": {"data/dumps/teacher.h5", "data/dumps/assistant.h5"}
}  # read for `learn_from: both` alone
OWN = ("data/checkpoints/", "data/.locks/", "data/.prepare.partial/")  # which end with the stage


def runs():
    """What each stage runs, its dependencies and its outputs, as DVC has resolved them."""
    for name, stage in STAGES.items():
        for network in stage.get("matrix", {}).get("network", [""]):
            text = yaml.safe_dump(stage).replace("${item.network}", network)
            told = yaml.safe_load(text.replace("${study}", "phantom").replace("${learn_from}", "assistant"))
            kinds = [*told.get("outs", []), *told.get("metrics", []), *told.get("plots", [])]
            outs = {next(iter(out)) if isinstance(out, dict) else out for out in kinds}
            yield pytest.param(told["cmd"].removeprefix("python -m "), set(told["deps"]), outs, id=name + network)


def below(file: str, places: set[str]) -> bool:
    """Whether a file is one of the places, or in one."""
    return any(file == place or file.startswith(f"{place}/") for place in places)


@pytest.mark.parametrize(("what", "deps", "outs"), list(runs()))
def test_a_stage_reads_what_it_declares_and_no_more(opened, what, deps, outs):
    read = {file for file in opened[what, "r"] if not (below(file, outs) or file.startswith(OWN) or ".partial" in file)}
    assert not {file for file in read if not below(file, deps | {"params.yaml"})}
    never = {
        place
        for place in deps - GATES - MAY_BE_EMPTY - OF_DICOM - OF_BOTH.get(what, set())
        if not any(below(file, {place}) for file in read)
    }
    assert not never


@pytest.mark.parametrize(("what", "deps", "outs"), list(runs()))
def test_a_stage_writes_its_outputs_and_nothing_else(opened, what, deps, outs):
    written = {file for file in opened[what, "w"] if not file.startswith(OWN) and not file.endswith(".py")}
    there = {re.sub(r"/?\.([^/]+)\.partial", r"/\1", file).removeprefix("/") for file in written}
    assert not {file for file in there if not below(file, outs)}
    assert all(any(below(file, {out}) for file in there) for out in outs)
