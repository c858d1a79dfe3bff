# SPDX-License-Identifier: Apache-2.0
"""Where machine code is kept: in the user's cache, in a folder named by the engine files."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

import perilscope
from perilscope.sources.machine import code_folder


@pytest.fixture(autouse=True)
def _asked_anew(monkeypatch):
    for name in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    code_folder.cache_clear()
    yield
    code_folder.cache_clear()


def test_it_lies_in_the_users_cache_and_is_named_by_the_engine_files(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    wanted = hashlib.sha256()
    for path in sorted((Path(perilscope.__file__).parent / "engines").glob("*.py")):
        wanted.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    folder = tmp_path / "perilscope" / "compiled" / wanted.hexdigest()[:16]
    assert code_folder() == str(folder)
    assert folder.is_dir()


def test_numbas_own_setting_comes_first(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other"))
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "mine"))
    assert code_folder() == str(tmp_path / "mine")
    assert not (tmp_path / "other").exists()


def test_a_home_without_a_setting(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")  # to be ignored, says its specification
    folder = code_folder()
    assert folder is not None
    assert Path(folder).is_relative_to(tmp_path)


def test_where_nothing_can_be_written_there_is_no_folder(tmp_path, monkeypatch):
    in_the_way = tmp_path / "file"
    in_the_way.write_text("not a folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(in_the_way))
    assert code_folder() is None
