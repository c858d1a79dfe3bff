# SPDX-License-Identifier: Apache-2.0
"""Machine code is kept apart for every state of the engines, whichever of their files changed."""

from __future__ import annotations

import pytest

import perilscope.engines
from perilscope.sources import machine

FILES = ("a.py", "sums/b.py")


@pytest.fixture
def engines(tmp_path, monkeypatch):
    """A folder that stands for the engines, with a file in it and one a folder deeper."""
    for name in FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")
    monkeypatch.setattr(perilscope.engines, "__path__", [str(tmp_path)])
    return tmp_path


@pytest.mark.parametrize("name", FILES)
def test_an_edit_of_any_file_names_another_folder(engines, name):
    before = machine._hash()
    assert machine._hash() == before
    (engines / name).write_text("x = 2\n")
    assert machine._hash() != before


def test_a_file_that_moves_names_another_folder(engines):
    before = machine._hash()
    (engines / "sums/b.py").rename(engines / "b.py")
    assert machine._hash() != before
