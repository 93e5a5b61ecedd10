"""The items of two reporting guidelines, and where this run answers them.

CLAIM, 2024 update: Tejani et al. 2024, Radiology: Artificial Intelligence 6(4):e240300. TRIPOD+AI: Collins et al. 2024,
BMJ 385:e078378. The topics are in our words; the numbers are those of the guidelines.
"""

import csv

from rayling.reporting.page import TEMPLATES, Table

FOR_THE_AUTHOR = "for the author"


def checklist() -> Table:
    """A row for each topic: its numbers in both guidelines, and where in the report or the repository it is answered.

    What the pipeline cannot know is left to the author.
    """
    with (TEMPLATES / "checklist.csv").open(encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    return [head, *([*numbers, where or FOR_THE_AUTHOR] for *numbers, where in rows)]
