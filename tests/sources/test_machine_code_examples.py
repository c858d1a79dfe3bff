# SPDX-License-Identifier: Apache-2.0
"""The simulation is compiled by another process, whose memory is given back."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from perilscope.sources import compile_simulation, machine

pytest.importorskip("numba")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder for machine code with nothing in it."""
    monkeypatch.setattr(machine, "code_folder", lambda: str(tmp_path))
    return tmp_path


def kept(folder: Path) -> set[str]:
    """Functions of which there is machine code in a folder."""
    return {path.name.split("-")[0] for path in folder.rglob("*.nbi")}


def never(*_args: object, **_settings: object) -> None:
    raise AssertionError("another process is started")


def test_another_process_compiles_what_a_simulation_asks_for_once(folder, monkeypatch):
    assert machine.filled_folder() == str(folder)
    assert (folder / machine.READY).exists()
    needed = {"compiled._placed", "compiled._hit", "compiled._given", "compiled._values"}
    assert needed <= kept(folder)

    monkeypatch.setattr(subprocess, "run", never)
    assert machine.filled_folder() == str(folder)


@pytest.mark.parametrize("program", ["", "/no/such/program"])
def test_without_another_process_the_folder_stays_empty(folder, monkeypatch, program):
    monkeypatch.setattr(sys, "executable", program)
    assert machine.filled_folder() == str(folder)
    assert not list(folder.iterdir())


def test_without_a_folder_no_process_is_started(monkeypatch):
    monkeypatch.setattr(machine, "code_folder", lambda: None)
    monkeypatch.setattr(subprocess, "run", never)
    assert machine.filled_folder() is None


def test_the_other_process_starts_no_further_one(tmp_path, monkeypatch):
    monkeypatch.setattr(subprocess, "run", never)
    monkeypatch.setattr(compile_simulation, "keep", lambda _cache: None)
    compile_simulation.main(str(tmp_path))
    assert (tmp_path / machine.READY).exists()
