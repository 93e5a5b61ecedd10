"""`dvc.yaml` is complete: what a stage imports is a dependency of it, what it reads of params.yaml is a parameter.

DVC follows neither, and what it does not know of makes a stale result. Read from the source, not by running it.
"""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from distill import schema

ROOT = Path(__file__).parents[1]
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
STUDY_KEYS = set(schema.Study.model_fields)


def module_file(module: str) -> str | None:
    """The file of a module of this repository; None for one of a library."""
    path = Path(*module.split("."))
    files = (path.with_suffix(".py"), path / "__init__.py")
    return next((str(file) for file in files if (ROOT / file).is_file()), None)


def imported(file: str) -> set[str]:
    """The files of this repository that a file imports, packages on the way included."""
    names = set()
    for node in ast.walk(ast.parse((ROOT / file).read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    prefixes = {".".join(name.split(".")[:n]) for name in names for n in range(1, name.count(".") + 2)}
    return {found for name in prefixes if (found := module_file(name))}


def closure(file: str) -> set[str]:
    """All files that running `python -m` on this one reaches."""
    reached, ahead = set(), {file, "stages/__init__.py"}
    while ahead:
        reached |= ahead
        ahead = set().union(*map(imported, ahead)) - reached
    return reached


def script(stage: str) -> str:
    """The file that a stage runs."""
    program, flag, module, *_ = STAGES[stage]["cmd"].split()
    assert (program, flag) == ("python", "-m")
    return module_file(module)


def keys_read(file: str) -> set[str]:
    """The keys in the calls of `params.read` of a stage, as dvc.yaml writes them."""
    calls = [node for node in ast.walk(ast.parse((ROOT / file).read_text())) if isinstance(node, ast.Call)]
    reads = [call for call in calls if ast.unparse(call.func) == "params.read"]
    assert all(isinstance(argument, ast.Constant) for call in reads for argument in call.args), file
    keys = {argument.value for call in reads for argument in call.args}
    return {f"studies.${{study}}.{key}" if key in STUDY_KEYS else key for key in keys}


def joined(declared: set[str], source: str) -> set[str]:
    """The declared keys, those of a network's training as its one block where the stage takes only its `settings()`."""
    for network in ("teacher", "assistant", "student"):
        block = f"studies.${{study}}.{network}"
        leaves = {f"{block}.{name}" for name in schema.Training.model_fields}
        if leaves <= declared and source.count(f"p.{network}.") == source.count(f"p.{network}.settings()"):
            declared = declared - leaves | {block}
    return declared


@pytest.mark.parametrize("stage", STAGES)
def test_declared_modules_are_those_that_are_imported(stage):
    declared = {dep for dep in STAGES[stage]["deps"] if dep.endswith(".py")}
    assert declared == closure(script(stage))


@pytest.mark.parametrize("stage", STAGES)
def test_declared_params_are_those_that_are_read(stage):
    source = (ROOT / script(stage)).read_text(encoding="utf-8")
    declared, read = joined(set(STAGES[stage].get("params", [])), source), keys_read(script(stage))
    whole_file = "params.yaml" in STAGES[stage]["deps"]  # then DVC sees every key, and may not stop at a missing one
    assert declared <= read if whole_file else declared == read


@pytest.mark.parametrize("file", sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("distill/*.py")))
def test_the_shared_modules_import_no_stage_and_read_no_params(file):
    assert not [found for found in imported(file) if found.startswith("stages/")]
    assert "distill/params.py" not in imported(file)  # else a parameter could be read that no stage declares


FORBIDDEN = {"pickle.load", "pickle.loads", "np.load", "os.system", "os.popen", "eval", "exec", "yaml.load", "input"}


@pytest.mark.parametrize(
    "file", sorted(str(path.relative_to(ROOT)) for top in ("distill", "stages") for path in (ROOT / top).rglob("*.py"))
)
def test_nothing_is_unpickled_and_no_shell_is_asked(file):
    for call in [node for node in ast.walk(ast.parse((ROOT / file).read_text())) if isinstance(node, ast.Call)]:
        name, named = ast.unparse(call.func), {word.arg: ast.unparse(word.value) for word in call.keywords}
        assert name not in FORBIDDEN and "shell" not in named and "allow_pickle" not in named, (file, call.lineno)
        assert name != "torch.load" or named["weights_only"] == "True", (file, call.lineno)


def test_every_stage_script_is_run_by_a_stage():
    scripts = {str(path.relative_to(ROOT)) for path in ROOT.glob("stages/*.py")} - {"stages/__init__.py"}
    assert scripts == {script(stage) for stage in STAGES}


def test_a_changed_distillation_loss_leaves_the_teacher_alone():
    touched = {stage for stage in STAGES if "distill/losses.py" in STAGES[stage]["deps"]}
    assert touched == {"train_assistant", "train_student"}


def test_no_stage_opts_out_of_the_run_cache():
    # measured with DVC 3.67: `cache: false` under outs, `persist` and `always_changed` switch it off (DESIGN.md, 7)
    for stage in STAGES.values():
        assert not stage.get("always_changed")
        assert all(isinstance(out, str) for out in stage.get("outs", []))


def test_dvc_finds_what_a_user_adds_to_data_raw_and_git_takes_none_of_it(tmp_path):
    for folder in ("data/raw/mine", ".dvc"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / ".dvc" / "config").touch()
    (tmp_path / "data/raw/mine/a.png").write_bytes(b"pixels")
    shutil.copy(ROOT / ".gitignore", tmp_path)
    dvc = f"{Path(sys.executable).parent}/dvc"
    for command in (
        "git init -q",
        f"{dvc} add -q data/raw/mine",
        "git add -A",
        "rm -r data/raw/mine",
        f"{dvc} checkout -q",
    ):
        subprocess.run(command.split(), cwd=tmp_path, check=True)
    assert (tmp_path / "data/raw/mine/a.png").read_bytes() == b"pixels"  # a bare checkout looks for all .dvc files
    tracked = subprocess.check_output(["git", "ls-files", "data"], cwd=tmp_path, text=True).split()
    assert tracked == ["data/raw/mine.dvc"]


def test_the_readme_is_finished_and_names_only_files_that_exist():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert not re.search(r"@[A-Z]+@", text)
    links = re.findall(r"\]\((?!https?:)([^)]+)\)", text)
    modules = re.findall(r"`(?:distill|stages)/\w+\.py`", text)
    for name in [*links, *(module.strip("`") for module in modules)]:
        assert (ROOT / name).exists(), name


def test_the_readme_shows_every_module_its_place():
    house = (ROOT / "README.md").read_text(encoding="utf-8").partition("## The house")[2]
    left = [line.split("  ")[0] for line in re.findall("^ {2}(\\w.*)", house, re.MULTILINE)]
    places = set(" ".join(left).split())
    assert not {path.stem for path in (ROOT / "distill").glob("[!_]*.py")} - places


def test_the_task_for_skypilot_has_the_keys_that_it_documents():
    task = yaml.safe_load((ROOT / "sky.yaml").read_text(encoding="utf-8"))
    assert set(task) <= {"name", "resources", "workdir", "num_nodes", "envs", "secrets", "file_mounts", "setup", "run"}
    assert set(task["resources"]) <= {"accelerators", "cpus", "memory", "disk_size", "infra", "use_spot", "image_id"}
    assert all(isinstance(value, str) for value in task["envs"].values())
    for script in (task["setup"], task["run"]):
        assert subprocess.run(["bash", "-n"], input=script, text=True).returncode == 0
    assert set(re.findall(r"\$(\w+)", task["run"])) == set(task["envs"])
