"""The pipeline as dvc.yaml declares it, and as the source of the stages shows it. Nothing runs here."""

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from rayling.config import schema
from tests.tiny import ROOT

STUDY_KEYS = set(schema.Study.model_fields)


@dataclass(frozen=True)
class Stage:
    """One stage as DVC resolves it in the default study: paths and keys as in dvc.lock."""

    name: str  # evaluate@student
    command: str  # stages.evaluate student
    deps: frozenset[str]
    outs: frozenset[str]
    params: frozenset[str]

    @property
    def script(self) -> str:
        """The file that it runs."""
        return self.command.split()[0].replace(".", "/") + ".py"

    @property
    def code(self) -> frozenset[str]:
        """Its code dependencies beside its own script."""
        return frozenset(dep for dep in self.deps if dep.startswith(("rayling/", "stages/"))) - {self.script}


def _stages() -> dict[str, Stage]:
    found = {}
    for name, template in yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"].items():
        for network in template.get("matrix", {}).get("network", [""]):
            text = yaml.safe_dump(template).replace("${item.network}", network)
            stage = yaml.safe_load(text.replace("${study}", "phantom").replace("${learn_from}", "assistant"))
            outs = [*stage.get("outs", []), *stage.get("metrics", []), *stage.get("plots", [])]
            full = f"{name}@{network}" if network else name
            found[full] = Stage(
                full,
                stage["cmd"].removeprefix("python -m "),
                frozenset(stage["deps"]),
                frozenset(next(iter(out)) if isinstance(out, dict) else out for out in outs),
                frozenset(stage.get("params", [])),
            )
    return found


STAGES = _stages()


def within(path: str, places) -> bool:
    """Whether a file is one of the places, or lies in one."""
    return any(path == place or path.startswith(f"{place}/") for place in places)


def concerned(path: str) -> set[str]:
    """The stages that have this file, or a folder above it, among their dependencies."""
    return {name for name, stage in STAGES.items() if within(path, stage.deps)}


def downstream(names: set[str]) -> set[str]:
    """These stages, and all that read what they write, and so on."""
    reached, new = set(), set(names)
    while new:
        reached |= new
        outs = {out for name in new for out in STAGES[name].outs}
        readers = {name for name, stage in STAGES.items() for dep in stage.deps if _overlap(dep, outs)}
        new = readers - reached
    return reached


def _overlap(dep: str, outs: set[str]) -> bool:
    return within(dep, outs) or any(within(out, {dep}) for out in outs)


def module_file(module: str) -> str | None:
    """The file of a module of this repository; None for a library's, or for an empty `__init__.py`."""
    path = Path(*module.split("."))
    files = [file for file in (path.with_suffix(".py"), path / "__init__.py") if (ROOT / file).is_file()]
    return str(files[0]) if files and (ROOT / files[0]).stat().st_size else None


@cache
def imported(file: str) -> frozenset[str]:
    """The files of this repository that a file imports, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file}: a relative import"
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    prefixes = {".".join(name.split(".")[:n]) for name in names for n in range(1, name.count(".") + 2)}
    return frozenset(found for name in prefixes if (found := module_file(name)))


def closure(file: str) -> set[str]:
    """The files of this repository that running `python -m` on a file can load, itself included."""
    reached, new = set(), {file}
    while new:
        reached |= new
        new = set().union(*map(imported, new)) - reached
    return reached


def keys_read(file: str) -> set[str]:
    """The keys in a script's calls of `params.read`, as dvc.lock writes them."""
    calls = [node for node in ast.walk(ast.parse((ROOT / file).read_text())) if isinstance(node, ast.Call)]
    reads = [call for call in calls if ast.unparse(call.func) == "params.read"]
    assert all(isinstance(argument, ast.Constant) for call in reads for argument in call.args), file
    keys = {argument.value for call in reads for argument in call.args}
    return {f"studies.phantom.{key}" if key.split(".")[0] in STUDY_KEYS else key for key in keys}
