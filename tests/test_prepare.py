"""What `prepare` refuses, and what it only tells."""

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
    with pytest.raises(BadInput, match=r"3 of 100 .* 1.jpg: truncated; expected at most 2.0% \(data.max_unreadable\)"):
        prepare.refuse_too_many(unreadable(3), 100, 0.02)


def test_an_image_in_two_sources_is_refused_by_name():
    table = pd.DataFrame({"image": ["a/1.png", "b/1.png", "a/1.png"], "source": ["a", "b", "."]})
    with pytest.raises(BadInput, match=r"a/1.png: found in two sources"):
        prepare.refuse_repeats(table)
    prepare.refuse_repeats(table[:2])
