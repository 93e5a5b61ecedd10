"""The scores as a file: strict JSON, in which null stands for what is not defined."""

import json

import numpy as np
import pytest

from rayling.common.atomic import write_json
from tests.evaluation.drawn import NAMES, scores_of, split


def test_what_is_not_defined_is_null_in_strict_json(rng, tmp_path):
    labels, probabilities = split(rng)
    labels[:, 2], labels[:, 3] = 0, np.nan
    write_json(tmp_path / "student.json", scores_of(labels, probabilities))

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    found = json.loads((tmp_path / "student.json").read_text(), parse_constant=refuse)
    for score in ("auroc", "average_precision"):
        assert [found[score]["per_label"][name] is None for name in NAMES] == [False, False, True, True]
    assert found["threshold"]["mass"] == 0.5


def test_scores_without_any_known_entry_are_none(tmp_path):
    found = scores_of(np.full((3, 2), np.nan, np.float32), np.full((3, 2), 0.5))
    assert found["auroc"]["macro"] is found["auroc"]["macro_low"] is found["calibration_error"]["macro"] is None
    write_json(tmp_path / "student.json", found)


def test_write_json_rounds_keeps_order_and_ends_the_line(tmp_path):
    write_json(tmp_path / "a.json", {"b": 1 / 3, "a": {"n": 2, "none": None}})
    text = (tmp_path / "a.json").read_text()
    assert text == '{\n  "b": 0.333333,\n  "a": {\n    "n": 2,\n    "none": null\n  }\n}\n'


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_write_json_refuses_nan_and_leaves_what_was_there(tmp_path, wrong):
    write_json(tmp_path / "a.json", {"a": 1})
    with pytest.raises(ValueError):
        write_json(tmp_path / "a.json", {"a": {"b": wrong}})
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert json.loads((tmp_path / "a.json").read_text()) == {"a": 1}
