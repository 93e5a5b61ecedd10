"""dvc.yaml is complete: it lists the code that a stage imports and the parameters that it reads.

DVC follows neither, and what it does not know of makes a stale result. All of it is read from the source.
"""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.pipeline.graph import STAGES, closure, concerned, downstream, imported, keys_read, within
from tests.tiny import ROOT

LAYERS = (
    "common",
    "config",
    "phantom",
    "images",
    "storage",
    "preparation",
    "networks",
    "runtime",
    "evaluation",
    "training",
    "distillation",
    "teaching",
    "dumping",
    "explain",
    "export",
    "predict",
    "page",
    "attribution",
    "recalibration",
    "reporting",
    "experiments",
)
# How a stage starts and ends, and how parameters are checked. Neither changes what a stage writes: the values of
# params.yaml are dependencies of their own, and the schema fills in none
# (tests/config/test_params.py).
NO_BYTES = {"stages/__init__.py", "rayling/config"}
# Errors, whole files and threads change no tensor, no dump and no ONNX file. Who writes rounded JSON or pictures lists
# rayling/common: `write_json` rounds and `plotting` draws.
WITHOUT_COMMON = {name for name in STAGES if name.startswith(("check", "embed", "train_", "dump@", "export@"))}
MODULES = sorted(
    str(path.relative_to(ROOT))
    for path in ROOT.glob("rayling/*/**/*.py")
    if path.stat().st_size and path.parent.name != "files"
)


def exempt(stage: str) -> set[str]:
    """The places whose code a stage uses without depending on them, but for those that it lists all the same."""
    return (NO_BYTES | ({"rayling/common"} if stage in WITHOUT_COMMON else set())) - STAGES[stage].code


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_imports_what_it_lists_and_lists_what_it_imports(stage):
    own = STAGES[stage]
    loaded = {file for file in closure(own.script) | {"stages/__init__.py"} if not within(file, exempt(stage))}
    assert {file for file in loaded if not within(file, own.code | {own.script})} == set()
    assert {place for place in own.code if not any(within(file, {place}) for file in loaded)} == set()
    assert own.script in own.deps and len(own.code) <= 7


@pytest.mark.parametrize("stage", sorted(WITHOUT_COMMON))
def test_a_stage_that_does_not_list_common_draws_no_picture(stage):
    assert "rayling/common" not in STAGES[stage].code
    assert "rayling/common/plotting.py" not in closure(STAGES[stage].script)


@pytest.mark.parametrize("stage", STAGES)
def test_declared_params_are_those_that_are_read(stage):
    own = STAGES[stage]
    declared, read = own.params, keys_read(own.script)
    if declared >= {"studies.phantom"}:  # the whole study
        read = {"studies.phantom" if key.startswith("studies.phantom.") else key for key in read}
    whole_file = "params.yaml" in own.deps  # then DVC sees every key, and may not stop at a missing one
    assert declared <= read if whole_file else declared == read


def test_no_study_is_named_but_by_the_parameter():
    assert "studies.phantom" not in (ROOT / "dvc.yaml").read_text()


def test_nobody_reads_parameters_that_were_not_checked():
    readers = {name for name, stage in STAGES.items() if keys_read(stage.script)}
    assert {name for name in readers if not STAGES[name].deps & {"data/checked", "params.yaml"}} == set()
    assert "params.yaml" in STAGES["check"].deps and "rayling/config" in STAGES["check"].deps


@pytest.mark.parametrize("file", MODULES)
def test_no_import_goes_upward(file):
    layer = Path(file).parts[1]
    assert layer in LAYERS
    for other in imported(file):
        assert other.startswith("rayling/"), f"{file} imports {other}"
        assert LAYERS.index(Path(other).parts[1]) <= LAYERS.index(layer), f"{file} imports {other}"
    if layer not in ("config", "experiments"):  # else a parameter could be read that no stage declares
        assert "rayling/config/params.py" not in imported(file)


@pytest.mark.parametrize("file", MODULES)
def test_no_module_imports_itself_in_a_circle(file):
    assert file not in set().union(*map(closure, imported(file) - {file})) | (imported(file) & {file})


@pytest.mark.parametrize("stage", STAGES)
def test_no_stage_imports_another(stage):
    others = {other.script for other in STAGES.values()} - {STAGES[stage].script}
    assert not closure(STAGES[stage].script) & others


# Which stages an edit reruns: those that it concerns first, then what reads their outputs if these change

EVALUATIONS = {"evaluate@teacher", "evaluate@assistant", "evaluate@student"}
TRAINED = {name for name in STAGES if name.startswith(("train_", "dump@"))}


