"""The split as a file: what a user's file may say, and what is written."""

import pandas as pd
import pytest

from rayling.common.errors import BadInput
from rayling.preparation import splits

LISTED = pd.DataFrame(
    {
        "image": ["a.png", "b, c.png", "d.png", "lateral.png"],
        "split": ["", "test", "", ""],
        "left_out": ["", "", "", "lateral view"],
        "unlabelled": [False, False, True, False],
        "patient": ["1", "2", "3", "3"],
        "source": "x",
        "sex": ["female", "", "male", "male"],
        "age": [60.0, float("nan"), 0.5, 7.0],
        "view": ["AP", "", "PA", ""],
        "Edema": [1.0, 0.0, float("nan"), 1.0],
    }
)


def from_csv(path, text):
    path.write_text(text)
    return splits.from_csv(LISTED, path)


def test_the_split_of_the_file_counts_and_the_rest_stays(tmp_path):
    table = from_csv(tmp_path / "s.csv", 'split,who,image\ndev,me,"b, c.png"\nleft out,me,a.png\n')
    assert table["split"].tolist() == ["", "dev", "", ""]
    assert table["left_out"].tolist() == ["by the split file", "", "", "lateral view"]


def test_a_blank_frees_an_official_test_image(tmp_path):
    assert from_csv(tmp_path / "s.csv", 'image,split\n"b, c.png",\n')["split"].tolist() == ["", "", "", ""]


def test_a_file_need_not_list_an_official_test_image_that_its_reader_leaves_out(tmp_path):
    listed = LISTED.assign(split=["", "test", "", "test"])  # as CheXpert's lateral images of valid
    (tmp_path / "s.csv").write_text("image,split\na.png,dev\n")
    table = splits.from_csv(listed, tmp_path / "s.csv")
    assert table["split"].tolist() == ["dev", "test", "", "test"]
    assert table["left_out"].tolist() == LISTED["left_out"].tolist()


def test_the_written_file_can_be_read_back(tmp_path):
    done = LISTED.assign(split=["dev", "test", "train", "left out"])
    splits.write_csv(tmp_path / "split.csv", done, labels=["Edema"])
    table = splits.from_csv(LISTED, tmp_path / "split.csv")
    assert table["split"].tolist() == ["dev", "test", "train", ""]
    assert table["left_out"].tolist() == LISTED["left_out"].tolist()
    again = pd.read_csv(tmp_path / "split.csv")
    columns = ["image", "split", "left_out", "patient", "source", "sex", "age", "view", "Edema"]
    assert again.columns.tolist() == columns
    pd.testing.assert_frame_equal(again[["sex", "age", "view"]], LISTED[["sex", "age", "view"]].replace("", None))
    pd.testing.assert_series_equal(again["Edema"], LISTED["Edema"])


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("image,split\na.png,trian\n", "s.csv, row 2: split is 'trian', expected train, dev, test, left out or blank"),
        ("image,split\nz.png,train\n", "s.csv, row 2: image is 'z.png', expected an image of the study"),
        ("image,split\na.png,train\na.png,dev\n", "s.csv, row 3: image is 'a.png', expected each image once"),
        ("image,split\nlateral.png,dev\n", "s.csv: lateral.png is dev, expected left out: lateral view"),
        ("image,split\nd.png,test\n", "s.csv: d.png is test, expected train or left out: its source is unlabelled"),
        ("image,side\na.png,dev\n", "s.csv, row 1: found no column 'split'"),
    ],
)
def test_mistakes_in_the_file_are_named_by_row(tmp_path, text, line):
    with pytest.raises(BadInput) as caught:
        from_csv(tmp_path / "s.csv", text)
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)
