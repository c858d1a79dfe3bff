# SPDX-License-Identifier: Apache-2.0
"""What today's portfolio may lose to prices within days: VaR and CVaR by four methods.

Today's positions are valued under the price moves of the past (full revaluation of spot holdings,
overlapping moves over h days, nothing scaled by the square root of time). ``historical`` takes the
moves as observed, their mean included; ``normal`` and ``student-t`` are fitted to the losses and
have the declared drift, zero unless the book states one. ``hybrid`` mixes scenario sets: one for
each joint state of the network nodes that move prices, with the probability of that state over the
h days; under a state the price of a token moves by (1 + return)(1 + shock) - 1.

Intervals are 90 % and speak of the price history only, not of the probabilities in the networks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from perilscope.book import Book
from perilscope.engines.portfolio import bootstrap, returns
from perilscope.engines.portfolio.parametric import NormalFit, StudentFit
from perilscope.errors import AssessmentError
from perilscope.evidence.positions import Position
from perilscope.evidence.prices import History
from perilscope.layers.drivers import Drivers
from perilscope.layers.portfolio import Portfolio
from perilscope.layers.revaluation import FAR, STRETCH, Marks, sold
from perilscope.layers.shocks import (
    DAYS_A_YEAR,
    Shocks,
    ladder,
    mixture_intervals,
    scenario_sets,
    shocks_of,
)

Floats = NDArray[np.float64]

METHODS = ("historical", "normal", "student-t", "hybrid")
LEAST_TAIL = 5.0
"""Observations that should lie beyond VaR before it is trusted."""


@dataclass(frozen=True)
class Figure:
    """VaR and CVaR in the currency of the book, each with its 90 % interval."""

    var: float
    cvar: float
    var_low: float
    var_high: float
    cvar_low: float
    cvar_high: float


@dataclass(frozen=True)
class Contribution:
    """What one holding adds to the CVaR of the portfolio (Euler allocation, adds up)."""

    asset: str
    value: float
    cvar: float
    share: float


@dataclass(frozen=True)
class Shocked:
    """What one network node that moves prices does to the CVaR of the hybrid method.

    Parameters
    ----------
    node : str
        ``network.node``.
    state : str
        The states that move prices.
    probability_period, probability_horizon : float
        Over the network's period, and over ``days``.
    cvar_without, cvar_with : float
        CVaR when this node moves nothing, and when it does.
    """

    node: str
    state: str
    probability_period: float
    probability_horizon: float
    days: int
    level: float
    cvar_without: float
    cvar_with: float


@dataclass(frozen=True)
class MarketResult:
    """Market risk of the portfolio.

    Parameters
    ----------
    methods : mapping
        Method -> days -> level -> :class:`Figure`.
    value : float
        Worth of what is held today.
    contributions : tuple of Contribution
        To the CVaR of the default method at ``contributions_days`` and ``contributions_level``.
    drift : float
        Expected gain per year that was declared, 0 if none; only the parametric methods use it.
    losses : array, shape (n,)
        What today's holdings would have lost on each day of the past, the oldest first, money.
    """

    methods: Mapping[str, Mapping[int, Mapping[float, Figure]]]
    default_method: str
    value: float
    contributions: tuple[Contribution, ...]
    contributions_days: int
    contributions_level: float
    shocked: tuple[Shocked, ...]
    findings: tuple[str, ...]
    days_used: int
    first: date
    last: date
    drift: float
    note: str
    losses: Floats = field(default_factory=lambda: np.zeros(0), compare=False)


def market(
    values: Mapping[str, float],
    history: History,
    drivers: Drivers,
    book: Book,
    *,
    days: Sequence[int] = (1, 7, 10),
    levels: Sequence[float] = (0.95, 0.975, 0.99),
    drift: float = 0.0,
    seed: int = 1,
    odd: Sequence[Position] = (),
    marks: Marks | None = None,
) -> MarketResult:
    """VaR and CVaR of what is held today, by all methods, horizons and levels.

    Parameters
    ----------
    values : mapping of asset to money
        Our own holdings at today's prices; negative for what is owed. Clients' do not belong here.
    history : History
        Daily closes of what is held, over the common range (see ``evidence.gate``). A holding
        that is not in it is taken not to move but for the shocks of the networks.
    drivers : Drivers
        Networks under the evidence.
    book : Book
        Says which network states move which prices, and the default method.
    days, levels : sequence
        Horizons in days and confidence levels.
    drift : float
        Expected gain per year as a share of the value.
    seed : int
        Names the random streams of the intervals.
    odd : sequence of Position, optional
        Instruments that are more than units of an asset, revalued in full; the assets they depend
        on stand in ``values``, at 0 where nothing else of them is held.
    marks : Marks, optional
        What they are valued with.

    Raises
    ------
    AssessmentError
        The history is shorter than every horizon, or holds nothing of what is held.
    """
    levels = tuple(levels)
    assets = tuple(values)
    held = Portfolio(
        assets=assets,
        values=np.array([values[a] for a in assets], dtype=np.float64),
        history=history,
        drivers=drivers,
        shocks=shocks_of(book),
        levels=levels,
        drift=drift,
        seed=seed,
        odd=tuple(odd),
        marks=marks or Marks({}),
    )
    still = [a for a in assets if a not in history.assets]
    if len(still) == len(assets):
        raise AssessmentError("there is no price history of anything that is held")
    unknown = [a for a in still if a != book.currency]
    if unknown:
        held.note(f"no price history of {', '.join(unknown)}: taken not to move (but for shocks)")
    methods: dict[str, dict[int, dict[float, Figure]]] = {name: {} for name in METHODS}
    used = []
    for horizon in days:
        if len(history.days) < horizon + 10:
            held.note(f"no {horizon}-day figures: {len(history.days)} days of prices are too few")
            continue
        used.append(horizon)
        for name, figures in _figures(held, horizon).items():
            methods[name][horizon] = figures
    if not used:
        raise AssessmentError(f"{len(history.days)} days of prices are too few for any horizon")
    _thin(held, used)
    known = {name: found for name, found in methods.items() if len(found) == len(used)}
    wanted = book.market.default or ("hybrid" if _moved(held) else "historical")
    default = wanted if wanted in known else "historical"
    if default != wanted:
        held.note(f"the method {wanted} is not available; historical is shown instead")
    level = levels[-1]
    return MarketResult(
        methods=known,
        default_method=default,
        value=held.worth,
        contributions=_contributions(held, default, used[0], level),
        contributions_days=used[0],
        contributions_level=level,
        shocked=_shocked(held, used[-1], level),
        findings=tuple(held.findings),
        days_used=len(history.days),
        first=history.days[0],
        last=history.days[-1],
        drift=drift,
        note=_drift_note(drift),
        losses=held.losses(held.moves(1), 1),
    )


def _moved(held: Portfolio) -> bool:
    """Whether some network state moves the price of something that is held."""
    moved = {
        token
        for nodes in held.shocks.values()
        for states in nodes.values()
        for tokens in states.values()
        for token, change in tokens.items()
        if change != 0.0
    }
    return any(value != 0.0 and asset in moved for asset, value in held.exposed.items())


def _drift_note(drift: float) -> str:
    said = f"{100.0 * drift:g} % a year as declared" if drift else "zero (none is declared)"
    return f"expected gain of the parametric methods: {said}; the past moves are taken as observed"


def _figures(held: Portfolio, days: int) -> dict[str, dict[float, Figure]]:
    """All methods at one horizon; one that cannot be computed is left out and named."""
    moves = held.moves(days)
    losses = held.losses(moves, days)
    methods: dict[str, Callable[[], dict[float, Figure]]] = {
        "historical": lambda: _historical(held, losses, days),
        "normal": lambda: _fitted(held, returns.fit_normal(losses, _block(losses, days)), days),
        "student-t": lambda: _fitted(held, returns.fit_student(losses, _block(losses, days)), days),
        "hybrid": lambda: _hybrid(held, moves, days),
    }
    found = {}
    for name, compute in methods.items():
        try:
            found[name] = compute()
        except AssessmentError as error:
            held.note(f"the {name} method is left out: {error}")
    if not sold(held.odd):
        return found
    return {name: _beyond(held, name, each, moves, days) for name, each in found.items()}


def _beyond(
    held: Portfolio, name: str, found: dict[float, Figure], moves: Floats, days: int
) -> dict[float, Figure]:
    """Upper ends that reach to the figures under moves half as large again: options are sold."""
    held.note(FAR)
    pairs = [(1.0, held.losses(moves, days, STRETCH))]
    if name == "hybrid":
        sets = scenario_sets(held.drivers, held.shocks, held.exposed, days)
        pairs = [
            (s.probability, held.parts(moves, s.factors, days, STRETCH).sum(axis=1)) for s in sets
        ]
    wider = {}
    for level, figure in found.items():
        var, cvar = returns.reweighted(pairs, level)
        wider[level] = replace(
            figure, var_high=max(figure.var_high, var), cvar_high=max(figure.cvar_high, cvar)
        )
    return wider


def _block(losses: Floats, days: int) -> int:
    """How many days hang together: the overlap of the moves, and clusters of volatility."""
    return max(2 * days, round(math.cbrt(len(losses))))


def _historical(held: Portfolio, losses: Floats, days: int) -> dict[float, Figure]:
    reach = bootstrap.intervals(
        losses, held.levels, held.seed, _block(losses, days), name=f"historical {days}"
    )
    found = {}
    for level, (var, cvar) in zip(held.levels, reach, strict=True):
        found[level] = Figure(*returns.historical(losses, level), *var, *cvar)
    return found


def _fitted(held: Portfolio, fit: NormalFit | StudentFit, days: int) -> dict[float, Figure]:
    gain = held.growth(days) * math.fsum(held.exposed.values())
    found = {}
    for level in held.levels:
        var, cvar = fit.intervals(level, gain)
        found[level] = Figure(*fit.measures(level, gain), *var, *cvar)
    return found


# --- hybrid ---------------------------------------------------------------------------------------


def _hybrid(held: Portfolio, moves: Floats, days: int) -> dict[float, Figure]:
    values = held.exposed
    for net, nodes in held.shocks.items():
        for node, states in nodes.items():
            for token in dict.fromkeys(token for tokens in states.values() for token in tokens):
                if token not in values:
                    held.note(f"{net}.{node} moves {token}, of which nothing is held")
    sets = scenario_sets(held.drivers, held.shocks, values, days, held.note)
    pairs = [(s.probability, held.parts(moves, s.factors, days).sum(axis=1)) for s in sets]
    block = _block(pairs[0][1], days)
    reach = mixture_intervals(pairs, held.levels, block, held.seed, f"hybrid {days}")
    found = {}
    for level, (var, cvar) in zip(held.levels, reach, strict=True):
        found[level] = Figure(*returns.reweighted(pairs, level), *var, *cvar)
    return found


def _shocked(held: Portfolio, days: int, level: float) -> tuple[Shocked, ...]:
    """What every node that moves prices adds to CVaR at one horizon and level."""
    values = held.exposed
    moves = held.moves(days)

    def cvar(shocks: Shocks) -> float:
        sets = scenario_sets(held.drivers, shocks, values, days)
        pairs = [(s.probability, held.parts(moves, s.factors, days).sum(axis=1)) for s in sets]
        return returns.reweighted(pairs, level)[1]

    try:
        full = cvar(held.shocks)
    except AssessmentError:
        return ()  # the hybrid method has said why
    found = []
    for net, nodes in held.shocks.items():
        for node, states in nodes.items():
            rest = {
                name: {key: moved for key, moved in each.items() if (name, key) != (net, node)}
                for name, each in held.shocks.items()
            }
            rungs = ladder(held.drivers, net, node, states, values)
            law = held.drivers.over(net, [(node, rungs)], days / DAYS_A_YEAR).table
            calm = len(rungs) > len(states)
            found.append(
                Shocked(
                    node=f"{net}.{node}",
                    state=" or ".join(states),
                    probability_period=math.fsum(
                        held.drivers.probability(net, node, state) for state in states
                    ),
                    probability_horizon=math.fsum(law[int(calm) :].tolist()),
                    days=days,
                    level=level,
                    cvar_without=cvar({name: each for name, each in rest.items() if each}),
                    cvar_with=full,
                )
            )
    return tuple(found)


# --- what adds to it ------------------------------------------------------------------------------


def _contributions(
    held: Portfolio, method: str, days: int, level: float
) -> tuple[Contribution, ...]:
    """Euler allocation of CVaR to the holdings under one method; adds up to CVaR."""
    moves = held.moves(days)
    plain = held.parts(moves, np.ones(len(held.assets)), days)
    if method == "hybrid":
        values = held.exposed
        sets = scenario_sets(held.drivers, held.shocks, values, days)
        parts = np.concatenate([held.parts(moves, s.factors, days) for s in sets])
        weights = np.concatenate([np.full(len(moves), s.probability / len(moves)) for s in sets])
        shares = returns.contributions(parts, level, weights)
    elif method == "historical":
        shares = returns.contributions(plain, level)
    else:
        shares = _elliptic(held, plain, method, days, level)
    total = math.fsum(shares.tolist())
    return tuple(
        Contribution(asset, value, cvar, cvar / total if total else 0.0)
        for asset, value, cvar in zip(
            held.assets, held.exposed.values(), shares.tolist(), strict=True
        )
    )


def _elliptic(held: Portfolio, parts: Floats, method: str, days: int, level: float) -> Floats:
    """CVaR of a fitted law by covariance with the total; the expected gain goes by value."""
    losses = parts.sum(axis=1)
    fit = returns.fit_normal(losses) if method == "normal" else returns.fit_student(losses)
    centred = losses - losses.mean()
    covariance = (centred[:, None] * (parts - parts.mean(axis=0))).mean(axis=0)
    spread = float((centred * centred).mean())
    reach = fit.measures(level, 0.0)[1]
    gain = held.growth(days) * np.array(list(held.exposed.values()))
    return np.asarray((covariance * (reach / spread) if spread else 0.0 * covariance) - gain)


def _thin(held: Portfolio, days: Sequence[int]) -> None:
    """Say where the history is too short for what is asked of it."""
    short: list[str] = []
    for horizon in days:
        windows = len(held.history.days) - horizon
        for level in held.levels:
            beyond = windows * (1.0 - level)
            if beyond < LEAST_TAIL or beyond / horizon < 0.5:
                short.append(f"{horizon}-day {100.0 * level:g} %")
    if short:
        held.note(
            f"{len(held.history.days)} days of prices are few for {', '.join(short)}: fewer than "
            f"{LEAST_TAIL:g} of the overlapping moves (or none of the separate ones) lie beyond VaR"
        )
