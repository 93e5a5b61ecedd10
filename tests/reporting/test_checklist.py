"""The checklist has every item of both guidelines, and says where only what is there."""

import re

from rayling.reporting.checklist import FOR_THE_AUTHOR, checklist
from rayling.reporting.page import TEMPLATES
from tests.tiny import ROOT

TRIPOD_WITH_PARTS = {3: "abc", 5: "ab", 6: "abc", 8: "abc", 9: "abc", 12: "abcdefg", 18: "abcdef", 20: "abc", 23: "ab"}
TRIPOD_WITH_PARTS |= {27: "abc"}


def numbers(column):
    head, *rows = checklist()
    place = head.index(column)
    return {number for row in rows for number in row[place].split(", ") if number}


def test_every_item_of_both_guidelines_has_a_row():
    assert numbers("CLAIM") == {str(number) for number in range(1, 45)}
    expected = {f"{n}{part}" for n in range(1, 28) for part in TRIPOD_WITH_PARTS.get(n, [""])}
    assert numbers("TRIPOD+AI") == expected


def test_what_it_names_exists():
    report = (TEMPLATES / "report.html").read_text(encoding="utf-8")
    headings = re.findall(r"<(?:h2|h3|summary)>([^<{]+)", report)
    written = (
        "data/split.csv",
        "data/unreadable.csv",
        "data/predictions",
        "data/backbones",
        "data/models",
    )  # by stages
    for *_, where in checklist()[1:]:
        for place in where.split("; "):
            name = place.split(":")[0].split(" and ")[0]
            known = name.startswith((*headings, *written, "python -m rayling.predict")) or (ROOT / name).exists()
            known = known or any(heading.startswith(name) for heading in headings)
            assert known or place.endswith(FOR_THE_AUTHOR), place
