# SPDX-License-Identifier: Apache-2.0
"""The flat measures of one law, as they stand in the run document."""

from __future__ import annotations

import math
from typing import Any

from perilscope.cycle.assess import Law
from perilscope.cycle.settings import LEVELS
from perilscope.engines.joint.law import SignedLaw

Document = dict[str, Any]


def measures(law: Law | SignedLaw, years: float, *, curve: bool = False) -> Document:
    """Flat measures of one law; ``ale`` per year, the rest over the horizon."""
    found: Document = {
        "ale": law.mean / years,
        "sd": finite(law.sd),
        "probability_of_loss": 1.0 - law.none,
        "var": {f"{a:g}": law.var(a) for a in LEVELS},
        "cvar": {f"{a:g}": law.cvar(a) for a in LEVELS},
        "error": {f"{a:g}": finite(law.error[a]) for a in LEVELS},
        "method": law.method,
    }
    if curve:
        found["exceedance"] = [[loss, p] for loss, p in law.curve()]
    return found


def finite(value: float) -> float | None:
    """A number for the document; null where there is none."""
    return value if math.isfinite(value) else None
