# SPDX-License-Identifier: Apache-2.0
"""Code that Numba compiles: whether it can be had, where it is kept, and loading it."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from types import ModuleType
from typing import Any

from perilscope.errors import MisuseError

Cache = Callable[[], "str | None"]
NAMES = ("auto", "numpy", "numba")


def installed() -> bool:
    """Whether code can be compiled at all."""
    return importlib.util.find_spec("numba") is not None


def keep(cache: Cache | None) -> None:
    """Have machine code kept in a folder; read when functions are made, at their import."""
    from numba.core import config

    folder = cache() if cache is not None else None
    if folder is not None:
        settings: Any = config
        settings.CACHE_DIR = folder


def check(name: str) -> None:
    """Refuse a backend that there is not.

    Raises
    ------
    MisuseError
        There is no such backend, or Numba is asked for and not installed.
    """
    if name not in NAMES:
        raise MisuseError(f"no backend {name!r}; there are {', '.join(NAMES)}")
    if name == "numba" and not installed():
        raise MisuseError(
            "the backend 'numba' needs the package numba: pip install 'perilscope[fast]', "
            "or take the backend 'numpy'"
        )


def load(module: str, cache: Cache | None = None) -> ModuleType | None:
    """A module of compiled functions, or None without Numba.

    Parameters
    ----------
    module : str
        Its full name.
    cache : callable, optional
        Gives the folder in which machine code is kept from run to run, or None; asked when the
        module is loaded. Absent, Numba's own setting holds (``NUMBA_CACHE_DIR``), and without
        that each process compiles anew.
    """
    if not installed():
        return None
    keep(cache)
    return importlib.import_module(module)
