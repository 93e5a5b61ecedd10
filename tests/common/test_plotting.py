"""Letters that matplotlib's own font does not have."""

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from rayling.common import plotting


def picture(path, title):
    figure = Figure(figsize=(2, 1))
    figure.suptitle(title)
    plotting.save_figure(figure, path)
    return path.read_bytes()


def test_letters_that_no_font_has_are_told_once_for_all_pictures(tmp_path, capsys, recwarn, monkeypatch):
    monkeypatch.setitem(matplotlib.rcParams, "font.family", ["DejaVu Sans"])
    plotting._say_that_letters_are_missing.cache_clear()
    picture(tmp_path / "a.png", "Pleural Effusion ± ß")
    assert not capsys.readouterr().out
    assert picture(tmp_path / "b.png", "肺炎") == picture(tmp_path / "c.png", "心脏")  # boxes
    assert capsys.readouterr().out.count("\n") == 1
    assert not recwarn.list


def test_another_warning_is_not_lost(tmp_path, monkeypatch):
    monkeypatch.setattr(Figure, "draw", lambda *_: np.log(np.zeros(1)))
    with np.errstate(all="warn"), pytest.warns(RuntimeWarning, match="divide by zero"):
        picture(tmp_path / "a.png", "x")