def edited(place: str) -> set[str]:
    """The stages that an edit of a file concerns first; of a folder, of any file in it that a stage can load."""
    files = [file for file in MODULES if within(file, {place})] or [place]
    return set().union(*map(concerned, files))


def test_an_edited_loss_retrains_assistant_and_student_and_never_the_teacher():
    assert edited("rayling/distillation") == {"train_assistant", "train_student"}
    followed = downstream(edited("rayling/distillation"))
    assert followed >= {"dump@assistant", "evaluate@assistant", "evaluate@student", "export@student", "report"}
    assert not followed & {"train_teacher", "dump@teacher", "evaluate@teacher", "train_controls", "prepare"}


@pytest.mark.parametrize("file", [file for file in MODULES if within(file, {"rayling/evaluation"})])
def test_an_edited_evaluation_trains_nothing(file):
    first = concerned(file)
    assert first >= EVALUATIONS
    train = {name for name in STAGES if name.startswith("train_")}
    models = {"rayling/evaluation/auroc.py": train, "rayling/evaluation/control_models.py": {"train_controls"}}
    assert first & TRAINED == models.get(file, set())  # AUROC on dev chooses the epoch
    assert file in models or not downstream(first) & TRAINED


@pytest.mark.parametrize(
    ("place", "first", "followed"),
    [
        ("rayling/reporting", {"report"}, {"report"}),
        ("rayling/attribution", {"attribution"}, {"attribution", "report"}),
        ("rayling/explain", {"attribution", "cases"}, {"attribution", "cases", "report"}),
        (
            "rayling/predict",
            {"quantise", "latency", "evaluate_external", "attribution"},
            {"quantise", "latency", "evaluate_external", "attribution", "report"},
        ),
        (
            "rayling/export",
            {"export@teacher", "export@assistant", "export@student", "quantise", "report"},
            {
                "export@teacher",
                "export@assistant",
                "export@student",
                "quantise",
                "latency",
                "evaluate_external",
                "attribution",
                "report",
            },
        ),
    ],
)
def test_what_comes_after_training_reruns_itself_and_the_report(place, first, followed):
    assert edited(place) == first
    assert downstream(first) == followed


@pytest.mark.parametrize(
    "place", ["rayling/experiments", "rayling/recalibration", "docs", "README.md", "web", "tests", "Makefile"]
)
def test_what_no_stage_needs_reruns_nothing(place):
    assert (ROOT / place).exists()
    assert edited(place) == set()


def test_films_of_other_hospitals_train_nothing():
    assert concerned("data/external/phantom/hannover/a.png") == {"prepare_external"}
    followed = {"prepare_external", "evaluate_external", "report"}
    assert downstream({"prepare_external"}) == followed


def test_an_edited_schema_reruns_check_alone():
    assert edited("rayling/config") == {"check"}
    assert STAGES["check"].outs == {"data/checked"}  # whose bytes never change, see test_pipeline.py


def test_another_file_of_weights_concerns_check_backbones_alone():
    assert concerned("data/weights/unused.safetensors") == {"check_backbones"}  # its output is the same: test_stale.py
    assert concerned("data/backbones/teacher.json") == {"embed", "train_teacher", "train_folds"}
    assert concerned("data/backbones/assistant.json") == {"train_assistant"}


# What else the source must keep to

FORBIDDEN = {"pickle.load", "pickle.loads", "np.load", "os.system", "os.popen", "eval", "exec", "yaml.load", "input"}


@pytest.mark.parametrize("file", [*MODULES, *sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("stages/*.py"))])
def test_nothing_is_unpickled_and_no_shell_is_asked(file):
    for call in [node for node in ast.walk(ast.parse((ROOT / file).read_text())) if isinstance(node, ast.Call)]:
        name, named = ast.unparse(call.func), {word.arg: ast.unparse(word.value) for word in call.keywords}
        assert name not in FORBIDDEN and "shell" not in named and "allow_pickle" not in named, (file, call.lineno)
        assert name != "torch.load" or named["weights_only"] == "True", (file, call.lineno)


def test_every_stage_script_is_run_by_a_stage():
    scripts = {str(path.relative_to(ROOT)) for path in ROOT.glob("stages/*.py")} - {"stages/__init__.py"}
    assert scripts == {stage.script for stage in STAGES.values()}


def test_no_stage_opts_out_of_the_run_cache():
    # measured with DVC 3.67: `cache: false` under outs, `persist` and `always_changed` switch it off
    for stage in yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"].values():
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
