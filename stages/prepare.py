"""Prepare the data: read every source, decode and resize, drop copies, split by patient, balance train, pack.

Paper, section 4: CheXpert with its official valid set as test; for COVID-19 two sources together, pneumonia
undersampled and COVID-19 oversampled. Train alone is balanced, after the split: the file says how many rows of each
label an epoch has, and training draws them anew each time. No image is copied.

Reads data/raw/<study> and data/splits. Writes data/prepared.h5 for the networks; data/pixels, the same images for those
that look at another size; data/dumps/labels.h5, the empty dump for a student that learns from labels alone;
data/fingerprints.csv, by which `prepare_external` finds copies; and what people check: data/unlisted.csv,
unreadable.csv, duplicates.csv and split.csv, metrics/prepare.json and plots/prepare/.
"""

from pathlib import Path

import pandas as pd

from rayling.common.atomic import atomic, atomic_folder, scratch, write_json
from rayling.config import params
from rayling.preparation import csv_table, decoding, duplicates, packing, sampling, sources, splits, summary
from rayling.storage import dumps


def main() -> None:
    """From folders of X-rays to the one file that the networks read."""
    p = params.read("study", "seed", "data", "balance", "teacher.size", "assistant.size")
    root, data, labels = Path("data/raw") / p.study, p.data, p.data.labels
    sizes = {"teacher": p.teacher.size, "assistant": p.assistant.size, "student": data.size}
    table = sources.read(root, data, study=p.study)
    if data.split_file:
        table = splits.from_csv(table, Path("data/splits") / data.split_file)
    unlisted = sources.unlisted(root, table)
    csv_table.write("data/unlisted.csv", pd.DataFrame({"image": unlisted}))

    with scratch("data/prepare") as folder:
        pixels = {size: folder / str(size) for size in sizes.values()}
        table, fingerprints = decoding.decode_table(table, pixels, root=root, data=data)
        csv_table.write("data/unreadable.csv", table.loc[table["reason"].notna(), ["image", "reason"]])
        decoding.report_unreadable(table, data.max_unreadable, stage="prepare", listed="data/unreadable.csv")

        table, pairs = duplicates.drop_copies(table, fingerprints, labels=labels)
        csv_table.write("data/duplicates.csv", pairs)
        table = splits.assign(table, data, seed=p.seed)
        table = sampling.hide_labels(table, labels=labels, fraction=data.labelled_fraction, seed=p.seed)
        splits.write_csv("data/split.csv", table, labels=labels)

        kept = table[table["left_out"] == ""]
        duplicates.write_fingerprints("data/fingerprints.csv", kept, fingerprints)
        train = kept[kept["split"] == "train"]
        targets = p.balance.model_dump() | {"labelled_fraction": data.labelled_fraction}
        strata = sampling.strata(train[labels].to_numpy(), names=labels, **targets)

        with atomic("data/prepared.h5") as path:
            packing.write_prepared(path, kept, pixels[data.size], strata, data=data, study=p.study)
        for network, size in sizes.items():
            with atomic(f"data/pixels/{network}.h5") as path:
                packing.write_pixels(path, kept, pixels[size], size=size, data=data)
        with atomic("data/dumps/labels.h5") as path:
            dumps.create(path, names=labels, image_id=train["image"].to_numpy(str))
        with atomic_folder("plots/prepare") as sheets:
            packing.draw_sheets(sheets, kept, pixels[data.size], data=data, study=p.study)

    balanced = [label for label in labels if label in p.balance.counts or label in p.balance.ratios]
    census = summary.count_all(table, pairs, labels=labels, balanced=balanced, strata=strata)
    census |= {"unlisted": len(unlisted)}
    write_json("metrics/prepare.json", census)
    for line in summary.remarks(census):
        print(f"prepare: {line}")


if __name__ == "__main__":
    main()
