"""Masks of findings and organs lie where the phantom draws them."""

import numpy as np
import pytest

from rayling.phantom import masks
from rayling.phantom.anatomy import Body
from rayling.phantom.cohort import Study
from rayling.phantom.projection import View
from rayling.phantom.render import frontal

SIZE = {"size": 64, "drawn_at": 128}


def study(**severities):
    named = {name.replace("_", " "): severity for name, severity in severities.items()}
    return Study(seed=1, patient=5, number=1, sex="Male", body=Body(), view=View(), severities=named, lateral=False)


def centre(mask):
    """Mean x and y of a mask, 0..1 from the top left corner."""
    y, x = np.nonzero(mask)
    return x.mean() / len(mask), y.mean() / len(mask)


def test_lungs_and_heart_are_the_middle_of_the_picture_and_symmetric_but_for_the_heart():
    mask = masks.lungs_and_heart(study(), **SIZE)
    x, y = centre(mask)
    assert abs(x - 0.5) < 0.05 and 0.3 < y < 0.55 and 0.3 < mask.mean() < 0.7
    assert not mask[0].any() and not mask[-1].any() and not mask[:, 0].any() and not mask[:, -1].any()


def test_an_effusion_lies_low_at_the_side():
    mask, chest = masks.finding(study(Pleural_Effusion=0.5), "Pleural Effusion", **SIZE), study()
    x, y = centre(mask)
    assert y > centre(masks.lungs_and_heart(chest, **SIZE))[1] + 0.1 and abs(x - 0.5) > 0.05


def test_an_enlarged_heart_is_where_its_borders_have_moved_to():
    mask = masks.finding(study(Cardiomegaly=1.0), "Cardiomegaly", **SIZE)
    before, after = (masks.lungs_and_heart(each, **SIZE) for each in (study(), study(Cardiomegaly=1.0)))
    assert mask.any() and (mask & after).sum() > 0.8 * mask.sum() and before.sum() <= after.sum()


@pytest.mark.parametrize("name", ["Lung Lesion", "Consolidation", "Pneumothorax", "Support Devices"])
def test_pixels_outside_the_mask_change_less_in_the_picture_itself(name):
    ill, well = study(**{name.replace(" ", "_"): 0.8}), study()
    mask = masks.finding(ill, name, size=128, drawn_at=128)
    pictures = [frontal(s.body, s.view, s.severities, 128, (1, 5), (1, 5, 1)).astype(float) for s in (ill, well)]
    change = np.abs(pictures[0] - pictures[1])
    assert 0 < mask.mean() < 0.5 and change[mask].mean() > 3 * change[~mask].mean()


def test_the_finding_is_told_apart_from_others_of_the_same_patient():
    both = study(Lung_Lesion=0.8, Pleural_Effusion=0.5)
    alone = masks.finding(study(Lung_Lesion=0.8), "Lung Lesion", **SIZE)
    together = masks.finding(both, "Lung Lesion", **SIZE)
    assert (alone & together).sum() > 0.5 * (alone | together).sum()
    assert not (together & masks.finding(both, "Pleural Effusion", **SIZE)).sum() > 0.2 * together.sum()


def test_what_a_study_does_not_have_has_no_mask():
    with pytest.raises(KeyError, match="Edema"):
        masks.finding(study(Fracture=0.5), "Edema", **SIZE)
