# SPDX-License-Identifier: Apache-2.0
"""Perilscope: quantitative risk assessment of digital-asset operations.

>>> import perilscope
>>> lines = ("phishing: 1 in 2 years, 500k", "exploit: 1 in 5 years, 1M")
>>> run = perilscope.quantify(*lines, years=1000)
>>> run.ale
450000.0

Names are loaded when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from perilscope.api import Chart, Institution, Run, declare, load, quantify, read_prices
    from perilscope.errors import (
        AssessmentError,
        BookError,
        DataError,
        Fault,
        FaultsError,
        MisuseError,
        PerilscopeError,
        StoreError,
    )
    from perilscope.questions import Capital, Feedback, Moved, capital, diff, feedback

__version__ = "0.1.0"

_HOMES = {
    "perilscope.api": ("Chart", "Institution", "Run", "declare", "load", "quantify", "read_prices"),
    "perilscope.errors": (
        "AssessmentError",
        "BookError",
        "DataError",
        "Fault",
        "FaultsError",
        "MisuseError",
        "PerilscopeError",
        "StoreError",
    ),
    "perilscope.questions": ("Capital", "Feedback", "Moved", "capital", "diff", "feedback"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "AssessmentError",
    "BookError",
    "Capital",
    "Chart",
    "DataError",
    "Fault",
    "FaultsError",
    "Feedback",
    "Institution",
    "MisuseError",
    "Moved",
    "PerilscopeError",
    "Run",
    "StoreError",
    "capital",
    "declare",
    "diff",
    "feedback",
    "load",
    "quantify",
    "read_prices",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'perilscope' has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
