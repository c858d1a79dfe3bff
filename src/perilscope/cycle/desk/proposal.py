# SPDX-License-Identifier: Apache-2.0
"""Weights that are proposed, with the trades that lead there; nothing is traded."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from perilscope.beliefs.law import point
from perilscope.cycle.desk import desk as desks
from perilscope.cycle.measures import Document
from perilscope.cycle.settings import Settings
from perilscope.engines.portfolio.budgets import least_cvar, shared_cvar
from perilscope.errors import MisuseError
from perilscope.evidence.positions import Position
from perilscope.layers.markets import PARTICIPATION

Floats = NDArray[np.float64]


def propose(
    path: Path,
    *,
    risk: Sequence[str] = (),
    days: int = 1,
    level: float = desks.LEVEL,
    liquid: float = 0.0,
    settings: Settings | None = None,
) -> Document:
    """Other weights for what is held of the assets that move, the money in them kept.

    Parameters
    ----------
    path : Path
        The book.
    risk : sequence of ``ASSET=SHARE`` or ``equal``
        Which share of CVaR each asset bears; least CVaR without any.
    days, level
        Of the CVaR.
    liquid : float
        Days within which every holding must be sold at a tenth of its daily volume; 0 for any.

    Raises
    ------
    MisuseError
        Nothing that moves is held long; a share of something that is not held.
    AssessmentError
        No weights meet what is asked.
    """
    if not 0.5 < level < 1.0:
        raise MisuseError(f"--level {level:g}: more than 0.5 and less than 1")
    found = desks.opened(path, settings)
    desk = found.desk
    still, values = desk.still(), desk.values()
    names = [a for a, v in values.items() if v > 0.0 and a not in still]
    if len(names) < 2:
        raise MisuseError("two assets that move must be held, or there is nothing to weigh")
    scenarios = desk.scenarios(days)
    losses = scenarios.losses[:, [desk.assets.index(a) for a in names]]
    total = math.fsum(values[a] for a in names)
    if risk:
        money = shared_cvar(losses, level, total, _shares(risk, names), scenarios.weights)
    else:
        most = _most(found, names, total, liquid)
        money = least_cvar(losses, level, total, most, scenarios.weights)
    lots = [
        Position(a, (new - values[a]) / desk.prices[a])
        for a, new in zip(names, money.tolist(), strict=True)
    ]
    after = replace(desk, lots=(*desk.lots, *lots))
    (old_var, old), (new_var, new) = desk.risk(days, level), after.risk(days, level)
    parts = after.contributions(days, level)
    return {
        **desks.head(found),
        "asked": "least CVaR" if not risk else "shares of CVaR",
        "days": days,
        "level": level,
        "var": [old_var, new_var],
        "cvar": [old, new],
        "trades": [
            {
                "asset": lot.asset,
                "units": lot.quantity,
                "worth": lot.quantity * desk.prices[lot.asset],
                "before": values[lot.asset],
                "after": values[lot.asset] + lot.quantity * desk.prices[lot.asset],
                "share": parts[lot.asset] / new if new else 0.0,
            }
            for lot in lots
        ],
        "findings": [*found.findings, "a proposal: nothing is traded, costs are not in it"],
    }


def _shares(risk: Sequence[str], names: Sequence[str]) -> Floats:
    if list(risk) == ["equal"]:
        return np.ones(len(names))
    given: dict[str, float] = {}
    for text in risk:
        asset, equals, share = text.partition("=")
        try:
            number = float(share.strip().rstrip("%")) if equals else math.nan
        except ValueError:
            number = math.nan
        if asset not in names or not number > 0.0:
            raise MisuseError(
                f"{text!r}: write ASSET=SHARE above zero, or equal; held and moving: "
                f"{', '.join(names)}"
            )
        given[asset] = number
    missing = [name for name in names if name not in given]
    if missing:
        raise MisuseError(f"no share of the risk is given for {', '.join(missing)}")
    return np.array([given[name] for name in names])


def _most(found: desks.Opened, names: Sequence[str], total: float, liquid: float) -> Floats:
    """The most in each asset: what can be sold in time, and the limit on one asset."""
    most = np.full(len(names), total)
    for limit in found.workspace.book.limits:
        if limit.measure.kind == "concentration" and limit.measure.subject == "asset":
            most = np.minimum(most, desks.allowed(found, limit))
    if liquid > 0.0:
        for place, name in enumerate(names):
            token = found.workspace.book.tokens.get(name)
            if token is None or token.daily_volume is None:
                raise MisuseError(f"--liquid needs `tokens: {{{name}: {{daily_volume: ...}}}}`")
            sold = liquid * PARTICIPATION * point(token.daily_volume)
            most[place] = min(most[place], sold)
    return most
