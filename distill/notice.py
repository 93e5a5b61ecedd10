"""What every network that leaves this project says of itself."""

NOTICE = "Not for clinical use."
DRAWN = "phantom"  # the study whose X-rays `distill/render.py` draws


def of(study: str) -> str:
    """The notice of a network of this study."""
    return f"{NOTICE} Trained and tested on synthetic X-rays, which show no patient." if study == DRAWN else NOTICE
