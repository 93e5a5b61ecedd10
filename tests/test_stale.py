"""Never stale: each edit of a module, a parameter or an input is seen by just the stages that it concerns.

What concerns whom is told by the imports, by the keys that the scripts read and by the files that they were seen to
open, not by dvc.yaml. DVC itself says which stages it would run first; those below follow if their outputs change.
"""

import json
import subprocess
import sys

import pytest
import yaml

from tests.test_opened import GATES, OF_BOTH, below, runs
from tests.test_stages import ROOT, STAGES, closure, keys_read, module_file, script
from tests.tiny import LONG, environment

# A DVC that stays: one edit after another, the stages whose dependencies are not what they were, the edit taken back
SAID_BY_DVC = """
import json, sys
from pathlib import Path
from dvc.repo import Repo
for line in sys.stdin:
    path, added = json.loads(line)
    file = Path(path)
    whole = file.read_bytes()
    file.unlink()  # it may be a link into the cache
    file.write_bytes(whole + added.encode() if isinstance(added, str) else bytes(added))
    with Repo(".") as repo:
        said = repo.status()
    file.write_bytes(whole)
    changed = [name for name, parts in said.items() if any("changed deps" in part for part in parts)]
    print(json.dumps(changed), flush=True)
"""


@pytest.fixture(scope="module")
def concerned(clone):
    """A function: the stages that DVC would run after each of some edits, (file, text to add or whole new content)."""

    def ask(edits):
        lines = "\n".join(json.dumps([path, added]) for path, added in edits)
        command = [sys.executable, "-c", SAID_BY_DVC]
        done = subprocess.run(command, cwd=clone, env=environment(), input=lines, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return [set(json.loads(line)) for line in done.stdout.splitlines()]

    return ask


def names(stage: str) -> set[str]:
    """A stage as DVC calls it, or all of a matrix."""
    networks = STAGES[stage].get("matrix", {}).get("network")
    return {f"{stage}@{network}" for network in networks} if networks else {stage}


def test_an_edited_module_concerns_the_stages_that_import_it(concerned):
    files = sorted(str(path.relative_to(ROOT)) for top in ("distill", "stages") for path in (ROOT / top).rglob("*.py"))
    expected = [set().union(*(names(stage) for stage in STAGES if file in closure(script(stage)))) for file in files]
    assert sum(map(bool, expected)) > 70  # the rest is of the commands beside the pipeline
    table = chosen(dict(zip(files, expected, strict=True)))
    found = concerned([(file, "\n# a comment\n") for file in table])
    assert dict(zip(table, found, strict=True)) == table


def chosen(table: dict) -> dict:
    """The whole table in a long run; else of those that concern the same stages the first."""
    first = {frozenset(concerns): edited for edited, concerns in reversed(table.items())}
    return table if LONG else {edited: table[edited] for edited in first.values()}


def leaves(block: dict, above: tuple = ()) -> list[tuple]:
    """The path of each value in params.yaml; a list is one."""
    found = []
    for key, value in block.items():
        found += leaves(value, (*above, key)) if isinstance(value, dict) and value else [(*above, key)]
    return found


def test_an_edited_parameter_concerns_the_stages_that_read_it(concerned, clone):
    text = (clone / "params.yaml").read_text()
    paths = [path for path in leaves(yaml.safe_load(text)) if path[0] not in ("study", "learn_from")]
    paths = [path for path in paths if path[:1] != ("studies",) or path[1] in ("phantom", "covid")]
    table = chosen({path: set().union(*(names(stage) for stage in STAGES if reads(stage, path))) for path in paths})
    edits = []
    for path in table:
        content = yaml.safe_load(text)
        block = content
        for key in path[:-1]:
            block = block[key]
        block[path[-1]] = 987 if block[path[-1]] != 987 else 986
        edits.append(("params.yaml", list(yaml.safe_dump(content, sort_keys=False).encode())))
    assert dict(zip(table, concerned(edits), strict=True)) == table


def reads(stage: str, path: tuple) -> bool:
    """Whether a stage reads the value at this path, by the calls in its script; `check` wants to know of any."""
    if stage == "check":
        return True
    source, keys = (ROOT / script(stage)).read_text(encoding="utf-8"), keys_read(script(stage))
    key = ".".join(path).replace("studies.phantom", "studies.${study}")
    if not any(key == read or key.startswith(f"{read}.") for read in keys):
        return False
    network = path[2] if len(path) > 3 else ""
    partly = 0 < source.count(f"p.{network}.") == source.count(f"p.{network}.settings()")
    return network != "student" or not partly or path[3] in ("epochs", "batch_size", "lr", "weight_decay", "schedule")


def test_an_edited_input_concerns_the_stages_that_open_it(concerned, opened, clone):
    commands = {}
    for one in runs():
        commands.setdefault(one.values[0], one.id)
    for what, name in commands.items():
        stage, _, network = what.removeprefix("stages.").partition(" ")
        commands[what] = f"{stage}@{network}" if "matrix" in STAGES.get(stage, {}) else name
    outs = {out for one in runs() for out in one.values[2]}
    tracked = (file for (_, how), files in opened.items() if how == "r" for file in files)
    inputs = sorted(
        {file for file in tracked if below(file, outs) and ".partial" not in file and (clone / file).is_file()}
    )
    inputs = [file for file in inputs if not file.startswith("data/raw/") or file.endswith("train.csv")]
    of_own = {one.values[0]: one.values[2] for one in runs()}
    expected = []
    for file in inputs:
        those = {name for what, name in commands.items() if file in opened[what, "r"] and not below(file, of_own[what])}
        expected.append(those | {commands[what] for what, files in OF_BOTH.items() if file in files})
    found = concerned([(file, "x") for file in inputs])
    assert len(inputs) > 12
    assert dict(zip(inputs, found, strict=True)) == dict(zip(inputs, expected, strict=True))


def test_a_gate_concerns_who_waits_for_it(concerned):
    found = concerned([(gate, "x") for gate in sorted(GATES)])
    waiting = [
        set().union(*(names(stage) for stage in STAGES if gate in STAGES[stage]["deps"])) for gate in sorted(GATES)
    ]
    assert found == waiting
    readers = {stage for stage in STAGES if keys_read(script(stage))} - {"check"}
    assert {stage for stage in readers if names(stage) <= waiting[1]} == readers  # nobody reads what was not checked
    assert module_file("distill.params") in closure("stages/check.py")
