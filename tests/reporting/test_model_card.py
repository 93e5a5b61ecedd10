"""The head of the model card, as the Hugging Face Hub's own library reads it."""

import pytest
from huggingface_hub import ModelCard
from huggingface_hub.repocard_data import model_index_to_eval_results

from rayling.reporting import model_card

STUDENT = {"auroc": {"macro": 0.87}, "average_precision": {"macro": None}, "f1": {"macro": 0.62}}


@pytest.fixture
def card():
    return lambda **about: ModelCard(model_card.head(**about) + "\n# Model card\n")


def test_the_hub_finds_licence_task_and_results(card):
    data = card(study="phantom", synthetic=True, student=STUDENT).data
    assert (data.license, data.pipeline_tag, data.library_name) == ("apache-2.0", "image-classification", "onnx")
    assert "not-for-clinical-use" in data.tags and data.metrics == ["f1", "roc_auc"]
    found = {(each.dataset_name, each.metric_type): each.metric_value for each in data.eval_results}
    assert found == {("phantom", "roc_auc"): 0.87, ("phantom", "f1"): 0.62}  # none that is not defined


def test_real_x_rays_leave_the_licence_to_those_who_lent_them(card):
    data = card(study="covid", synthetic=False, student=STUDENT | {"accuracy": 0.9}).data
    assert data.license == "other" and data.license_name and "accuracy" in data.metrics


def test_a_study_whose_name_is_a_number_stays_a_name(card):
    data = card(study="2021", synthetic=False, student=STUDENT).data
    assert data.eval_results[0].dataset_name == "2021"
    name, _ = model_index_to_eval_results(data.to_dict()["model-index"])
    assert name == "student of 2021"
