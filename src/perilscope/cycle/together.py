# SPDX-License-Identifier: Apache-2.0
"""The whole institution in a run: its joint law, who bears the tail, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from perilscope.beliefs.law import point
from perilscope.book import Book, Scenario
from perilscope.cycle.trading import Lots
from perilscope.engines.aggregate.bounds import Bounds
from perilscope.engines.joint import borne, doubt, stretched
from perilscope.engines.joint import causes as behind
from perilscope.engines.joint.band import JointBand, band
from perilscope.engines.joint.borne import Borne
from perilscope.engines.joint.bounds import brackets
from perilscope.engines.joint.causes import StateTail
from perilscope.engines.joint.doubt import Drawn
from perilscope.engines.joint.law import SignedLaw
from perilscope.engines.joint.wide import Behind
from perilscope.errors import AssessmentError, MisuseError
from perilscope.evidence.positions import Position
from perilscope.evidence.prices import History
from perilscope.layers import joining, moves, revaluation
from perilscope.layers.context import Context
from perilscope.layers.enterprise import Joined
from perilscope.layers.holdings import Held, Market
from perilscope.layers.joining import Driving, Whole
from perilscope.layers.shocks import Shocks, shocks_of
from perilscope.layers.tokens import counted
from perilscope.sources.machine import code_folder

SEED = 0
"""Names the draws of beliefs: no seed of a run moves what they leave open."""

LEVEL = 0.99
"""Level at which the tail is split among those who bear it."""

SHOWN = (0.95, 0.975, 0.99, 0.999)
Note = Callable[[str, str], None]
Interval = tuple[float, float]


@dataclass(frozen=True)
class Together:
    """Market, operational and protocol losses together, with what stands behind.

    Parameters
    ----------
    whole : Whole
        The law and its engine.
    borne : Borne
        Euler contributions to CVaR at ``LEVEL``.
    tails : tuple of StateTail
        By network as in ``whole.driving``: what lies beyond VaR at ``LEVEL`` in each joint state.
    drawn : mapping of level to Drawn
        Standard errors from the number of market scenarios; empty where none are drawn.
    intervals : mapping of level to (interval of VaR, interval of CVaR)
        90 %, from the length of the price history.
    shares : mapping of asset to venue to share
        Where what is held stands; an empty name where the positions do not say.
    bounds : mapping of level to Bounds
        Rigorous; empty where they were not asked for or no window reaches.
    hidden : tuple of (network, Behind)
        Networks whose joint states are not listed, behind a loss beyond VaR at ``LEVEL``.
    band : JointBand or None
        Figures and curve given what is only believed, where they were asked for.
    """

    whole: Whole
    borne: Borne
    tails: tuple[StateTail, ...]
    drawn: Mapping[float, Drawn]
    intervals: Mapping[float, tuple[Interval, Interval]]
    shares: Mapping[str, Mapping[str, float]]
    bounds: Mapping[float, Bounds] = field(default_factory=dict)
    band: JointBand | None = None
    hidden: tuple[tuple[str, Behind], ...] = ()

    @property
    def law(self) -> SignedLaw:
        """The law of everything over the horizon."""
        return self.whole.law

    @property
    def driving(self) -> tuple[Driving, ...]:
        """The networks that drive losses or move prices."""
        return self.whole.driving


def together(
    joined: Joined,
    book: Book,
    context: Context,
    lots: Lots,
    history: History | None,
    positions: Sequence[Position],
    seed: int,
    note: Note,
    shocks: Shocks | None = None,
) -> Together | None:
    """The joint law of all layers, or None where nothing moves with prices or is feared.

    Parameters
    ----------
    joined : Joined
    book : Book
    context : Context
    lots : Lots
        What is held.
    history : History or None
        Of what is held and of tokens that losses are counted in.
    positions : sequence of Position
        For the venues that assets stand at.
    seed : int
    note : callable
        Told (where, what) a reader must know.
    shocks : mapping, optional
        What states do to prices; the book's by default.
    """
    made = joint_law(joined, book, context, lots, history, seed, note, shocks)
    if made is None:
        return None
    return completed(made, positions)


def doubted(found: Together, note: Note) -> Together:
    """The same with what takes a while: rigorous bounds, and what beliefs leave open."""
    try:
        found = replace(found, bounds=brackets(found.whole.joint, SHOWN))
    except AssessmentError as error:
        note("enterprise", f"no rigorous bounds with the market: {error}")
    try:
        return replace(found, band=band(found.whole.joint, found.law, SHOWN, seed=SEED))
    except AssessmentError as error:
        note("enterprise", f"no credible intervals with the market: {error}")
        return found


Made = tuple[Whole, Callable[[], Market]]
"""A joint law, and what makes its scenarios as other histories would have given them."""


@dataclass(frozen=True)
class Doubts:
    """How sure a joint law is.

    Parameters
    ----------
    errors : mapping of level to Drawn
        From the number of market scenarios; empty where none are drawn.
    intervals : mapping of level to (interval of VaR, interval of CVaR)
        90 %, from the length of the price history.
    """

    errors: Mapping[float, Drawn]
    intervals: Mapping[float, tuple[Interval, Interval]]


def doubts(made: Made) -> Doubts:
    """How sure a joint law is."""
    whole, other = made
    errors = doubt.drawn(whole.joint, whole.law, SHOWN) if whole.moves.sampled else {}
    intervals = doubt.histories(whole.joint, whole.law, other(), moves.HISTORIES, SHOWN)
    return Doubts(errors, intervals)


def completed(
    made: Made,
    positions: Sequence[Position],
    held: Callable[[], Borne | AssessmentError] | None = None,
    doubted: Callable[[], Doubts] | None = None,
) -> Together:
    """A joint law with who bears its tail, which states stand behind it, and how sure it is.

    Who bears the tail and how sure the law is are found here, unless they are given.
    """
    whole, law = made[0], made[0].law
    tails = behind.tails(whole.joint, law, law.var(LEVEL))
    hidden = _behind(whole)
    shares = _shares(positions, whole)
    known = doubts(made) if doubted is None else doubted()
    bearing = borne.contributions(whole.joint, law, LEVEL) if held is None else held()
    if isinstance(bearing, AssessmentError):
        raise bearing
    return Together(whole, bearing, tails, known.errors, known.intervals, shares, hidden=hidden)


def _behind(whole: Whole) -> tuple[tuple[str, Behind], ...]:
    """The networks whose joint states are not listed; without those of nodes too wide for tables,
    of which nothing is told.
    """
    found = []
    for network, each in whole.hidden:
        try:
            found.append((network, each.behind(whole.law, whole.law.var(LEVEL))))
        except AssessmentError:
            continue
    return tuple(found)


def joint_law(
    joined: Joined,
    book: Book,
    context: Context,
    lots: Lots,
    history: History | None,
    seed: int,
    note: Note,
    shocks: Shocks | None = None,
) -> Made | None:
    """The law alone, and what makes its scenarios as other histories would have given them."""
    if history is None or len(history.days) < moves.FEWEST_DAYS:
        return None
    tokens = counted(book.scenarios, joined.lines, joined.caps, context, note)
    extra = sorted(set(tokens.values()))
    if not lots.values and not set(extra).intersection(history.assets):
        return None  # nothing moves with prices
    if extra:
        stretched.prepare(code_folder)
    held = Held(lots.values, lots.odd, lots.marks)
    columns = (*lots.values, *extra)
    drift = 0.0 if book.market.drift is None else point(book.market.drift)
    ways = revaluation.ways(lots.odd, tuple(lots.values))
    spans = moves.over(history, columns, context.years, seed=seed, drift=drift, ways=ways)
    known = shocks_of(book) if shocks is None else shocks
    whole = joining.whole(joined, book.scenarios, context, held, spans, known, tokens, note)

    def other() -> Market:
        found = moves.resampled(history, columns, context.years, seed=seed, drift=drift, ways=ways)
        market = whole.joint.scenarios
        assert isinstance(market, Market)
        return replace(market, moves=found)

    return whole, other


def _shares(positions: Sequence[Position], whole: Whole) -> dict[str, dict[str, float]]:
    """By what is held, the share of it that stands at each venue."""
    market = whole.joint.scenarios
    assert isinstance(market, Market)
    odd = market.held.odd
    found: dict[str, dict[str, float]] = {}
    for lot in (each for each in positions if each not in odd):
        mine = found.setdefault(lot.asset, {})
        mine[lot.venue] = mine.get(lot.venue, 0.0) + lot.quantity
    for mine in found.values():
        units = math.fsum(mine.values())
        size = math.fsum(abs(x) for x in mine.values())
        if abs(units) <= 1e-9 * size:  # long here and short there: no share says who bears it
            mine.clear()
            mine[""] = 1.0
        else:
            for venue in mine:
                mine[venue] /= units
    names = market.names[len(market.held.values) :]
    return found | {name: {lot.venue: 1.0} for name, lot in zip(names, odd, strict=True)}


# --- who bears the tail

Rows = list[tuple[str, str, float]]
"""(id, kind, CVaR), the largest first; they add up."""


def contributions(
    held: Borne,
    scenarios: Mapping[str, Scenario],
    book: Book,
    shares: Mapping[str, Mapping[str, float]],
) -> dict[str, Rows]:
    """Euler contributions by layer, scenario, asset, protocol, counterparty, threat, vulnerability.

    Each way of splitting adds up to CVaR; what belongs to no protocol (counterparty, ...) stands
    under an empty id.

    Parameters
    ----------
    held : Borne
    scenarios : mapping
        What the lines were declared as.
    book : Book
    shares : mapping
        As in :class:`Together`.
    """
    market = [(asset, "held", value) for asset, value in held.holdings.items()]
    lines = held.lines.items()

    def by(kind: str, name: Callable[[Scenario], str], rest: Rows | None = None) -> Rows:
        own = [(name(scenarios[key]), kind, value) for key, value in lines]
        return _added([*own, *(rest if rest is not None else _nobody(market))])

    def counterparty(scenario: Scenario) -> str:
        if scenario.asset in book.venues:
            return scenario.asset
        asset = book.assets.get(scenario.asset)
        return (asset.at or "") if asset is not None else ""

    at = [
        (venue, "venue", value * share)
        for asset, _, value in market
        for venue, share in (shares.get(asset) or {"": 1.0}).items()
    ]
    return {
        "layers": _added(
            [
                *((scenarios[key].layer, "layer", value) for key, value in lines),
                *(("market", "layer", value) for _, _, value in market),
            ]
        ),
        "scenarios": _added([*((k, "scenario", v) for k, v in lines), *_market(market)]),
        "assets": by("asset", lambda s: s.asset, market),
        "protocols": by("protocol", lambda s: s.asset if s.asset in book.protocols else ""),
        "counterparties": by("venue", counterparty, at),
        "threats": by("threat", lambda s: s.threat or ""),
        "vulnerabilities": by("vulnerability", lambda s: s.flaw or ""),
    }


def _market(rows: Rows) -> Rows:
    return [("market", "market", value) for _, _, value in rows]


def _nobody(rows: Rows) -> Rows:
    return [("", "held", value) for _, _, value in rows]


def _added(rows: Rows) -> Rows:
    """Rows of one id and kind together, the largest first, the rest last."""
    total: dict[tuple[str, str], float] = {}
    for name, kind, value in rows:
        key = (name, kind if name else "rest")
        total[key] = total.get(key, 0.0) + value
    found = [(name, kind, value) for (name, kind), value in total.items()]
    return sorted(found, key=lambda row: (row[0] == "", -row[2]))


# --- causes


@dataclass(frozen=True)
class Cause:
    """States of a node, before and after a loss beyond VaR is known.

    Parameters
    ----------
    network, node : str
    states : tuple of str
        One, or several that do the same.
    chance, given : float
        P(state) over the horizon, and P(state | loss beyond VaR).
    """

    network: str
    node: str
    states: tuple[str, ...]
    chance: float
    given: float


def causes(driving: Sequence[Driving], tails: Sequence[StateTail]) -> list[Cause]:
    """Of each node that joins layers, its states given a loss beyond VaR; no addends."""
    found: dict[tuple[str, str, tuple[str, ...]], Cause] = {}
    for each, tail in zip(driving, tails, strict=True):
        posterior = tail.posterior
        for place, axis in enumerate(each.axes):
            for group, states in enumerate(axis.groups):
                at = each.groups[:, place] == group
                chance = math.fsum(tail.chance[at].tolist())
                given = math.fsum(posterior[at].tolist())
                key = (each.network, axis.node, states)
                found[key] = Cause(*key, min(chance, 1.0), min(given, 1.0))
    return list(found.values())


def slope(driving: Driving, tail: StateTail, node: str, state: str, level: float) -> float:
    """Derivative of CVaR by the probability of a state of a node, in money.

    All other states of the node give way in proportion, and given the node's state everything else
    keeps its law: d CVaR = (E[(L - v)+ | state] - E[(L - v)+ | not]) / (1 - level) dP.

    Raises
    ------
    MisuseError
        The node is none that joins layers, or has no such state among its groups.
    """
    axes = [place for place, axis in enumerate(driving.axes) if axis.node == node]
    for place in axes:
        groups = driving.axes[place].groups
        hit = [k for k, states in enumerate(groups) if states == (state,)]
        if hit:
            inside = driving.groups[:, place] == hit[0]
            return (_mean(tail, inside) - _mean(tail, ~inside)) / (1.0 - level)
    raise MisuseError(f"{driving.network}.{node}={state} neither drives losses nor moves prices")


def _mean(tail: StateTail, chosen: npt.NDArray[np.bool_]) -> float:
    """E[(L - v)+ | one of some states]; where they are impossible, all alike."""
    chance, excess = tail.chance[chosen], tail.excess[chosen]
    mass = float(chance.sum())
    if mass > 0.0:
        return float(chance @ excess) / mass
    return float(excess.mean()) if len(excess) else 0.0


__all__ = [
    "Cause",
    "Together",
    "causes",
    "completed",
    "contributions",
    "joint_law",
    "slope",
    "together",
]
