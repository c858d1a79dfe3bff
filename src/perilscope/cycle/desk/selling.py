# SPDX-License-Identifier: Apache-2.0
"""Liquidity of what a book holds: sales, adjusted figures, concentration by venue and issuer."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from perilscope.cycle.desk.desk import LEVEL, head, opened
from perilscope.cycle.settings import Settings
from perilscope.errors import MisuseError
from perilscope.layers.desk import Desk
from perilscope.layers.liquidity import sold
from perilscope.layers.markets import PARTICIPATION

if TYPE_CHECKING:
    from perilscope.cycle.measures import Document  # it knows the whole walk


def selling(
    path: Path,
    level: float = LEVEL,
    participation: float = PARTICIPATION,
    weekend: float | None = None,
    settings: Settings | None = None,
) -> Document:
    """How long everything takes to sell, what it costs, and what it adds to VaR and CVaR.

    Raises
    ------
    MisuseError
        A level or a share that cannot be.
    """
    if not 0.5 < level < 1.0:
        raise MisuseError(f"--level {level:g}: more than 0.5 and less than 1")
    if not (0.0 < participation <= 1.0 and (weekend is None or 0.0 < weekend <= 1.0)):
        raise MisuseError("--participation and --weekend are shares above 0, up to 1")
    found = opened(path, settings)
    result = sold(found.desk, level, participation, weekend)
    return {
        **head(found),
        "level": level,
        "participation": participation,
        "weekend": found.desk.calendar.weekend if weekend is None else weekend,
        "sales": [
            {k: (v if v != math.inf else None) for k, v in asdict(sale).items()}
            for sale in result.sales
        ],
        "cost": result.cost,
        "var": result.var,
        "cvar": result.cvar,
        "adjusted_var": result.adjusted_var,
        "adjusted_cvar": result.adjusted_cvar,
        "adjusted_var_interval": list(result.var_interval),
        "adjusted_cvar_interval": list(result.cvar_interval),
        "windows": result.windows,
        "concentration": {kind: _concentrated(found.desk, kind) for kind in _KINDS},
        "findings": [*found.findings, *result.notes],
    }


_KINDS = ("venue", "issuer", "counterparty", "chain")


def _concentrated(desk: Desk, kind: str) -> Document:
    """What lies with each, its share of the whole, and how many equal parts that would be."""
    parts: dict[str, float] = {}
    for lot in desk.priced():
        token = desk.book.tokens.get(lot.asset)
        issuer = (token.issuer or "") if token is not None else ""
        key = issuer if kind == "issuer" else getattr(lot, kind)
        if key:
            parts[key] = parts.get(key, 0.0) + desk.worth_of(lot)
    whole = math.fsum(abs(v) for v in parts.values())
    shares = [abs(v) / whole for v in parts.values()] if whole else []
    squares = math.fsum(s * s for s in shares)
    return {
        "parts": [
            {"name": name, "value": v, "share": abs(v) / whole if whole else 0.0}
            for name, v in sorted(parts.items(), key=lambda pair: -abs(pair[1]))
        ],
        "hhi": squares if shares else None,
        "equal_parts": 1.0 / squares if squares else None,
    }
