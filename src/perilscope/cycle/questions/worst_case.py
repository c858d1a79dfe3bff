# SPDX-License-Identifier: Apache-2.0
"""How bad and how good everything together may be where nothing is known of its dependence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from perilscope.cycle.assess import Result
from perilscope.engines.grids.loss import LossLaw
from perilscope.engines.grids.worst_case import Bracket, extremes
from perilscope.errors import AssessmentError, MisuseError
from perilscope.layers.apart import apart, holding_of

Document = dict[str, Any]


def worst_case(result: Result, level: float, notes: list[str]) -> Document:
    """Bounds between layers, and between everything that has a law of its own.

    Parameters
    ----------
    result : Result
    level : float
        Of VaR and CVaR.
    notes : list of str
        Told what could not be bounded.
    """
    layers, own = _parts(result)
    if result.together is not None:
        market = result.together.whole.market
        layers["market"] = own["market"] = market.moved, market.window.low
    told: Document = {}
    for name, laws in (("layers", layers), ("scenarios", own)):
        if len(laws) < 2:
            continue  # nothing to depend on each other
        try:
            found = extremes([law for law, _ in laws.values()], level)
        except (AssessmentError, MisuseError) as error:
            notes.append(f"no worst case between {name}: {error}")
            continue
        low = math.fsum(aside for _, aside in laws.values())
        told[name] = {
            "parts": list(laws),
            "worst_var": _bracket(found.worst_var, low),
            "best_var": _bracket(found.best_var, low),
            "worst_cvar": found.worst_cvar + low,
            "best_cvar": _bracket(found.best_cvar, low),
            "added_var": found.added_var + low,
        }
    return told


Parts = dict[str, tuple[LossLaw, float]]
"""Laws, each moved up so as to begin at 0, and its lowest point."""


def _parts(result: Result) -> tuple[Parts, Parts]:
    """Layers and scenarios by themselves; losses in tokens at the prices of the market scenarios.

    Of those the lines of a capped holding are one part.
    """
    layers = {name: law for name, law in result.layers.items() if isinstance(law, LossLaw)}
    own = {key: law for key, law in result.laws.items() if isinstance(law, LossLaw)}
    if result.together is not None:
        whole = result.together.whole
        layers |= {name: law for name, law in result.layers_priced.items() if name in layers}
        for keys in dict.fromkeys(holding_of(whole, key) for key in whole.tokens):
            alone = [own.pop(key).none for key in keys]
            none = alone[0] if len(keys) == 1 else 0.0
            own[" + ".join(keys)] = apart(whole, keys, none=none)
    return _moved(layers), _moved(own)


def _moved(laws: Mapping[str, LossLaw]) -> Parts:
    return {name: (law, 0.0) for name, law in laws.items() if law.mean > 0.0}


def _bracket(found: Bracket, low: float) -> list[float]:
    return [found.low + low, found.high + low]
