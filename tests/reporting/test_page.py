"""The building blocks of the report and the model card, also for hostile names."""

import re
import subprocess
import zlib
from html import unescape

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markupsafe import Markup
from PIL import Image

from rayling.common.errors import BadInput
from rayling.reporting import page, tables

HOSTILE = "<script>alert('x')</script> & | \""


def test_in_html_every_cell_is_text():
    shown = page.html_table([["", HOSTILE], [HOSTILE, "1"]])
    assert isinstance(shown, Markup) and "<script" not in shown and shown.count("&lt;script&gt;") == 2
    assert shown.count("<tr>") == 2 and shown.count("<td>") == 1
    assert shown.count('<th scope="col">') == 2 and shown.count('<th scope="row">') == 1


def test_a_table_in_markdown_keeps_its_columns():
    lines = page.markdown_table([["", "a|b"], ["c", "d"]]).splitlines()
    assert lines == ["|  | a\\|b |", "| --- | --- |", "| c | d |"]


@given(
    st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]) | st.sampled_from("_*`[]<>|&#~\\!()"))
)
def test_in_markdown_a_name_is_shown_as_it_is(name):
    shown = MarkdownIt("gfm-like", {"linkify": False}).render(f"For {page.markdown(name)}, x")
    assert unescape(re.sub("<.*?>", "", shown)).strip() == " ".join(f"For {' '.join(name.split())}, x".split())
    assert re.findall("<.*?>", shown) == ["<p>", "</p>"]


def test_a_picture_is_embedded_or_refused(tmp_path):
    (tmp_path / "no.png").write_bytes(b"GIF89a")
    Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16)).save(tmp_path / "whole.png")
    whole = (tmp_path / "whole.png").read_bytes()
    assert "data:image/png;base64," in page.picture(str(tmp_path / "whole.png"), "a description")
    (tmp_path / "cut.png").write_bytes(whole[:-20])
    (tmp_path / "flipped.png").write_bytes(whole[:20] + bytes([whole[20] ^ 1]) + whole[21:])
    claimed = whole[12:16] + (60000).to_bytes(4, "big") * 2 + whole[24:29]  # a header with a true checksum
    huge = whole[:12] + claimed + zlib.crc32(claimed).to_bytes(4, "big") + whole[33:]
    (tmp_path / "huge.png").write_bytes(huge)
    for name in ("absent.png", "no.png", "cut.png", "flipped.png", "huge.png"):
        with pytest.raises(BadInput, match=name):
            page.picture(str(tmp_path / name), "a description")


def test_numbers_are_shown_with_their_intervals():
    assert page.number(0.12345, 0.1, 0.2) == "0.123 (0.100–0.200)"
    assert page.number(None) == "–" and page.number(0.5, None, None) == "0.500"


def test_a_share_reads_0_or_100_only_if_it_is():
    shares = {"a": 0.0, "b": 0.0004, "c": 0.0005, "d": 0.5, "e": 0.9994, "f": 0.9999, "g": 1.0}
    shown = tables.out_of_distribution_sentence({"out_of_distribution": shares}).split(", ")
    percent = ["0.0%", "below 0.1%", "0.1%", "50.0%", "99.9%", "above 99.9%", "100.0%"]
    assert shown == [f"{text} of {name}" for text, name in zip(percent, shares, strict=True)]


def test_a_change_that_rounds_to_zero_has_no_minus():
    file = {"bytes": 1, "largest_difference": 0.0, "auroc": 0.8, "changed_decisions": 0.0}
    change = {"auroc_change": -0.00001, "auroc_change_low": -0.00012, "auroc_change_high": 0.00003}
    assert tables.file_table({"float32": file, "int8": file | change})[-1][-2] == "+0.0000 (-0.0001 to +0.0000)"


def test_a_share_of_decisions_is_shown_with_its_interval():
    file = {"bytes": 1, "largest_difference": 0.0, "auroc": 0.8, "changed_decisions": 0.0}
    share = {"changed_decisions": 0.004, "changed_decisions_low": 0.0001, "changed_decisions_high": 0.01}
    *_, full, small = tables.file_table({"float32": file, "int8": file | share})
    assert full[-1] == "0.0%" and small[-1] == "0.4% (below 0.1%–1.0%)"


def git(*arguments):
    settings = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
    return subprocess.check_output(["git", *settings, *arguments], text=True).strip()


def test_the_commit_is_the_last_that_changed_the_code(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert page.commit_line() == "Made outside a git repository"
    git("init", "-q")
    (tmp_path / "params.yaml").write_text("a: 1")
    git("add", ".")
    git("commit", "-qm", "one")
    first = git("rev-parse", "HEAD")
    (tmp_path / "README.md").write_text("changes no number")
    git("add", ".")
    git("commit", "-qm", "two")
    assert page.commit_line() == f"Made from commit {first}"
    (tmp_path / "params.yaml").write_text("a: 2")
    assert page.commit_line() == f"Made from commit {first}, with changes in params.yaml that are not committed"
