# SPDX-License-Identifier: Apache-2.0
"""Basel's CVaR over liquidity horizons of what is held, and the multiplier its exceptions earn."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from perilscope.cycle.measures import Document
from perilscope.cycle.risk import prepared
from perilscope.cycle.rolling import Source
from perilscope.engines import returns
from perilscope.engines.backtests import frtb
from perilscope.engines.backtests.exceptions import traffic_light
from perilscope.engines.models import named
from perilscope.engines.rolling import rolled
from perilscope.engines.streams import stream
from perilscope.errors import AssessmentError, MisuseError

Floats = NDArray[np.float64]

DAYS, DAYS_LEVEL = 250, 0.99
"""Days and level of the backtest behind the multiplier (MAR32.4)."""
REPS = 300
BLOCK = 20


def parse_horizons(text: str) -> dict[str, int]:
    """Liquidity horizons as they are said: ``BTC=10,SOL=40``; Basel's are 10, 20, 40, 60, 120.

    Examples
    --------
    >>> parse_horizons("BTC=10, SOL=40")
    {'BTC': 10, 'SOL': 40}
    """
    found: dict[str, int] = {}
    for part in text.split(",") if text.strip() else ():
        name, _, days = (piece.strip() for piece in part.partition("="))
        if not name or days not in {f"{h:g}" for h in frtb.HORIZONS}:
            raise MisuseError(
                f"--liquidity: {part.strip()!r}: write it like BTC=10,SOL=40; Basel's horizons are "
                "10, 20, 40, 60 and 120 days"
            )
        if name in found:
            raise MisuseError(f"--liquidity: {name} stands twice")
        found[name] = int(days)
    return found


def _cascade(parts: Mapping[float, Floats], rows: NDArray[np.int64] | None) -> float:
    """CVaR over liquidity horizons of some of the windows."""
    partial = {
        horizon: max(
            returns.historical(losses if rows is None else losses[rows], frtb.LEVEL)[1], 0.0
        )
        for horizon, losses in parts.items()
    }
    return frtb.liquidity_horizon_cvar(partial)


def _interval(parts: Mapping[float, Floats], seed: int) -> tuple[float, float]:
    """90 % interval by moving blocks of windows, all horizons resampled together."""
    size = len(next(iter(parts.values())))
    block = min(BLOCK, max(size // 3, 1))
    rng = stream(seed, "market", "liquidity horizons")
    starts = rng.integers(0, size - block + 1, (REPS, -(-size // block)))
    found = np.sort(
        [_cascade(parts, (row[:, None] + np.arange(block)).reshape(-1)[:size]) for row in starts]
    )
    cut = math.floor(0.05 * REPS)
    return float(found[cut]), float(found[REPS - 1 - cut])


def frtb_of(source: Source, liquidity: Mapping[str, int]) -> Document:
    """CVaR at 97.5 % over liquidity horizons, exceptions at 99 % of 250 days, and their product.

    Parameters
    ----------
    source : Source
    liquidity : mapping of asset to days
        10 days for an asset that is not in it.

    Raises
    ------
    MisuseError
        A horizon of something that is not held.
    AssessmentError
        Too short a history.
    """
    stray = [asset for asset in liquidity if asset not in source.weights]
    if stray:
        raise MisuseError(f"--liquidity: {', '.join(stray)}: not held")
    base = int(frtb.BASE_HORIZON)
    ready = prepared(
        source.history, source.weights, replace(source.asked, horizon=base), source.revalue
    )
    sample, assets = ready.sample, list(source.weights)
    of = {asset: liquidity.get(asset, base) for asset in assets}
    horizons = sorted({base, *of.values()})
    parts: dict[float, Floats] = {}
    for horizon in horizons:
        moving = np.array([of[asset] >= horizon for asset in assets])
        parts[float(horizon)] = sample.lost((sample.moves * moving)[:, sample.held])
    daily = replace(sample, horizon=1)
    window = min(365, len(daily.returns) - DAYS)
    if window < DAYS:
        raise AssessmentError(
            f"{len(daily.returns)} daily returns: {2 * DAYS} are needed, {DAYS} to count "
            f"exceptions on and {DAYS} before them"
        )
    past = rolled(named("historical"), daily, DAYS_LEVEL, DAYS, window)
    count = int(np.count_nonzero(past.loss > past.var))
    light = traffic_light(count, len(past.loss), DAYS_LEVEL).parameters
    cvar, multiplier = _cascade(parts, None), light["multiplier_frtb"]
    assert isinstance(multiplier, float)
    low, high = _interval(parts, source.asked.seed)
    return {
        "portfolio": source.name,
        "level": frtb.LEVEL,
        "from": ready.first.isoformat(),
        "to": ready.last.isoformat(),
        "windows": sample.windows,
        "horizons": [
            {
                "days": horizon,
                "assets": [asset for asset in assets if of[asset] >= horizon],
                "cvar": returns.historical(parts[float(horizon)], frtb.LEVEL)[1],
            }
            for horizon in horizons
        ],
        "cvar": cvar,
        "interval": [low, high],
        "exceptions": count,
        "days": len(past.loss),
        "zone": light["zone"],
        "multiplier": multiplier,
        "product": multiplier * cvar,
        "findings": [*source.findings, *ready.findings],
    }
