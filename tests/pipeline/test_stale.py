"""Never stale: asked after an edit of each kind, DVC itself wants to run just the stages that it concerns.

Which these are is told by dvc.yaml, whose lists test_stages.py and test_opened.py prove.
"""

import json
import subprocess
import sys

import yaml

from tests.pipeline.graph import STAGES, concerned
from tests.tiny import LONG, dvc, environment, executed, run

# A DVC that stays: one edit after another, the stages whose dependencies are not what they were, the edit taken back.
# An edit is a file and its new text, null for a line more.
ASKED = """
import json, sys
from pathlib import Path
from dvc.repo import Repo
for line in sys.stdin:
    path, text = json.loads(line)
    file = Path(path)
    before = file.read_bytes() if file.exists() else None
    file.unlink(missing_ok=True)  # it may be a link into the cache
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes((before or b"") + b"\\n# more\\n" if text is None else text.encode())
    with Repo(".") as repo:
        found = repo.status()
    file.unlink() if before is None else file.write_bytes(before)
    changed = [name for name, parts in found.items() if any("changed deps" in part for part in parts)]
    print(json.dumps(changed), flush=True)
"""


def status(clone, *edits: tuple[str, str | None]) -> list[set[str]]:
    """The stages that DVC would run after each edit, a file and its new text."""
    lines = "\n".join(map(json.dumps, edits))
    about = {"cwd": clone, "env": environment(), "capture_output": True, "text": True}
    done = subprocess.run([sys.executable, "-c", ASKED], input=lines, **about)
    assert done.returncode == 0, done.stderr
    return [set(json.loads(line)) for line in done.stdout.splitlines()]


def files(clone) -> list[str]:
    """A file of each class that some stage reads: code in a folder, code on its own, an input, a gate. All if LONG."""
    deps = sorted(set().union(*(stage.deps for stage in STAGES.values())) - {"params.yaml"})
    if LONG:
        found = [path for dep in deps for path in [clone / dep, *(clone / dep).rglob("*")] if path.is_file()]
        names = {str(path.relative_to(clone)) for path in found if path.suffix not in (".pyc", ".jpg", ".md")}
        return sorted(names)
    few = ["rayling/distillation/losses.py", "rayling/evaluation/auroc.py", "stages/dump.py", "data/prepared.h5"]
    return [*few, "data/checked", "data/backbones/teacher.json", "data/models/student.calibration.json"]


def test_an_edited_file_concerns_the_stages_that_depend_on_it(clone):
    names = files(clone)
    found = status(clone, *((name, None) for name in names))
    assert dict(zip(names, found, strict=True)) == {name: concerned(name) for name in names}


def test_what_no_stage_depends_on_concerns_nobody(clone):
    left = ["__pycache__/a.cpython-311.pyc", "a.pyc", ".DS_Store", "a.py~", ".ipynb_checkpoints/a.py"]  # by editors
    names = ["rayling/experiments/sweep.py", *(f"rayling/distillation/{name}" for name in left)]
    assert status(clone, *((name, None) for name in names)) == [set()] * len(names)


def leaves(block: dict, above: tuple = ()) -> list[tuple]:
    """The path of each value in params.yaml; a list is one."""
    found = []
    for key, value in block.items():
        found += leaves(value, (*above, key)) if isinstance(value, dict) and value else [(*above, key)]
    return found


def reads(path: tuple) -> set[str]:
    """The stages that declare the value at this path; `check` depends on the whole file."""
    key = ".".join(path)
    declared = {name for name, stage in STAGES.items() for read in stage.params if f"{key}.".startswith(f"{read}.")}
    return declared | {"check"}


def test_an_edited_parameter_concerns_the_stages_that_declare_it(clone):
    content = yaml.safe_load((clone / "params.yaml").read_text())
    paths = [path for path in leaves(content) if path[0] not in ("study", "learn_from")]
    paths = [path for path in paths if path[:1] != ("studies",) or path[1] in ("phantom", "covid")]
    if not LONG:  # one for each set of stages
        paths = list({frozenset(reads(path)): path for path in reversed(paths)}.values())
    texts = [yaml.safe_dump(changed(content, path), sort_keys=False) for path in paths]
    found = status(clone, *(("params.yaml", text) for text in texts))
    assert dict(zip(paths, found, strict=True)) == {path: reads(path) for path in paths}


def changed(content: dict, path: tuple) -> dict:
    """A copy with another value there."""
    key, *rest = path
    old = content[key]
    return content | {key: changed(old, tuple(rest)) if rest else 987 if old != 987 else 986}


def test_weights_that_the_study_does_not_use_rerun_check_backbones_and_nothing_else(clone):
    before = [(clone / f"data/backbones/{network}.json").read_bytes() for network in ("teacher", "assistant")]
    unused = clone / "data/weights/unused.safetensors"
    unused.write_bytes(b"not even weights")
    assert executed(dvc(clone, "repro")) == {"check_backbones"}
    assert [(clone / f"data/backbones/{network}.json").read_bytes() for network in ("teacher", "assistant")] == before
    unused.unlink()
    assert executed(dvc(clone, "repro")) == set()
    run(clone, "git checkout -q dvc.lock")
