"""What is read from `params.yaml`: the keys that were named, with the values of the file alone."""

import re

import pytest
import yaml
from dvc.utils.hydra import apply_overrides
from pydantic_core import PydanticUndefined

from rayling.common.errors import BadInput
from rayling.config import params, schema
from tests.config.edits import STUDIES, TEXT, edited


@pytest.mark.parametrize("study", STUDIES)
def test_every_study_of_the_repository_is_valid_and_can_be_read(tmp_path, study):
    path = edited(tmp_path, "study", study)
    found = params.read("data", "teacher", "student", path=path)
    expected = yaml.safe_load(TEXT)["studies"][study]
    assert found.data.labels == expected["data"]["labels"]
    assert found.teacher.backbones == expected["teacher"]["backbones"]
    leaf = params.read("student.head", "student.weights.hard", path=path).student
    assert (leaf.head, leaf.weights.hard) == (expected["student"]["head"], expected["student"]["weights"]["hard"])
    assert not hasattr(leaf, "epochs")


def test_a_number_may_be_written_without_its_dot(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text(re.sub(r"lr: \S+", "lr: 1e-4", TEXT), encoding="utf-8")
    assert params.read("teacher", path=path).teacher.lr == 0.0001


def test_keys_that_were_not_named_are_not_returned(tmp_path):
    found = params.read("temperature", "views", path=edited(tmp_path, "temperature", 30))
    assert found.temperature == 30
    assert set(vars(found)) == {"temperature", "views"}
    assert not hasattr(found, "student")


def test_the_whole_file_is_plain_values_and_is_checked(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text(TEXT, encoding="utf-8")
    found = params.read_all(path)
    assert found["studies"]["phantom"]["teacher"]["lr"] == 0.001 and list(found["studies"]) == STUDIES
    for key, value in {"study": "phantm", "temprature": 20}.items():
        with pytest.raises(BadInput, match=f"params.yaml: {key}: "):
            params.read_all(edited(tmp_path, key, value))


def blocks(section: type[schema.Section]) -> list[type[schema.Section]]:
    """A class of the schema and all classes derived from it."""
    return [section, *(found for derived in section.__subclasses__() for found in blocks(derived))]


def test_no_default_of_the_schema_stands_for_a_value():
    # an edit of rayling/config reruns `check` alone: no stage that reads a value may get another one by it
    fields = [field for section in blocks(schema.Section) for field in section.model_fields.values()]
    defaults = [field.get_default(call_default_factory=True) for field in fields]
    assert len(fields) > 70 and {} in defaults
    assert all(default is PydanticUndefined or default in ({}, "", False, None) for default in defaults)


def test_what_dvc_writes_with_set_param_keeps_the_file_and_its_comments(tmp_path):
    file = tmp_path / "params.yaml"
    file.write_text(TEXT, encoding="utf-8")
    for temperature in (30, 20):
        apply_overrides(file, [f"temperature={temperature}"])
    assert file.read_text(encoding="utf-8") == TEXT
