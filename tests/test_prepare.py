"""What `prepare` refuses, and what it only tells."""

from types import SimpleNamespace

import pandas as pd
import pytest

from distill.errors import BadInput
from stages import prepare


def unreadable(count: int) -> pd.DataFrame:
    return pd.DataFrame({"image": [f"{n}.jpg" for n in range(count)], "reason": "1.jpg: truncated"})


def test_unreadable_images_up_to_the_stated_share_are_told_and_above_it_end_the_run(capsys):
    prepare.refuse_too_many(unreadable(0), 100, 0.0)
    assert capsys.readouterr().out == ""
    prepare.refuse_too_many(unreadable(2), 100, 0.02)
    assert "2 of 100 images can't be read" in capsys.readouterr().out
    with pytest.raises(BadInput, match=r"max_unreadable: 2.0% are allowed, found 3 of 100 .* 1.jpg: truncated"):
        prepare.refuse_too_many(unreadable(3), 100, 0.02)


def test_an_image_in_two_sources_is_refused_by_name():
    table = pd.DataFrame({"image": ["a/1.png", "b/1.png", "a/1.png"], "source": ["a", "b", "."]})
    with pytest.raises(BadInput, match=r"a/1.png: found in two sources"):
        prepare.refuse_repeats(table)
    prepare.refuse_repeats(table[:2])


def test_a_split_without_images_and_a_label_without_positives_are_refused_by_name():
    table = pd.DataFrame({"split": ["train", "dev", "test"], "Edema": [1.0, 0.0, 1.0], "Fracture": [0.0, 1.0, 1.0]})
    data = SimpleNamespace(labels=["Edema"], dev=0.1, test=0.2)
    prepare.refuse_empty(table, data)
    with pytest.raises(BadInput, match="dev: no image of 2"):
        prepare.refuse_empty(table[table["split"] != "dev"], data)
    with pytest.raises(BadInput, match="no train image has 'Fracture'"):
        prepare.refuse_empty(table, SimpleNamespace(**vars(data) | {"labels": ["Edema", "Fracture"]}))
