# SPDX-License-Identifier: Apache-2.0
"""Where machine code compiled for this user is kept from run to run.

The folder is named by the hash of all engine files: Numba notices an edit of the file that a
function is written in, but not of another that it was compiled with.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import perilscope.engines

_NAME = "perilscope"
READY = "simulation.ready"
"""In a folder of machine code: that of the simulation is complete."""
_LONGEST = 300.0
"""Seconds after which another process is not waited for."""


@cache
def code_folder() -> str | None:
    """A folder for compiled code in the user's cache, or None where none can be written.

    Returns
    -------
    str or None
        ``NUMBA_CACHE_DIR`` where that is set; else below ``XDG_CACHE_HOME``, ``LOCALAPPDATA`` or
        what stands for them. Never in the project or beside the package.
    """
    given = os.environ.get("NUMBA_CACHE_DIR")
    try:
        folder = Path(given) if given else _home() / _NAME / "compiled" / _hash()
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # read-only, or a user without a home
        return None
    return str(folder) if os.access(folder, os.W_OK | os.X_OK) else None


def filled_folder() -> str | None:
    """The same folder, with machine code of the simulation in it, compiled by another process.

    Some 50 MiB that a compiler takes are given back when its process ends, and only then. Where
    another process cannot be started, who uses the folder compiles.
    """
    folder = code_folder()
    if folder is not None and not (Path(folder) / READY).exists():
        _compile_apart(folder)
    return folder


def _compile_apart(folder: str) -> None:
    if not sys.executable or getattr(sys, "frozen", False):
        return  # an application in one file would start itself
    program = [sys.executable, "-m", "perilscope.sources.compile_simulation", folder]
    try:
        subprocess.run(program, capture_output=True, check=False, timeout=_LONGEST)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return


def _home() -> Path:
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        place = os.environ.get(name, "")
        if os.path.isabs(place):
            return Path(place)
    return Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache")


def _hash() -> str:
    root, found = Path(perilscope.engines.__path__[0]), hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        name = path.relative_to(root).as_posix()
        found.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()[:16]
