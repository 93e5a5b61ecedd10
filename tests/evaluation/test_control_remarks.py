"""What the remarks on the controls say of their scores."""

import pytest

from rayling.evaluation import control_remarks


def aurocs(macro, *, half=0.02, **per_label):
    """The scores that a remark reads; every interval is `half` wide on each side."""
    low, high = (None, None) if macro is None else (macro - half, macro + half)
    lows = {name: score - half for name, score in per_label.items()}
    scores = {"macro": macro, "macro_low": low, "macro_high": high, "per_label": per_label, "per_label_low": lows}
    return {"auroc": scores}


@pytest.mark.parametrize(
    ("low", "student", "high"),
    [
        (0.76, 1.0, True),
        (0.74, 1.0, False),
        (0.61, 0.7, True),
        (0.59, 0.7, False),
        (0.51, 0.5, True),
        (0.51, 0.3, True),
        (0.49, 0.3, False),
        (None, 0.9, False),
        (0.9, None, False),
    ],
)
def test_a_control_is_high_from_halfway_between_chance_and_the_student(low, student, high):
    assert control_remarks.is_high(low, student) is high


def test_with_a_high_border_the_remark_says_that_the_score_is_no_evidence():
    remark = control_remarks.border_remark(aurocs(0.93, half=0.01, A=0.93), aurocs(0.99, A=0.99))
    assert "AUROC of 0.930 (0.920–0.940), the student 0.990." in remark
    assert remark.endswith("no evidence of diagnosis.")
    remark = control_remarks.border_remark(aurocs(0.9, A=0.98, B=0.7), aurocs(0.99, A=0.99, B=0.99))
    assert "no evidence of diagnosis" in remark and "above all 'A' (AUROC 0.980, student 0.990)." in remark


def test_an_interval_that_reaches_below_halfway_raises_no_suspicion():
    remark = control_remarks.border_remark(aurocs(0.78, half=0.1, A=0.78), aurocs(0.99, A=0.99))
    assert "no evidence" not in remark and "'A'" not in remark
    assert "does not explain" in remark


def test_a_label_with_a_high_border_is_named_alone():
    remark = control_remarks.border_remark(aurocs(0.6, A=0.55, B=0.85), aurocs(0.87, A=0.85, B=0.9))
    assert "does not explain" in remark
    assert "'B' (AUROC 0.850, student 0.900)" in remark and "'A'" not in remark


def test_a_label_that_the_source_gives_away_is_named():
    student, source_alone = aurocs(0.99, A=0.99, B=0.98, C=0.99), aurocs(0.68, A=0.52, B=0.51, C=1.0)
    remark = control_remarks.source_remark(aurocs(0.99), source_alone, student, from_one={})
    assert "'C' (AUROC 1.000, student 0.990)" in remark and "'A'" not in remark
    assert "A score on these labels may reflect the source" in remark
    remark = control_remarks.source_remark(aurocs(0.99), source_alone, student, from_one={"A": "x", "B": "x", "C": "y"})
    assert "'A' (positive only in x)" in remark and "'C' (AUROC 1.000, student 0.990, positive only in y)" in remark
    assert "A score on this study may reflect the source" in remark


@pytest.mark.parametrize(
    ("probe", "source_alone", "text"),
    [
        (None, None, "has only one source"),
        (aurocs(None), aurocs(0.9, A=0.9), "is unknown"),
        (aurocs(0.7), aurocs(0.9, A=0.9), "hard to predict"),
        (aurocs(0.99), aurocs(None), "unknown"),
        (aurocs(0.99), aurocs(0.55, A=0.55), "reveals little about the labels"),
        (aurocs(0.99), aurocs(0.9, A=0.9), "no evidence of diagnosis"),
    ],
)
def test_the_source_is_suspected_if_it_can_be_predicted_and_gives_labels_away(probe, source_alone, text):
    remark = control_remarks.source_remark(probe, source_alone, aurocs(0.95, A=0.95), from_one={})
    assert text in remark
    assert ("no evidence" in remark) == ("no evidence" in text)


@pytest.mark.parametrize("border", [aurocs(None), {"auroc": aurocs(1.0, A=1.0)["auroc"] | {"macro_low": None}}])
def test_a_border_without_a_score_or_without_an_interval_allows_no_conclusion(border):
    remark = control_remarks.border_remark(border, aurocs(0.9, A=0.9))
    assert (
        remark
        == "Nothing can be concluded about the border: in test, no label has 10 patients with it and 10 without it."
    )
