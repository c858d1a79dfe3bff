# SPDX-License-Identifier: Apache-2.0
"""Capital: what lasts, what no dependence can exceed, what stands where it fails, what it earns."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from perilscope.beliefs.law import point
from perilscope.cycle.assess import Result, assess
from perilscope.cycle.questions.reading import read
from perilscope.cycle.questions.worst_case import worst_case
from perilscope.cycle.settings import LEVELS, Settings
from perilscope.cycle.trading import marks_of
from perilscope.cycle.workspace import Workspace, with_horizon
from perilscope.engines.grids.loss import LossLaw
from perilscope.engines.joint import borne
from perilscope.engines.joint.law import SignedLaw
from perilscope.engines.slices.chain import Chain, Places
from perilscope.engines.slices.passage import capital as lasting
from perilscope.engines.slices.passage import passage
from perilscope.engines.slices.reach import reach
from perilscope.errors import AssessmentError, MisuseError, PerilscopeError
from perilscope.evidence.positions import Position
from perilscope.layers import revaluation
from perilscope.layers.counterparty import Exposure, exposures
from perilscope.layers.holdings import Market

Document = dict[str, Any]

LEVEL, SURVIVAL, SLICES = 0.99, 0.99, 12
_WHOLE = 0.02
"""How far a slice may be from whole days, relative; prices are daily."""
_OFFSET = 1e-3
"""Of what is held long and short, the share left in all below which it does not tell what a unit
bears."""
_POINTS = 2**14
_SURE = 1e-7


def capital(
    workspace: Workspace,
    settings: Settings,
    *,
    level: float = LEVEL,
    survival: float = SURVIVAL,
    slices: int | None = None,
) -> Document:
    """Risk capital in every sense, and what it earns.

    Parameters
    ----------
    workspace : Workspace
    settings : Settings
    level : float
        Of VaR and CVaR.
    survival : float
        Probability with which capital is to last the horizon.
    slices : int, optional
        Equal parts of the horizon, after each of which it is looked whether capital lasted; by
        default twelve, or as many fewer as make whole days.

    Raises
    ------
    MisuseError
        Levels or slices that are none.
    """
    _checked(level, survival, slices)
    if settings.horizon:
        workspace = with_horizon(workspace, settings.horizon)
    result = assess(workspace, _plain(settings))
    return of(result, level=level, survival=survival, slices=slices)


def of(
    result: Result, *, level: float = LEVEL, survival: float = SURVIVAL, slices: int | None = None
) -> Document:
    """The same of what was assessed already; one without exact laws is assessed again."""
    _checked(level, survival, slices)
    workspace, plain = result.workspace, _plain(result.settings)
    if result.settings.engine == "simulation":
        result = assess(workspace, plain)
    notes: list[str] = [f"{f.id}: {f.reason}; left out" for f in result.joined.failed]
    found, more = _exposures(result)
    notes += more
    return {
        "format": 1,
        "book": workspace.book.institution.name,
        "currency": workspace.book.currency,
        "as_of": workspace.book.as_of.isoformat(),
        "horizon_years": workspace.book.horizon_years,
        "level": level,
        "enterprise": _measures(result, level),
        "worst_case": worst_case(result, level, notes),
        "lasting": _lasting(workspace, plain, result, survival, slices, notes),
        "counterparties": [_told(each) for each in found],
        "returns": _returns(result, level),
        "failed": [each.id for each in result.joined.failed],
        "notes": notes,
    }


def _checked(level: float, survival: float, slices: int | None) -> None:
    if level not in LEVELS:
        raise MisuseError(f"--level {level:g}: one of {', '.join(f'{a:g}' for a in LEVELS)}")
    if not 0.5 <= survival < 1.0:
        raise MisuseError(f"--survival {survival:g}: at least 0.5 and below 1 is wanted")
    if slices is not None and not 1 <= slices <= 365:
        raise MisuseError(f"--slices {slices}: 1 to 365 are possible")


def _plain(settings: Settings) -> Settings:
    """The exact engine alone; the book says the horizon."""
    return replace(settings, engine="exact", tornado="", band=False, horizon="")


def _law(result: Result) -> tuple[LossLaw, float]:
    """The law of everything, moved up, and its lowest point."""
    if result.together is not None:
        law = result.together.law
        return law.moved, law.window.low
    assert isinstance(result.law, LossLaw)  # the engine is the exact one
    return result.law, 0.0


def _measures(result: Result, level: float) -> Document:
    law, low = _law(result)
    error = (result.law if result.together is None else result.together.law).error[level]
    cvar = law.cvar(level) + low
    return {
        "mean": law.mean + low,
        "var": law.var(level) + low,
        "cvar": cvar,
        "error": abs(error * cvar) if math.isfinite(error) else None,
        "with_market": result.together is not None,
    }


# --- what lasts


def _lasting(
    workspace: Workspace,
    settings: Settings,
    result: Result,
    survival: float,
    slices: int | None,
    notes: list[str],
) -> Document | None:
    """First passage over slices that are alike and independent, each with the law of its length.

    Exposure is that of today in each slice, so the sum over them is not the law of the horizon in
    one piece, in which holdings run on: VaR beside it is that of the sum.
    """
    slices = _usual(workspace.book.horizon_years) if slices is None else slices
    days = workspace.book.horizon_years * 365.25 / slices
    try:
        part = read(with_horizon(workspace, f"{days:.9g} days"), settings).law
        moved = (part.moved, part.window.low) if isinstance(part, SignedLaw) else (part, 0.0)
        chain = _widened(*moved, slices)
        enough, less = lasting([(1.0, chain)], slices, survival)
    except PerilscopeError as error:
        notes.append(f"no capital that lasts: {error}")
        return None
    sums = np.cumsum(chain.mass(slices))
    at_end = float(chain.places.amounts[int(np.searchsorted(sums, survival))])
    law, low = _law(result)
    return {
        "survival": survival,
        "slices": slices,
        "slice_days": days,
        "capital": enough.capital,
        "too_little": max(less.capital, 0.0),
        "survives": enough.survives,
        "ruined": [float(p) for p in enough.ruined],
        "var": at_end,
        "var_in_one_piece": law.var(survival) + low,
        "step": chain.places.step,
        "ruined_with_var": float(passage(chain, slices, max(at_end, 0.0)).ruined[-1]),
        "outside": reach(chain, slices).total,
    }


def _usual(years: float) -> int:
    """Twelve slices, or as many fewer as make each of them whole days."""
    for slices in range(SLICES, 1, -1):
        days = years * 365.25 / slices
        if days >= 1.0 - _WHOLE and abs(days - round(days)) <= _WHOLE * days:
            return slices
    return 1


def _widened(law: LossLaw, low: float, slices: int) -> Chain:
    """One state whose slices have this law, on a window wide enough for all of them."""
    mass = np.maximum(law.mass, 0.0)
    mass = mass / max(float(mass.sum()), 1.0)
    mass[-1] += 1.0 - float(mass.sum())  # what lies beyond is lost at least, and ruins as well
    amounts = low + np.arange(law.points) * law.step
    one, none = np.ones((1, 1)), np.zeros((1, 1), dtype=np.int64)
    gain = max(-low, law.step)
    loss = max(float(amounts[-1]), law.step)
    for _ in range(20):
        step = (gain + loss) / (_POINTS - 128)
        places = Places(step, _POINTS, 64 * math.ceil(gain / step / 64))
        own = places.mass(amounts, mass)[None, :]
        chain = Chain(np.ones(1), one, none, ((0,),), own, places)
        cut = reach(chain, slices)
        if cut.below <= _SURE and cut.above <= _SURE:
            break
        gain *= 1.5 if cut.below > _SURE else 1.0
        loss *= 1.5 if cut.above > _SURE else 1.0
    return chain


# --- what stands where it fails


def _exposures(result: Result) -> tuple[Sequence[Exposure], Sequence[str]]:
    chances = {key: 1.0 - law.none for key, law in result.laws.items() if isinstance(law, LossLaw)}
    workspace, valuation = result.workspace, result.valuation
    marks = marks_of(workspace, valuation)
    return exposures(result.book, result.drivers, valuation, workspace.positions, chances, marks)


def _told(each: Exposure) -> Document:
    return {
        "venue": each.venue,
        "scenario": each.scenario,
        "chance": each.chance,
        "today": each.today,
        "at_failure": each.at_failure,
        "contracts": {"today": each.contracts[0], "at_failure": each.contracts[1]},
        "left": each.left,
        "recovered": {"mean": each.recovered, "low": each.low, "high": each.high},
        "years": each.years,
        "lost": {"mean": each.lost[0], "least": each.lost[1], "most": each.lost[2]},
        "expected": each.expected,
        "expected_unconnected": each.usual if math.isfinite(each.usual) else None,
        "prices": {token or "balance": p for token, p in each.prices.items()},
        "prices_by": each.by,
    }


# --- what it earns


@dataclass(frozen=True)
class _Lot:
    """A position: its worth, what it loses on average over the horizon, and bears of CVaR."""

    position: Position
    worth: float
    mean: float
    cvar: float


def _returns(result: Result, level: float) -> list[Document]:
    """Return on risk capital: (income - expected loss) / (CVaR borne - expected loss)."""
    book, years = result.book, result.book.horizon_years
    lines, lots = _borne(result, level)
    scenarios = {key: book.scenarios[key] for key in lines}
    rows = []
    for name, item in book.protocols.items():
        mine = [lines[key] for key, s in scenarios.items() if s.asset == name]
        base = 0.0 if item.deposit is None else result.valuation.worth(name).mean
        rows.append(_row("protocol", name, base, item.earns, mine, years))
    for name, venue in book.venues.items():
        mine = [
            lines[key]
            for key, s in scenarios.items()
            if s.asset == name or getattr(book.assets.get(s.asset), "at", None) == name
        ]
        held = [lot for lot in lots if lot.position.venue == name]
        mine += [(lot.mean, lot.cvar) for lot in held]
        rows.append(_row("venue", name, _stands(result, name, held), venue.earns, mine, years))
    named = [lot.position.strategy for lot in lots if lot.position.strategy]
    for name in dict.fromkeys([*book.strategies, *named]):
        declared = book.strategies.get(name)
        held = [lot for lot in lots if lot.position.strategy == name]
        mine = [(lot.mean, lot.cvar) for lot in held]
        base = math.fsum(lot.worth for lot in held)
        earns = None if declared is None else declared.earns
        rows.append(_row("strategy", name, base, earns, mine, years))
    return [row for row in rows if row["capital"] or row["income"]]


Both = tuple[float, float]
"""Mean loss over the horizon, and the part of CVaR that is borne."""


def _borne(result: Result, level: float) -> tuple[dict[str, Both], list[_Lot]]:
    """What each scenario and each position loses on average and bears of CVaR."""
    together, positions = result.together, result.workspace.positions
    if together is None:
        own = result.joined.register().contributions(level)
        lines = {key: (result.laws[key].mean, cvar) for key, cvar in own.items()}
        return lines, [_Lot(lot, _worth(result, lot), 0.0, 0.0) for lot in positions]
    joint, held = together.whole.joint, together.borne
    if held.level != level:
        held = borne.contributions(joint, together.law, level)
    lines = {key: (joint.line_mean(key), cvar) for key, cvar in held.lines.items()}
    market = joint.scenarios
    assert isinstance(market, Market)
    means = sum(joint.chance(r) * market.weighed(r, market.weights) for r in joint.markets)
    each = {
        name: (float(mean), held.holdings[name])
        for name, mean in zip(market.names, np.asarray(means), strict=True)
    }
    odd = list(zip(market.names[len(market.held.values) :], market.held.odd, strict=True))
    plain = [lot for lot in positions if lot not in market.held.odd]
    lots = [
        _Lot(lot, abs(revaluation.worth(lot, market.held.marks)), *each[name]) for name, lot in odd
    ]
    one = _by_unit(result, level, market, plain, each)
    for lot in plain:
        mean, cvar = one.get(lot.asset, (0.0, 0.0))
        lots.append(_Lot(lot, _worth(result, lot), lot.quantity * mean, lot.quantity * cvar))
    return lines, lots


def _by_unit(
    result: Result,
    level: float,
    market: Market,
    lots: Sequence[Position],
    borne_by: Mapping[str, Both],
) -> dict[str, Both]:
    """What one unit of each asset loses on average and bears; also of one held long here and short
    there, which is nothing in all.
    """
    units: dict[str, float] = {}
    gross: dict[str, float] = {}
    for lot in lots:
        units[lot.asset] = units.get(lot.asset, 0.0) + lot.quantity
        gross[lot.asset] = gross.get(lot.asset, 0.0) + abs(lot.quantity)
    found = {}
    offset = [a for a in units if a in borne_by and abs(units[a]) <= _OFFSET * gross[a]]
    for asset in (a for a in units if a in borne_by and a not in offset):
        mean, cvar = borne_by[asset]
        found[asset] = mean / units[asset], cvar / units[asset]
    if offset and result.together is not None:
        together, price = result.together, result.valuation.price
        values = dict(market.held.values) | {asset: price(asset) for asset in offset}
        others = replace(market, held=replace(market.held, values=values))
        each = borne.units(together.whole.joint, together.law, level, others)
        found |= {asset: each[asset] for asset in offset}
    return found


def _stands(result: Result, venue: str, lots: Sequence[_Lot]) -> float:
    """What stands at a venue: the positions there, or without any what the book says."""
    if lots:
        return math.fsum(lot.worth for lot in lots)
    try:
        return result.valuation.worth(venue).mean
    except AssessmentError:
        return 0.0


def _worth(result: Result, lot: Position) -> float:
    try:
        return abs(lot.quantity) * result.valuation.price(lot.asset)
    except AssessmentError:
        return 0.0  # said where positions are valued


def _row(
    kind: str, name: str, base: float, earns: Any, borne: Sequence[Both], years: float
) -> Document:
    expected = math.fsum(mean for mean, _ in borne)
    cvar = math.fsum(tail for _, tail in borne)
    income = None if earns is None else base * point(earns) * years
    capital = max(cvar - expected, 0.0)
    net = None if income is None else income - expected
    return {
        "kind": kind,
        "id": name,
        "exposure": base,
        "income": income,
        "expected_loss": expected,
        "cvar": cvar,
        "capital": capital,
        "return": None if net is None or not capital > 0.0 else net / capital,
    }
