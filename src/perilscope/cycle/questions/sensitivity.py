# SPDX-License-Identifier: Apache-2.0
"""What the figures of everything answer to: tables, estimates, states of nodes, the market."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import cast

import numpy as np

from perilscope.cycle.factors import spelled
from perilscope.cycle.measures import Document, finite
from perilscope.cycle.questions import network_inputs
from perilscope.cycle.questions.conditions import head
from perilscope.cycle.questions.reading import Reading, read
from perilscope.cycle.settings import Settings
from perilscope.cycle.together import LEVEL, Together, causes, slope
from perilscope.cycle.whole import uncertainty
from perilscope.cycle.workspace import Workspace
from perilscope.engines.aggregate.register import Register
from perilscope.engines.joint import causes as behind
from perilscope.engines.joint.assembly import Joint
from perilscope.engines.joint.replaced import Replaced
from perilscope.errors import AssessmentError, MisuseError
from perilscope.layers import enterprise, slopes
from perilscope.layers.drivers import Drivers
from perilscope.layers.holdings import Market
from perilscope.layers.moves import Spans
from perilscope.layers.sensitivity import sensitivities
from perilscope.layers.slopes import Entry, Values

ODDS = 2.0
"""The odds of a table entry are halved and doubled."""
CHECKED = 12
"""Entries that are moved in full, those with the steepest slopes."""
BY = 0.1
"""How far parameters of the market are moved, relative."""


def sensitivity(workspace: Workspace, settings: Settings, *, estimates: bool = True) -> Document:
    """What the figures of everything answer to.

    Parameters
    ----------
    workspace : Workspace
    settings : Settings
    estimates : bool
        Whether every estimate of every scenario is moved, which takes longest.

    Raises
    ------
    AssessmentError
        There is no market to join.
    """
    reading = read(workspace, settings)
    found = reading.together
    if found is None:
        raise AssessmentError(
            "there is no joint law to be sensitive: the book holds nothing that has prices; "
            "`perilscope run --tornado` moves the estimates of operational and protocol losses"
        )
    law = found.law
    replaced = network_inputs.exchangeable(reading, found)
    entries = table_entries(reading, found, replaced)
    return {
        **head(reading),
        "level": f"{LEVEL:g}",
        "uncertainty": uncertainty(found),
        "ale": reading.plain.mean / reading.context.years,
        "var": law.var(LEVEL),
        "cvar": law.cvar(LEVEL),
        "states": _states(found),
        "tables": [_entry(reading, found, replaced, each, k) for k, each in enumerate(entries)],
        "market": list(_market(found)),
        "estimates": list(_estimates(reading, found, replaced)) if estimates else [],
        "notes": [f"{where}: {what}" for where, what in reading.notes],
    }


def table_entries(reading: Reading, found: Together, replaced: Replaced) -> list[Entry]:
    """Every table entry that the tail can answer to, the steepest first."""
    law, years = found.law, reading.context.years
    density = law.density(law.var(LEVEL))
    made: list[Entry] = []
    means = behind.means(found.whole.joint)
    for driving, tail, mean in zip(found.driving, found.tails, means, strict=True):
        values = Values(mean, tail, density, LEVEL, years)
        made += slopes.entries(reading.drivers, driving, values)
    for network, each in found.hidden:
        made += slopes.hidden(network, each, density=density, level=LEVEL, years=years)
    made = network_inputs.added(
        made,
        network_inputs.entries(
            reading, found, replaced or network_inputs.exchangeable(reading, found)
        ),
    )
    return sorted(made, key=lambda each: -abs(each.cvar * each.value))


def _states(found: Together) -> list[Document]:
    """Derivative of CVaR by the probability of every state that joins layers."""
    rows = []
    for each in causes(found.driving, found.tails):
        if len(each.states) != 1:
            continue
        at = next(k for k, x in enumerate(found.driving) if x.network == each.network)
        by = slope(found.driving[at], found.tails[at], each.node, each.states[0], LEVEL)
        rows.append(
            {
                "network": each.network,
                "node": each.node,
                "state": each.states[0],
                "probability": each.chance,
                "cvar_per_probability": by,
            }
        )
    for network, carried in found.hidden:
        for state in carried.states():
            if state.slope is not None:
                rows.append(
                    {
                        "network": network,
                        "node": state.node,
                        "state": state.state,
                        "probability": state.chance,
                        "cvar_per_probability": state.slope / (1.0 - LEVEL),
                    }
                )
    return sorted(rows, key=lambda row: -abs(cast(float, row["cvar_per_probability"])))


def _entry(
    reading: Reading, found: Together, replaced: Replaced, entry: Entry, place: int
) -> Document:
    row: Document = {
        "network": entry.network,
        "entry": str(entry),
        "node": entry.node,
        "state": entry.state,
        "given": dict(entry.row),
        "value": entry.value,
        "ale_slope": entry.ale,
        "var_slope": entry.var,
        "cvar_slope": entry.cvar,
        "cvar_slope_error": entry.error,
    }
    if place < CHECKED and 0.0 < entry.value < 1.0:
        ends = _moved(reading, found, replaced, entry)
        if ends is not None:
            row["values"], row["cvar"], row["error"] = ends
    return row


def _moved(
    reading: Reading, found: Together, replaced: Replaced, entry: Entry
) -> tuple[list[float], list[float], list[float]] | None:
    """CVaR with the odds of an entry halved and doubled, in full; None where it cannot be.

    With the values of the entry before, and what cells of prices leave open after.
    """
    p = entry.value
    values = [p * k / (1.0 - p + p * k) for k in (1.0 / ODDS, ODDS)]
    ends = []
    for value in values:
        try:
            other: Drivers = slopes.changed(reading.drivers, entry, value)
            ends.append(network_inputs.moved(reading, found, replaced, other, entry.network))
        except (AssessmentError, MisuseError):
            return None
    cvar, error = map(list, zip(*ends, strict=True))
    return values, cvar, error


# --- the market's own parameters


def _market(found: Together) -> Iterator[Document]:
    """Volatility, and what states do to prices, ten percent each way."""
    market = found.whole.joint.scenarios
    assert isinstance(market, Market)
    yield _swing(found, "volatility of prices", [_wilder(market, k) for k in (1 - BY, 1 + BY)])
    if any(np.any(f != 1.0) for each in market.factors for f in each):
        ends = [_deeper(market, k) for k in (1 - BY, 1 + BY)]
        yield _swing(found, "what states do to prices", ends)


def _swing(found: Together, name: str, ends: list[Market]) -> Document:
    joint = found.whole.joint
    cvar = []
    for market in ends:
        other = Joint(
            joint.register, joint.interfaces, market, joint.tokens, wide=joint.window,
            cells=0 if joint.clouds else joint.count,
        )  # fmt: skip
        cvar.append(other.law().cvar(LEVEL))
    return {"name": name, "swing": "-10 to +10 %", "cvar": cvar}


def _wilder(market: Market, times: float) -> Market:
    """The same scenarios with log moves so many times as large, expected gains kept."""
    spans = market.moves
    mean = spans.end.mean(axis=0)
    end = np.power(spans.end, times)
    lift = mean / end.mean(axis=0)
    low, high = (
        {k: np.power(each, times) * lift[k] for k, each in side.items()}
        for side in (spans.low, spans.high)
    )
    return replace(market, moves=Spans(end * lift, low, high))


def _deeper(market: Market, times: float) -> Market:
    factors = tuple(
        tuple(np.maximum(1.0 + times * (f - 1.0), 0.0) for f in each) for each in market.factors
    )
    return replace(market, factors=factors)


# --- estimates


def _estimates(reading: Reading, found: Together, replaced: Replaced) -> Iterator[Document]:
    """Every estimate of every scenario moved, the widest swing of CVaR first."""
    joined, context = reading.joined, reading.context
    _, alone = enterprise.join({key: reading.book.scenarios[key] for key in joined.lines}, context)
    swings = sensitivities(
        {key: reading.book.scenarios[key] for key in alone},
        context,
        alone,
        cast(Register, replaced),
        lambda law: law.apart(LEVEL),
    )
    for each in swings.widest(10_000):
        yield {
            "scenario": each.scenario,
            "path": each.path,
            "swing": "5 to 95 % of the belief" if each.of == "belief" else "-10 to +10 %",
            "values": [spelled(v, each.dimension, reading.book.currency) for v in each.values],
            "ale": [finite(x) for x in each.total_ale],
            "cvar": [finite(x) for x in each.total_cvar],
            "error": [finite(x) for x in each.apart],
            "elasticity": each.total_elasticity,
        }


__all__ = ["sensitivity", "table_entries"]
