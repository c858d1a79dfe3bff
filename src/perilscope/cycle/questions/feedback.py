# SPDX-License-Identifier: Apache-2.0
"""The year in slices of a book: what acts on each other, what it costs, the capital that lasts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from perilscope.cycle.questions import running_holdings as held_on
from perilscope.cycle.settings import LEVELS, Settings
from perilscope.cycle.workspace import Workspace, closes_of, held_prices, portfolio, with_horizon
from perilscope.engines.portfolio import returns
from perilscope.engines.slices.chain import Chain, contraction, law
from perilscope.engines.slices.passage import Passage, capital, passage
from perilscope.engines.slices.reach import reach
from perilscope.errors import AssessmentError, MisuseError
from perilscope.layers import network_evidence, protocol
from perilscope.layers.feedback import read_regime, slices_of
from perilscope.layers.slices import NOTHING_HELD, Held, Seen, Slices
from perilscope.layers.valuation import Valuation

Document = dict[str, Any]

SURVIVAL = 0.99
PATHS = 100_000
"""Simulated horizons, where holdings run on."""
_YEAR = 365.25
_RUIN = 2**12
"""Points of the window on which ruin is followed: capital is told to a step of it."""
_CHECKED = 50_000
"""Paths that check the exact law."""
_FEW = 2**14
"""Points on which the years that start otherwise are looked at."""


def feedback(
    workspace: Workspace,
    settings: Settings,
    *,
    slices: int | None = None,
    survival: float = SURVIVAL,
) -> Document:
    """The law of the horizon in slices, what acting together adds, and first passage.

    Parameters
    ----------
    workspace : Workspace
    settings : Settings
        Its evidence may name nodes of the feedback, as they are now, and of networks.
    slices : int, optional
        Instead of the book's.
    survival : float
        The probability with which the capital is to last.

    Raises
    ------
    MisuseError
        A book without ``feedback:``; evidence that names nothing; a survival that is none.
    AssessmentError
        What cannot be assessed, with its place.
    """
    if settings.horizon:
        workspace = with_horizon(workspace, settings.horizon)
    book = workspace.book
    if book.feedback is None:
        raise MisuseError(
            "the book has no `feedback:`: see the guide on feedback for what it declares"
        )
    if not 0.5 <= survival < 1.0:
        raise MisuseError(f"--survival {survival}: at least 0.5 and below 1 is wanted")
    count = book.feedback.slices if slices is None else slices
    if count < 1:
        raise MisuseError(f"{count} slices: at least 1 is wanted")
    days = max(1, round(book.horizon_years * _YEAR / count))
    own = set(book.feedback.nodes)
    mine = [item for item in settings.evidence if item.partition("=")[0].strip() in own]
    known = {n.strip(): s.strip() for item in mine for n, _, s in [item.partition("=")]}
    rest = tuple(item for item in settings.evidence if item not in mine)
    valuation = Valuation(book, closes_of(workspace))
    held, notes = _held(workspace, valuation, days)
    extra = {item.id: protocol.driver(item, valuation.price) for item in book.protocols.values()}
    drivers = network_evidence.drivers(
        book, network_evidence.parse_evidence(rest, book, extra), extra
    )
    seen = _seen(workspace)
    hold = book.feedback.rebalance == "hold"
    made = slices_of(
        book.feedback, drivers, valuation, held, evidence=known, seen=seen, slices=count
    )
    known_law = _held_on(made, settings, survival) if hold else _reset(made, survival)
    told = known_law["law"]
    return {
        "format": 1,
        "book": book.institution.name,
        "currency": book.currency,
        "as_of": book.as_of.isoformat(),
        "horizon_years": book.horizon_years,
        "slices": count,
        "slice_days": days,
        "held": dict(held.values),
        "evidence": list(settings.evidence),
        "regime": _regime(seen),
        "nodes": _nodes(made),
        "contraction": _contraction(made),
        "rebalance": book.feedback.rebalance,
        **known_law,
        "check": held_on.checked(made, min(settings.years, _CHECKED), settings.seed),
        "notes": [*notes, *made.notes, *_more_than_held(held, told)],
    }


def _reset(made: Slices, survival: float) -> Document:
    """Exposure restored in each slice: exact."""
    return {
        "law": _measured(made, errors=True),
        "apart": _measured(_smaller(made.apart())),
        "starting": _starting(made),
        "capital": _capital(made, survival),
    }


def _held_on(made: Slices, settings: Settings, survival: float) -> Document:
    """Holdings that run on: simulated, from every start, and weighed."""
    drawn = held_on.Drawn(made, settings.years, settings.seed)
    start = made.chains[0][1].start
    other = made.apart()
    apart = held_on.Drawn(other, settings.years, settings.seed, "apart ")
    return {
        "law": held_on.measured(drawn.weighed(start)) | {"paths": int(drawn.loss.counts.sum())},
        "apart": held_on.measured(apart.weighed(other.chains[0][1].start)),
        "starting": held_on.starting(drawn),
        "capital": held_on.lasting(drawn, survival),
    }


def _held(workspace: Workspace, valuation: Valuation, days: int) -> tuple[Held, list[str]]:
    """What is held with the moves of its prices over as many days as a slice has."""
    notes: list[str] = []
    values = {}
    for asset, units in portfolio(workspace).items():
        try:
            values[asset] = units * valuation.price(asset)
        except AssessmentError as error:
            notes.append(f"{error}; left out")
    history, found = held_prices(workspace, list(values))
    notes += found
    if history is None or len(history.days) < days + 30:
        if values:
            notes.append("no market in the slices: too few days of common prices")
        return NOTHING_HELD, notes
    moves = np.zeros((len(history.days) - days, len(values)))
    for k, asset in enumerate(values):
        if asset in history.assets:
            closes = history.closes[:, [history.assets.index(asset)]]
            moves[:, k] = returns.overlapping(closes, days)[:, 0]
        else:
            notes.append(f"no prices of {asset}: taken not to move but for shocks")
    # no drift: expected gains do not pay for losses
    return Held(values, moves - moves.mean(axis=0), days), notes


def _more_than_held(held: Held, told: Document) -> list[str]:
    whole = math.fsum(held.values.values())
    worst = told["cvar"]["0.999"]
    if worst is None or not 0.0 < whole < worst:
        return []
    return [
        "the worst years cost more than is held: exposure is restored in each slice, as for a "
        "book that is rebalanced; what is left to run down loses less"
    ]


def _seen(workspace: Workspace) -> Seen | None:
    declared = workspace.book.feedback
    assert declared is not None
    if declared.market is None or declared.market.read_from is None:
        return None
    read = declared.market.read_from
    history, _ = held_prices(workspace, [read.asset])
    if history is None:
        raise AssessmentError(
            f"feedback.market.read_from: there are no prices of {read.asset} to read a regime from"
        )
    closes = history.closes[:, history.assets.index(read.asset)]
    moves = np.diff(np.log(closes))
    states = tuple(declared.nodes[declared.market.node].states)
    return Seen(read.asset, states, read_regime(read, states, moves), len(moves))


def _regime(seen: Seen | None) -> Document | None:
    if seen is None:
        return None

    def by_state(law: Any) -> dict[str, float]:
        return dict(zip(seen.states, map(float, law), strict=True))

    return {
        "asset": seen.asset,
        "days": seen.days,
        "probability": by_state(seen.found.probability),
        "without": by_state(seen.found.without),
        "likelihood": by_state(seen.found.likelihood),
    }


def _nodes(made: Slices) -> list[Document]:
    chain = made.chains[0][1]
    end = chain.start @ np.linalg.matrix_power(chain.transition, made.slices)
    rows = []
    for node in made.nodes:
        states = made.first.node(node).states
        rows.append(
            {
                "node": node,
                "now": {s: made.chance(chain.start, node, s) for s in states},
                "at_end": {s: made.chance(end, node, s) for s in states},
                "ever": {s: _ever(made, node, s) for s in states},
            }
        )
    return rows


def _ever(made: Slices, node: str, state: str) -> float:
    """Probability that a node is in a state in some slice, or before the first."""
    chain = made.chains[0][1]
    at = made.nodes.index(node)
    out = np.array([states[at] != state for states in made.states], dtype=np.float64)
    law = chain.start * out
    for _ in range(made.slices):
        law = (law @ chain.transition) * out
    return float(1.0 - law.sum())


def _contraction(made: Slices) -> Document:
    matrix = made.chains[0][1].transition
    return {
        "slice": contraction(matrix),
        "horizon": contraction(np.linalg.matrix_power(matrix, made.slices)),
    }


def _measured(made: Slices, *, errors: bool = False) -> Document:
    found = law(made.chains, made.slices, workers=2)
    low = made.chains[0][1].places.low
    told: Document = {
        "mean": found.mean + low,
        "sd": found.sd,
        "var": {f"{a:g}": found.var(a) + low for a in LEVELS},
        "cvar": {f"{a:g}": found.cvar(a) + low for a in LEVELS},
    }
    if errors:
        # the error is relative to what was moved up; here it is in money
        told["error"] = {f"{a:g}": _money(found.error[a] * found.cvar(a)) for a in LEVELS}
        told["outside"] = sum(w * reach(c, made.slices).total for w, c in made.chains)
        top = found.var(0.9995)
        places = np.linspace(-low * 0.999, top, 121)
        told["exceedance"] = [[float(x + low), found.exceed(float(x))] for x in places]
        told["points"], told["step"] = found.points, found.step
    return told


def _money(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _coarsened(chain: Chain, points: int) -> Chain:
    while chain.places.points > points and chain.places.zero % 2 == 0:
        chain = chain.coarse()
    return chain


def _smaller(made: Slices, points: int = _FEW) -> Slices:
    return replace(made, chains=tuple((w, _coarsened(c, points)) for w, c in made.chains))


def _starting(made: Slices) -> list[Document]:
    """The horizon if a node is known to be in a state now."""
    small = _smaller(made)
    start = made.chains[0][1].start
    rows = []
    for node in made.nodes:
        for state in made.first.node(node).states:
            found = _measured(small.starting(node, state))
            rows.append(
                {
                    "node": node,
                    "state": state,
                    "now": made.chance(start, node, state),
                    **{key: found[key] for key in ("mean", "var", "cvar")},
                }
            )
    return rows


def _capital(made: Slices, survival: float) -> Document:
    small = _smaller(made, _RUIN)
    enough, less = capital(small.chains, made.slices, survival)
    at_end = law(made.chains, made.slices).var(survival) + made.chains[0][1].places.low
    return {
        "survival": survival,
        "capital": enough.capital,
        "step": small.chains[0][1].places.step,
        "too_little": max(less.capital, 0.0),
        "survives": enough.survives,
        "short": enough.short,
        "var": at_end,
        "ruined": [float(p) for p in enough.ruined],
        "ended": enough.ended,
        "ruined_with_var": _with(small, made.slices, at_end),
    }


def _with(made: Slices, slices: int, amount: float) -> float:
    """The chance of ruin with the capital that VaR says."""
    found: Sequence[tuple[float, Passage]] = [
        (w, passage(c, slices, max(amount, 0.0))) for w, c in made.chains
    ]
    return float(sum(w * p.ruined[-1] for w, p in found))
