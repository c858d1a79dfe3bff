# SPDX-License-Identifier: Apache-2.0
"""Likelihoods of GARCH and their derivatives, compiled: the twin of `garch_plain`.

Only what fits many series imports this module, because Numba takes its time to load.
"""

from __future__ import annotations

from typing import Any

from perilscope.engines.volatility.garch_candidates import garch_values
from perilscope.engines.volatility.garch_exponential import egarch, egarch_path, egarch_values
from perilscope.engines.volatility.garch_lanes import by_lanes
from perilscope.engines.volatility.garch_single import garch_path, one_by_one
from perilscope.engines.volatility.garch_steps import accepted, boxed_step, pulled

__all__ = [
    "accepted",
    "boxed_step",
    "egarch",
    "egarch_path",
    "egarch_values",
    "garch",
    "garch_path",
    "garch_values",
    "pulled",
]
NAME = "numba"


def garch(where: Any, given: Any, before: Any, student: bool, skew: bool, *out: Any) -> None:
    """As `garch_plain.garch`."""
    if student or skew:
        one_by_one(where, given, before, student, skew, *out)
    else:
        by_lanes(where, given, before, *out)
