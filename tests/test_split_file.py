"""The split file: what a person gives is taken, what contradicts is told."""

import pandas as pd
import pytest

from distill import split_file
from distill.errors import BadInput

TABLE = pd.DataFrame(
    {
        "image": ["a.png", "b, c.png", "d.png", "lateral.png"],
        "split": ["", "test", "", ""],
        "left_out": ["", "", "", "lateral view"],
        "patient": ["1", "2", "3", "3"],
        "source": "x",
        "Edema": [1.0, 0.0, float("nan"), 1.0],
    }
)


def give(path, text):
    path.write_text(text)
    return split_file.give(TABLE, path)


def test_what_is_given_counts_and_the_rest_stays(tmp_path):
    table = give(tmp_path / "s.csv", 'split,who,image\ndev,me,"b, c.png"\nleft out,me,a.png\n')
    assert table["split"].tolist() == ["", "dev", "", ""]
    assert table["left_out"].tolist() == ["by the split file", "", "", "lateral view"]


def test_a_blank_frees_an_official_test_image(tmp_path):
    assert give(tmp_path / "s.csv", 'image,split\n"b, c.png",\n')["split"].tolist() == ["", "", "", ""]


def test_what_is_written_can_be_given_back(tmp_path):
    done = TABLE.assign(split=["train", "test", "dev", "left out"])
    split_file.write(tmp_path / "split.csv", done, labels=["Edema"])
    table = split_file.give(TABLE, tmp_path / "split.csv")
    assert table["split"].tolist() == ["train", "test", "dev", ""]
    assert table["left_out"].tolist() == TABLE["left_out"].tolist()
    again = pd.read_csv(tmp_path / "split.csv")
    assert again.columns.tolist() == ["image", "split", "left_out", "patient", "source", "Edema"]
    pd.testing.assert_series_equal(again["Edema"], TABLE["Edema"])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("image,split\na.png,trian\n", "s.csv, row 2: split is 'trian', expected train, dev, test, left out or blank"),
        ("image,split\nz.png,train\n", "s.csv, row 2: image is 'z.png', expected an image of the study"),
        ("image,split\na.png,train\na.png,dev\n", "s.csv, row 3: image is 'a.png', expected each image once"),
        ("image,split\nlateral.png,dev\n", "s.csv: lateral.png is dev, expected left out: lateral view"),
        ("image,side\na.png,dev\n", "s.csv, row 1: found no column 'split'"),
    ],
)
def test_mistakes_are_named_by_row(tmp_path, text, told):
    with pytest.raises(BadInput) as caught:
        give(tmp_path / "s.csv", text)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
