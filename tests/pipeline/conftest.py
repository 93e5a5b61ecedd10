"""Fixtures that several tests of the pipeline share."""

import pytest

from tests.pipeline.prepare_study import RAW


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty data/raw/mine in a current folder of the test's own."""
    monkeypatch.chdir(tmp_path)
    RAW.mkdir(parents=True)
    return RAW
