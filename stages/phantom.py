"""Draw the embedded data set: synthetic chest X-rays with findings, in CheXpert's own layout.

Draws patients at random, renders their X-rays, and writes data/raw/phantom: train with the labels that a labeller
reads in the reports, errors included, and valid with the true labels. plots/phantom.png shows examples.
"""

from rayling.common.atomic import atomic_folder
from rayling.config import params
from rayling.phantom import cohort, dataset


def main() -> None:
    """Write data/raw/phantom and plots/phantom.png."""
    p = params.read("phantom").phantom
    train = cohort.sample(p.seed, first=1, patients=p.patients)
    valid = cohort.sample(p.seed, first=cohort.FIRST_VALID_PATIENT, patients=p.valid_patients, max_studies=1)
    reported = dataset.reported_labels(train, p.label_noise, p.uncertain, p.blank)
    with atomic_folder("data/raw/phantom") as folder:
        dataset.write_split(folder / "train", train, reported, p.size)
        dataset.write_split(folder / "valid", valid, dataset.true_labels(valid), p.size)
        dataset.draw_examples(folder / "train", train, "plots/phantom.png")


if __name__ == "__main__":
    main()
