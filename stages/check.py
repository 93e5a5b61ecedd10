"""Check params.yaml as a whole, before DVC takes away what a later stage would have to write again.

It runs when a byte of params.yaml changes, so that a key that no stage knows is seen too. Every stage that reads
parameters depends on data/checked, whose bytes never change: a right value reruns nothing because of it, a wrong
one stops the run while all outputs still stand.
"""

from pathlib import Path

from distill import params
from distill.atomic import atomic
from distill.errors import BadInput


def main() -> None:
    """Refuse what is wrong, in one line; else write data/checked."""
    p = params.read("study", "data")
    root = Path("data/raw") / p.study
    refuse_missing(root, p.study)
    for source in p.data.sources if root.exists() and p.study != "phantom" else ():
        if not (root / source.folder).is_dir():
            raise BadInput(f"studies.{p.study}.data.sources: {root / source.folder} not found, expected a folder")
    split_file = Path("data/splits") / p.data.split_file
    if p.data.split_file and not split_file.is_file():
        raise BadInput(f"studies.{p.study}.data.split_file: {split_file} not found, expected the name of a CSV there")
    with atomic("data/checked") as path:
        path.write_text("params.yaml is valid\n")


def refuse_missing(root: Path, study: str) -> None:
    """Raise BadInput if there are no X-rays for the study: not here, not in DVC, and not prepared before.

    Who has pulled what `prepare` wrote goes on without raw data (`dvc repro --allow-missing`): dvc.lock knows it.
    """
    lock = Path("dvc.lock")
    prepared = lock.exists() and f"path: {root.as_posix()}\n" in lock.read_text()
    if not (study == "phantom" or prepared or root.exists() or root.with_name(f"{study}.dvc").exists()):
        raise BadInput(f"{root}: not found, expected a folder or a link to one, in the layout of study {study!r}")


if __name__ == "__main__":
    main()
