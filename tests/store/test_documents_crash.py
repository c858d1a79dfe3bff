# SPDX-License-Identifier: Apache-2.0
"""A document is written whole or not at all."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest

from perilscope.errors import StoreError
from perilscope.store.documents import read_run, to_json, write_text


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_not_finite_are_refused(bad: float) -> None:
    with pytest.raises(StoreError, match="not finite"):
        to_json({"a": [1.0, bad]})


def test_a_write_that_fails_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.json"
    write_text(path, "old")

    def broken(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(StoreError, match="No space left"):
        write_text(path, "new")
    assert path.read_text(encoding="utf-8") == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["run.json"]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "[" * 100_000, '{"book": 1}'])
def test_what_is_no_run_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(text, encoding="utf-8")
    with pytest.raises(StoreError):
        read_run(tmp_path)


def test_a_folder_cannot_be_a_file(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("x", encoding="utf-8")
    with pytest.raises(StoreError, match="cannot write"):
        write_text(tmp_path / "out" / "run.json", "{}")
