"""Prepare the films of other hospitals (`external`): read, decode and resize them, and leave out what was seen before.

They stand apart from the study's own data: no network learns from them, and nothing is chosen on them.
Reads data/external/<study> and data/fingerprints.csv, writes data/external.h5 and, for people, data/external.csv.
Without external sources both hold no film.
"""

from pathlib import Path

import numpy as np

from rayling.common.atomic import atomic, scratch
from rayling.config import params
from rayling.config.schema import Data
from rayling.storage import films

LISTED = "data/external.csv"


def main() -> None:
    """From folders of other hospitals' X-rays to one file with all of them."""
    p = params.read("study", "data", "external", "teacher.size", "assistant.size")
    if p.external:
        data = p.data.model_copy(update={"sources": p.external})
        prepare(Path("data/external") / p.study, data, sizes={p.teacher.size, p.assistant.size, data.size})
    else:
        write_none(p.data.labels)


def prepare(root: Path, data: Data, *, sizes: set[int]) -> None:
    """Prepare the sources of `data` below `root` at all sizes."""
    from rayling.preparation import decoding, duplicates, external  # takes half a second, which most studies save

    table = external.read(root, data, study="external")
    with scratch("data/prepare_external") as folder:
        pixels = {size: folder / str(size) for size in sizes}
        table, fingerprints = decoding.decode_table(table, pixels, root=root, data=data)
        seen = duplicates.read_fingerprints("data/fingerprints.csv")
        table = external.leave_out_seen(table, fingerprints, seen)
        external.write_csv(LISTED, table, labels=data.labels)
        decoding.report_unreadable(table, data.max_unreadable, stage="prepare_external", listed=LISTED)
        external.refuse_empty(table, root, data, listed=LISTED)
        with atomic("data/external.h5") as path:
            external.write_films(path, table[table["left_out"] == ""], pixels, labels=data.labels)
    for line in external.remarks(table):
        print(f"prepare_external: {line}")


def write_none(labels: list[str]) -> None:
    """Write both files without a film."""
    columns = dict.fromkeys(films.COLUMNS, ())
    with atomic("data/external.h5") as path:
        films.create(path, names=labels, sizes=(), labels=np.zeros((0, len(labels))), columns=columns)
    with atomic(LISTED) as path:
        path.write_text("image,source,left_out\n")


if __name__ == "__main__":
    main()
