# SPDX-License-Identifier: Apache-2.0
"""Basel's trading-book figures: CVaR over liquidity horizons and of stress, attribution."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from perilscope.cycle.desk.rolling import Source
from perilscope.cycle.desk.samples import Prepared, prepared
from perilscope.cycle.measures import Document
from perilscope.engines.backtests import frtb
from perilscope.engines.backtests.exceptions import traffic_light
from perilscope.engines.forecasts.history import Sample
from perilscope.engines.forecasts.models import named
from perilscope.engines.forecasts.rolling import rolled
from perilscope.engines.portfolio import returns
from perilscope.engines.streams import stream
from perilscope.errors import AssessmentError, MisuseError
from perilscope.evidence.forecasts import parse_profits
from perilscope.sources.files import read_bytes

Floats = NDArray[np.float64]

DAYS, DAYS_LEVEL = 250, 0.99
"""Days and level of the backtest behind the multiplier (MAR32.4)."""
YEAR = 365
WEEKS = 12
"""Over which the reduced factors must explain CVaR (MAR33.5)."""
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
    rng = stream(seed, "market", "liquidity horizons")
    return _middle([_cascade(parts, _blocks(size, rng)) for _ in range(REPS)])


def frtb_of(
    source: Source,
    liquidity: Mapping[str, int],
    reduced: Sequence[str] = (),
    unmodelled: Sequence[str] = (),
) -> Document:
    """CVaR at 97.5 % over liquidity horizons, of the past and of stress, exceptions and capital.

    Parameters
    ----------
    source : Source
    liquidity : mapping of asset to days
        10 days for an asset that is not in it.
    reduced : sequence of str
        Assets whose prices reach back to a time of stress, the reduced set of risk factors; all
        that is held without.
    unmodelled : sequence of str
        Assets whose prices cannot be modelled, for want of trades: each stands with a stress
        scenario of its own and in none of the other figures but the exceptions.

    Raises
    ------
    MisuseError
        A horizon of something that is not held, or a set of it; or nothing can be modelled.
    AssessmentError
        Too short a history.
    """
    said = {"--liquidity": liquidity, "--reduced": reduced, "--unmodelled": unmodelled}
    for option, names in said.items():
        stray = [asset for asset in names if asset not in source.weights]
        if stray:
            raise MisuseError(f"{option}: {', '.join(stray)}: not held")
    modelled = tuple(asset for asset in source.weights if asset not in unmodelled)
    if not modelled or set(reduced) & set(unmodelled):
        raise MisuseError("--unmodelled: what is left to model must be something, and --reduced")
    every = _windows(source, liquidity, tuple(source.weights))
    full = _windows(source, liquidity, modelled) if unmodelled else every
    few = _windows(source, liquidity, tuple(reduced)) if reduced else full
    counted = _exceptions(every.ready.sample)
    cvar = _cascade(full.parts, None)
    low, high = _interval(full.parts, source.asked.seed)
    stress = _stressed(full, few, source.asked.seed)
    alone = {
        asset: _windows(source, {asset: _least_horizon(liquidity, asset)}, (asset,))
        for asset in dict.fromkeys(unmodelled)
    }
    base = full.parts[frtb.BASE_HORIZON]
    return {
        "portfolio": source.name,
        "level": frtb.LEVEL,
        "from": full.ready.first.isoformat(),
        "to": full.ready.last.isoformat(),
        "windows": len(base),
        "horizons": [
            {
                "days": int(horizon),
                "assets": full.moving[horizon],
                "cvar": returns.historical(losses, frtb.LEVEL)[1],
            }
            for horizon, losses in full.parts.items()
        ],
        "cvar": cvar,
        "interval": [low, high],
        "stress": stress,
        **counted,
        "capital": _capital(full, few, alone, stress, counted["multiplier"]),
        "findings": list(
            dict.fromkeys([*source.findings, *every.ready.findings, *few.ready.findings])
        ),
    }


@dataclass(frozen=True)
class _Windows:
    """Losses over ten days of what still moves at each liquidity horizon, in the order of time."""

    ready: Prepared
    parts: Mapping[float, Floats]
    moving: Mapping[float, list[str]]

    def cvar(self, rows: slice) -> float:
        """Over the liquidity horizons, of some windows."""
        return _cascade({horizon: losses[rows] for horizon, losses in self.parts.items()}, None)


def _windows(source: Source, liquidity: Mapping[str, int], assets: tuple[str, ...]) -> _Windows:
    """Of some of the assets; the others are taken not to move."""
    base = int(frtb.BASE_HORIZON)
    weights = {asset: source.weights[asset] for asset in assets}
    asked = replace(source.asked, horizon=base)
    ready = prepared(source.history, weights, asked, source.revalue)
    sample, held = ready.sample, [row["asset"] for row in ready.assets]
    of = {asset: liquidity.get(asset, base) for asset in held}
    parts: dict[float, Floats] = {}
    moving: dict[float, list[str]] = {}
    for horizon in sorted({base, *of.values()}):
        mask = np.array([of[asset] >= horizon for asset in held])
        moved = (sample.moves * mask)[:, sample.held]
        parts[float(horizon)] = sample.losses if mask.all() else sample.lost(moved)
        moving[float(horizon)] = [asset for asset in held if of[asset] >= horizon]
    return _Windows(ready, parts, moving)


def _stressed(full: _Windows, few: _Windows, seed: int) -> Document:
    """CVaR of the worst twelve months of the reduced factors, scaled to all of today's.

    Source: Basel framework, MAR33.5 to MAR33.8.
    """
    year = YEAR - int(frtb.BASE_HORIZON) + 1
    now, count = slice(-year, None), len(few.parts[frtb.BASE_HORIZON])
    starts = range(max(count - year, 0) + 1)
    past = [few.cvar(slice(start, start + year)) for start in starts]
    at = int(np.argmax(past))
    current, reduced = full.cvar(now), few.cvar(now)
    shares = []
    for back in range(min(WEEKS * 7, count - year, len(full.parts[frtb.BASE_HORIZON]) - year) + 1):
        rows = slice(-year - back, -back or None)
        whole = full.cvar(rows)
        shares.append(few.cvar(rows) / whole if whole > 0.0 else 1.0)
    explained = float(np.mean(shares))
    found: Document = {
        "assets": few.moving[frtb.BASE_HORIZON],
        "first": (few.ready.first + timedelta(days=at)).isoformat(),
        "last": (few.ready.first + timedelta(days=at + min(YEAR, count + 9))).isoformat(),
        "observed_from": few.ready.first.isoformat(),
        "stressed_reduced": past[at],
        "current_full": current,
        "current_reduced": reduced,
        "ratio": max(current / reduced, 1.0) if reduced > 0.0 else None,
        "explained": explained,
        "cvar": None,
        "interval": None,
        "why": "",
    }
    try:
        if explained < frtb.EXPLAINED:
            raise AssessmentError(
                f"the reduced factors explain {100.0 * explained:.0f} % of CVaR over the last "
                f"twelve weeks, less than {100.0 * frtb.EXPLAINED:.0f} %"
            )
        found["cvar"] = frtb.stressed_cvar(past[at], current, reduced)
    except (AssessmentError, MisuseError) as error:
        return {**found, "why": str(error)}
    ends = _drawn_stress(full, few, slice(at, at + year), now, seed)
    # drawn periods miss the one cluster that makes the worst: as far above as below it
    reach = max(abs(math.log(end / found["cvar"])) for end in ends)
    return {**found, "interval": [found["cvar"] * math.exp(way * reach) for way in (-1.0, 1.0)]}


def _least_horizon(liquidity: Mapping[str, int], asset: str) -> int:
    return max(liquidity.get(asset, 0), frtb.STRESS_HORIZON)


def _worst_years(which: _Windows) -> Floats:
    """CVaR of the worst twelve months known on each day, the last day last."""
    year = YEAR - int(frtb.BASE_HORIZON) + 1
    starts = range(max(len(which.parts[frtb.BASE_HORIZON]) - year, 0) + 1)
    return np.maximum.accumulate([which.cvar(slice(at, at + year)) for at in starts])


def _capital(
    full: _Windows,
    few: _Windows,
    alone: Mapping[str, _Windows],
    stress: Document,
    multiplier: float,
) -> Document | None:
    """Capital without default risk, and what it is made of; None without a stressed CVaR.

    Each of the last sixty days is taken with what was known on it, and today's holdings. The
    interval is that of the stressed CVaR, in proportion.

    Source: Basel framework, MAR33.16, 33.17 and 33.41.
    """
    if stress["cvar"] is None:
        return None
    year = YEAR - int(frtb.BASE_HORIZON) + 1
    worst = _worst_years(few)
    scenarios = {asset: _worst_years(which) for asset, which in alone.items()}
    known = [worst, *scenarios.values()]
    days = min(frtb.AVERAGED, len(full.parts[frtb.BASE_HORIZON]) - year + 1, *map(len, known))
    days = max(days, 1)
    modelled, stressed = [], []
    for back in reversed(range(days)):
        rows = slice(-year - back, -back or None)
        part = few.cvar(rows)
        modelled.append(worst[-1 - back] * (max(full.cvar(rows) / part, 1.0) if part else 1.0))
        stressed.append(frtb.stress_scenarios([each[-1 - back] for each in scenarios.values()]))
    amount = frtb.capital(modelled, stressed, multiplier)
    return {
        "amount": amount,
        "interval": [amount * end / stress["cvar"] for end in stress["interval"]],
        "days": days,
        "modelled": modelled[-1],
        "modelled_average": float(np.mean(modelled)),
        "stress_scenarios": stressed[-1],
        "stress_scenarios_average": float(np.mean(stressed)),
        "unmodelled": [
            {"asset": asset, "days": max(int(h) for h in alone[asset].parts), "loss": each[-1]}
            for asset, each in scenarios.items()
        ],
        "without": ["default risk", "the standardised approach and its floor"],
    }


def _drawn_stress(
    full: _Windows, few: _Windows, stress: slice, now: slice, seed: int
) -> tuple[float, float]:
    """90 % interval: windows of both periods drawn in blocks, today's the same for both sets."""

    def cut(which: _Windows, rows: slice) -> dict[float, Floats]:
        return {horizon: losses[rows] for horizon, losses in which.parts.items()}

    then, here, whole = cut(few, stress), cut(few, now), cut(full, now)
    rng = stream(seed, "market", "stressed")
    found = []
    for _ in range(REPS):
        one, two = (_blocks(len(each[frtb.BASE_HORIZON]), rng) for each in (then, whole))
        below = _cascade(here, two)
        ratio = max(_cascade(whole, two) / below, 1.0) if below > 0.0 else 1.0
        found.append(_cascade(then, one) * ratio)
    return _middle(found)


