"""The notice in every exported file and in the report, in a file of its own because both depend on it."""

NOTICE = "Not for clinical use."
SYNTHETIC = "phantom"  # the study with rendered X-rays


def of(study: str) -> str:
    """The notice for the networks of a study."""
    return f"{NOTICE} Trained and tested on synthetic X-rays, which show no patient." if study == SYNTHETIC else NOTICE
