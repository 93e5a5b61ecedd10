"""The flow of images and patients through `prepare`, as an SVG: found, left out, split, shown in an epoch.

Lines and letters take the colour of the page around them, so that the diagram can be read in dark mode and in print.
"""

from collections.abc import Sequence

from markupsafe import Markup

WIDTH, COLUMN, GAP, LINE, PAD = 720, 226, 21, 20, 10  # in units of the SVG, which are pixels at full size
MIDDLE = WIDTH // 2

BOX = '<rect x="{x}" y="{y}" width="{w}" height="{h}" rx="6"/>'
TEXT = '<text x="{x}" y="{y}"{bold}>{text}</text>'
ARROW = '<path d="M{x1} {y1} L{x2} {y2}" marker-end="url(#arrow)"/>'
SVG = (
    '<svg class="flow" role="img" viewBox="0 0 {width} {height}" aria-label="{description}">'
    '<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
    '<path d="M0 0 L8 4 L0 8 z"/></marker></defs>{parts}</svg>'
)


def diagram(prepare: dict) -> Markup:
    """The diagram of `metrics/prepare.json`."""
    kept, left_out, splits, epoch = texts(prepare)
    y, parts = 0, []
    found_below = _box(parts, MIDDLE - COLUMN // 2, y, kept[:2])
    side_below = _box(parts, MIDDLE + COLUMN // 2 + GAP, y, left_out, width=WIDTH - MIDDLE - COLUMN // 2 - GAP)
    parts.append(_arrow(MIDDLE + COLUMN // 2, LINE + PAD, MIDDLE + COLUMN // 2 + GAP, LINE + PAD))
    y = max(found_below, side_below) + GAP
    parts.append(_arrow(MIDDLE, found_below, MIDDLE, y))
    kept_below = _box(parts, MIDDLE - COLUMN // 2, y, kept[2:])
    y, below = kept_below + 2 * GAP, 0
    for place, lines in enumerate(splits):
        x = place * (COLUMN + GAP)
        parts.append(_arrow(MIDDLE, kept_below, x + COLUMN // 2, y))
        below = max(below, _box(parts, x, y, lines))
    parts.append(_arrow(COLUMN // 2, below, COLUMN // 2, below + GAP))
    height = _box(parts, 0, below + GAP, epoch)
    return Markup(SVG).format(
        width=WIDTH, height=height + 1, description=sentence(prepare), parts=Markup("").join(parts)
    )


def texts(prepare: dict) -> tuple[list[str], list[str], list[list[str]], list[str]]:
    """The lines of the boxes: found and kept, left out, each split, an epoch. A box starts with its title."""
    images, patients, left_out = prepare["images"], prepare["patients"], prepare["left_out"]
    total, people = (sum(each["all"] for each in counted.values()) for counted in (images, patients))
    kept = [
        "Found",
        _count(total + left_out["all"], "image"),
        "Kept",
        _count(total, "image"),
        _count(people, "patient"),
    ]
    reasons = [f"{why}: {count:,}" for why, count in left_out.items() if why != "all"]
    out = ["Left out", _count(left_out["all"], "image"), *reasons]
    splits = [
        [split, _count(images[split]["all"], "image"), _count(patients[split]["all"], "patient")] for split in images
    ]
    known = prepare["labelled"]["images"]
    if known < images["train"]["all"]:
        splits[0].append(f"labels known of {_count(known, 'image')}")
    return kept, out, splits, ["one epoch of train", _count(prepare["balanced"]["all"], "image")]


def sentence(prepare: dict) -> str:
    """The same in words, for those who do not see it."""
    kept, left_out, splits, epoch = texts(prepare)
    boxes = [kept[:2], left_out, kept[2:], *splits, epoch]
    return "Flow of images and patients. " + " ".join(f"{title}: {', '.join(lines)}." for title, *lines in boxes)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _box(parts: list[Markup], x: int, y: int, lines: Sequence[str], width: int = COLUMN) -> int:
    """Add a box with a title and lines; return the y below it."""
    height = LINE * len(lines) + PAD
    parts.append(Markup(BOX).format(x=x, y=y + 0.5, w=width - 1, h=height))
    for number, line in enumerate(lines):
        bold = Markup(' font-weight="600"') if number == 0 else ""
        parts.append(Markup(TEXT).format(x=x + PAD, y=y + LINE * (number + 1), bold=bold, text=line))
    return y + height


def _arrow(x1: int, y1: int, x2: int, y2: int) -> Markup:
    return Markup(ARROW).format(x1=x1, y1=y1, x2=x2, y2=y2)