def _blocks(size: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Places of moving blocks, as many as there are."""
    block = min(BLOCK, max(size // 3, 1))
    starts = rng.integers(0, size - block + 1, -(-size // block))
    return (starts[:, None] + np.arange(block)).reshape(-1)[:size]


def _middle(found: Sequence[float]) -> tuple[float, float]:
    """The middle nine tenths."""
    ordered = np.sort(found)
    cut = math.floor(0.05 * len(ordered))
    return float(ordered[cut]), float(ordered[len(ordered) - 1 - cut])


def _exceptions(sample: Sample) -> Document:
    """Exceptions of the last 250 days, the multiplier, and whether the desk keeps its model.

    Source: Basel framework, MAR32.9 (bank-wide, 99 %) and MAR32.18 (desks, 97.5 and 99 %).
    """
    daily = replace(sample, horizon=1)
    window = min(YEAR, len(daily.returns) - DAYS)
    if window < DAYS:
        raise AssessmentError(
            f"{len(daily.returns)} daily returns: {2 * DAYS} are needed, {DAYS} to count "
            f"exceptions on and {DAYS} before them"
        )
    counts = {}
    for level in frtb.DESK_EXCEPTIONS:
        past = rolled(named("historical"), daily, level, DAYS, window)
        counts[level] = int(np.count_nonzero(past.loss > past.var))
    light = traffic_light(counts[DAYS_LEVEL], DAYS, DAYS_LEVEL).parameters
    multiplier = light["multiplier_frtb"]
    assert isinstance(multiplier, float)
    return {
        "exceptions": counts[DAYS_LEVEL],
        "days": DAYS,
        "zone": light["zone"],
        "multiplier": multiplier,
        "desk": [
            {"level": level, "exceptions": counts[level], "most": most,
             "kept": counts[level] <= most}
            for level, most in frtb.DESK_EXCEPTIONS.items()
        ],
    }  # fmt: skip


def attributed(path: Path) -> Document:
    """Basel's P&L attribution of anybody's two columns: both statistics and the desk's zone.

    Raises
    ------
    DataError
        With every fault of the file and its line.
    AssessmentError
        Fewer than ten days, or profits that do not vary.
    """
    days, hypothetical, theoretical = parse_profits(path.as_posix(), read_bytes(path))
    rows = slice(-DAYS, None)
    ours, model = hypothetical[rows], theoretical[rows]
    told = {
        "spearman": (frtb.spearman(ours, model), frtb.SPEARMAN),
        "kolmogorov-smirnov": (frtb.kolmogorov_smirnov(ours, model), frtb.DISTANCE),
    }
    findings = []
    if len(days) < DAYS:
        findings.append(f"{len(days)} days: the rule is of the last {DAYS}")
    return {
        "file": path.name,
        "days": len(ours),
        "first": days[rows][0].isoformat(),
        "last": days[-1].isoformat(),
        "tests": {
            name: {
                "statistic": found.statistic,
                "p_value": found.p_value,
                "green": limits[0],
                "red": limits[1],
                "zone": found.parameters["zone"],
            }
            for name, (found, limits) in told.items()
        },
        "zone": frtb.attribution(ours, model),
        "findings": findings,
    }
