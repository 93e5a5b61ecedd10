"""One function for each layout of a data set: a folder on disk -> one table of images, patients and labels.

Every reader takes `root`, the `labels` of the study and its own settings, and returns a table with `image` (path
below `root`, forward slashes, unique), `patient`, `split` ("" or an official "train", "dev" or "test"), `left_out`
("", or why upstream's row is not wanted), and one float32 column a label: 1, 0 or NaN (unknown, as is a label that
the source does not have). `plain_csv` may add `source`. Rows keep upstream's order, or are sorted by path. Images
are not opened here. Each raises `BadInput` for what is missing or wrong, by file and row.
"""

from distill.readers.chexpert import chexpert
from distill.readers.class_folders import class_folders
from distill.readers.covid_chestxray import covid_chestxray
from distill.readers.medmnist import medmnist
from distill.readers.nih import nih
from distill.readers.plain_csv import plain_csv

READERS = {
    "chexpert": chexpert,
    "class_folders": class_folders,
    "covid_chestxray": covid_chestxray,
    "medmnist": medmnist,
    "nih": nih,
    "plain_csv": plain_csv,
}
