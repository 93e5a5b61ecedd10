"""Check the whole of params.yaml before any other stage runs.

It runs when params.yaml changes, so that it also sees keys that no stage reads. Every stage that reads parameters
depends on data/checked, whose bytes never change: valid parameters rerun nothing because of it, and a wrong value stops
the run before DVC removes the outputs of a stage.
Reads params.yaml, writes data/checked.
"""

from pathlib import Path

from rayling.common.atomic import atomic
from rayling.common.errors import BadInput
from rayling.config import params


def main() -> None:
    """Write data/checked. Raises BadInput for a wrong parameter, or a file or folder that is missing."""
    p = params.read("study", "data", "external")
    root = Path("data/raw") / p.study
    refuse_missing(root, p.study)
    for source in p.data.sources if root.exists() and p.study != "phantom" else ():
        if not (root / source.folder).is_dir():
            raise BadInput(f"studies.{p.study}.data.sources: {root / source.folder} not found, expected a folder")
    outside = Path("data/external") / p.study  # absent where an experiment has what DVC tracks alone
    for source in p.external if outside.exists() else ():
        if not (outside / source.folder).is_dir():
            raise BadInput(f"studies.{p.study}.external: {outside / source.folder} not found, expected a folder")
    split_file = Path("data/splits") / p.data.split_file
    if p.data.split_file and not split_file.is_file():
        raise BadInput(f"studies.{p.study}.data.split_file: {split_file} not found, expected the name of a CSV there")
    with atomic("data/checked") as path:
        path.write_text("params.yaml is valid\n")


def refuse_missing(root: Path, study: str) -> None:
    """Raise BadInput if the study has no X-rays: neither in data/raw, nor tracked by DVC, nor prepared before.

    With the outputs of `prepare` from a DVC remote, raw data is not needed (`dvc repro --allow-missing`); dvc.lock
    then names the folder.
    """
    lock = Path("dvc.lock")
    prepared = lock.exists() and f"path: {root.as_posix()}\n" in lock.read_text()
    if not (study == "phantom" or prepared or root.exists() or root.with_name(f"{study}.dvc").exists()):
        raise BadInput(f"{root}: not found, expected a folder or a link to one, in the layout of study {study!r}")


if __name__ == "__main__":
    main()
