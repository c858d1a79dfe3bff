# SPDX-License-Identifier: Apache-2.0
"""Scenario stories: the whole institution under an event, beside what it is without it; and back,
from a loss to the states that most likely stand behind it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from perilscope.book.quantity import parse, plain
from perilscope.cycle import kept_draws
from perilscope.cycle.kept_draws import Kept
from perilscope.cycle.measures import Document, finite
from perilscope.cycle.questions.happening import HAPPENS, happening, likely, parted
from perilscope.cycle.questions.reading import Reading, chance, measures, places, read
from perilscope.cycle.settings import Settings
from perilscope.cycle.together import causes, contributions
from perilscope.cycle.workspace import Workspace
from perilscope.engines.joint import borne
from perilscope.engines.joint.causes import tails as tails_of
from perilscope.errors import AssessmentError, MisuseError
from perilscope.layers.joining import Driving, Whole
from perilscope.monitoring.limits import Figures, standing

LEVEL = 0.99
MOST = 64
"""Joint states of all networks whose share of the tail is computed."""


def condition(
    workspace: Workspace, settings: Settings, on: Sequence[str], draws: Path | None = None
) -> Document:
    """The institution under an event, beside what it is without it.

    Parameters
    ----------
    workspace : Workspace
    settings : Settings
    on : sequence of ``NODE=STATE`` or ``SCENARIO=happens``
    draws : Path, optional
        Of a run that kept its draws, which are weighed anew.

    Raises
    ------
    MisuseError
        No condition, names that are not there, or what cannot happen.
    """
    if not on:
        raise MisuseError("a condition is wanted: --on NODE=STATE, for example --on depeg=yes")
    nodes, scenarios = parted(workspace.book, on)
    if scenarios and draws is not None:
        raise MisuseError("--draws: they tell states of networks, not which scenarios happened")
    kept = None if draws is None else kept_draws.opened(draws)
    if kept is not None:  # the same market scenarios
        settings = replace(settings, seed=kept.seed)
    before = read(workspace, settings)
    asked = places(before, nodes)
    probability = chance(before, asked) * likely(before, scenarios)
    after = happening(read(workspace, settings, nodes), scenarios)
    return {
        **head(before),
        "on": {**asked, **dict.fromkeys(scenarios, HAPPENS)},
        "probability": probability,
        "enterprise": _both(before, after, lambda r: measures(r.law, _ale(r))),
        "without_market": _both(before, after, lambda r: measures(r.plain, _ale(r))),
        "layers": _both(before, after, _layers),
        "scenarios": _scenarios(before, after),
        "holdings": _holdings(before, after),
        "nodes": _nodes(before, after),
        "limits": _limits(before, after),
        **({} if kept is None else {"simulated": _simulated(before, after, kept)}),
        "notes": [f"{where}: {what}" for where, what in after.notes],
    }


def _simulated(before: Reading, after: Reading, kept: Kept) -> Document:
    """The same by the draws that a run kept, one set weighed twice."""
    if before.whole is None or after.whole is None:
        raise MisuseError("--draws: no market is joined here, so there are no draws of everything")
    found: Document = {}
    for name, whole in (("before", before.whole), ("after", after.whole)):
        known = kept.of(whole).weighed([each.interface.weights for each in whole.driving])
        found[name] = kept_draws.told(known, whole.law)
    return found


def head(reading: Reading) -> Document:
    """What every answer begins with: whose it is, when, in what money, under what evidence."""
    book = reading.book
    return {
        "book": book.institution.name or "",
        "as_of": book.as_of.isoformat(),
        "currency": book.currency,
        "horizon_years": reading.context.years,
        "evidence": dict(reading.drivers.evidence) if reading.settings.evidence else {},
        "joined": reading.whole is not None,
        "moves": "" if reading.whole is None else reading.whole.moves.description,
        "error": finite(max(reading.law.error_at(a) for a in (0.95, 0.99))),
    }


def _both(before: Reading, after: Reading, of: Any) -> Document:
    return {"before": of(before), "after": of(after)}


def _ale(reading: Reading) -> float:
    return float(reading.plain.mean / reading.context.years)


def _layers(reading: Reading) -> Document:
    """Mean, VaR and CVaR 99 % of each layer by itself over the horizon."""
    found: Document = {}
    for layer, law in reading.layers.items():
        found[layer] = _short(law)
    if reading.whole is not None:
        found["market"] = _short(reading.whole.market)
    return found


def _short(law: Any) -> Document:
    return {"mean": law.mean, "var": law.var(LEVEL), "cvar": law.cvar(LEVEL)}


def _scenarios(before: Reading, after: Reading) -> list[Document]:
    """How often and how dear each scenario is without and with the condition."""
    found = []
    tails = [_tail(reading) for reading in (before, after)]
    for key, scenario in before.book.scenarios.items():
        if key not in before.joined.lines or key not in after.joined.lines:
            continue
        ale = [r.register.means[key] / r.context.years for r in (before, after)]
        none = [r.register.none_of(key) for r in (before, after)]
        found.append(
            {
                "id": key,
                "name": scenario.name or key,
                "layer": scenario.layer,
                "happens": {"before": 1.0 - none[0], "after": 1.0 - none[1]},
                "ale": {"before": ale[0], "after": ale[1]},
                "tail": {"before": tails[0].get(key), "after": tails[1].get(key)},
            }
        )
    return sorted(found, key=lambda row: -abs(row["ale"]["after"] - row["ale"]["before"]))


def _tail(reading: Reading) -> dict[str, float]:
    """What each scenario bears of CVaR 99 % of everything."""
    if reading.whole is None:
        return dict(reading.register.contributions(LEVEL))
    return dict(borne.contributions(reading.whole.joint, reading.whole.law, LEVEL).lines)


def _holdings(before: Reading, after: Reading) -> list[Document]:
    """What each holding is expected to lose, without and with the condition."""
    if before.whole is None or after.whole is None:
        return []
    means = [_held(reading.whole) for reading in (before, after) if reading.whole is not None]
    values = {v.asset: v.value for v in before.valued if v.instrument == "spot"}
    rows = [
        {"id": name, "value": values.get(name), "mean": {"before": mean, "after": means[1][name]}}
        for name, mean in means[0].items()
    ]
    return sorted(rows, key=lambda row: -abs(_apart(row["mean"])))


def _apart(pair: Any) -> float:
    return float(pair["after"] - pair["before"])


def _held(whole: Whole) -> dict[str, float]:
    """Mean loss of each holding over the horizon."""
    joint = whole.joint
    total = np.zeros(len(joint.scenarios.names))
    for rungs in joint.markets:
        likely = joint.chance(rungs)
        if likely > 0.0:
            total += likely * joint.scenarios.weighed(rungs, joint.scenarios.weights)
    return dict(zip(joint.scenarios.names, total.tolist(), strict=True))


def _nodes(before: Reading, after: Reading) -> list[Document]:
    """Nodes that are thought of otherwise under the condition, those that move most first."""
    rows = []
    for network, nodes in before.drivers.marginals.items():
        for node in nodes:
            known, now = (_worst(reading, network, node) for reading in (before, after))
            for state, was in known.items():
                if abs(now[state] - was) > 1e-9:
                    rows.append(
                        {
                            "network": network,
                            "node": node,
                            "state": state,
                            "probability": {"before": was, "after": now[state]},
                        }
                    )
    return sorted(rows, key=lambda row: -abs(_apart(row["probability"])))


def _worst(reading: Reading, network: str, node: str) -> dict[str, float]:
    """Law of the state of a node, or over a horizon of the last one that it comes to."""
    name, own = reading.drivers.place(network, node)
    states = reading.drivers.driver(name).states(own)
    law = reading.drivers.over(name, [(own, tuple((x,) for x in states))], reading.context.years)
    return dict(zip(states, law.table.tolist(), strict=True))


def _limits(before: Reading, after: Reading) -> list[Document]:
    """Limits on annual losses, without and with the condition; others do not answer to it here."""
    if before.context.years != 1.0:
        return []
    rows = []
    for limit in before.book.limits:
        pair = []
        for reading in (before, after):
            figures = Figures(reading.plain, reading.plain.mean, None, reading.context.valuation)
            try:
                pair.append(standing(limit, figures))
            except AssessmentError:
                break
        if len(pair) == 2:
            rows.append(
                {
                    "measure": pair[0].measure,
                    "limit": pair[0].limit,
                    "unit": pair[0].unit,
                    "value": {"before": pair[0].value, "after": pair[1].value},
                    "breached": {"before": pair[0].breached, "after": pair[1].breached},
                }
            )
    return rows


def amount(text: str, currency: str) -> float:
    """A sum of money as people write it, like ``80M``.

    Raises
    ------
    MisuseError
        It is none, or not positive.

    Examples
    --------
    >>> amount("80M", "USD")
    80000000.0
    """
    try:
        parsed = parse(text, "money", currency)
        number = plain(parsed.node)
    except ValueError as error:
        raise MisuseError(f"--above {text!r}: {error}. Write it like 80M or 1.2bn") from error
    if number is None or not number > 0:
        raise MisuseError(f"--above {text!r}: a plain sum of money above zero is wanted, like 80M")
    return float(number)


# --- from a loss back to what stands behind it


_NOTHING = 4.0
"""Chances below so many times what lies beyond the window are not told from it."""


def behind(workspace: Workspace, settings: Settings, above: float) -> Document:
    """The likeliest joint states behind a loss above an amount, and who bears it.

    Parameters
    ----------
    workspace : Workspace
    settings : Settings
    above : float
        Money.

    Raises
    ------
    MisuseError
        So much is lost in less than one case in a million, or more than the window holds.
    AssessmentError
        There is no market to join, or no network drives anything.
    """
    reading = read(workspace, settings)
    found = reading.together
    if found is None:
        raise AssessmentError(
            "there is no joint law to look behind: the book holds nothing that has prices"
        )
    law, whole = found.law, found.whole
    beyond = law.exceed(above)
    rarest = max(1e-6, _NOTHING * law.beyond)
    if above >= law.window.high or beyond < rarest:
        raise MisuseError(
            f"a loss above {above:,.0f} is rarer than 1 in {1.0 / rarest:,.0f}, or lies beyond "
            f"the losses that are computed (up to {law.window.high:,.0f}): 1 in 1,000 exceeds "
            f"{law.var(0.999):,.0f}; ask for less"
        )
    tails = tails_of(whole.joint, law, above)
    level = 1.0 - beyond
    split: Document = {}
    if 0.0 < level < 1.0:
        held = borne.contributions(whole.joint, law, level)
        ways = contributions(held, reading.book.scenarios, reading.book, found.shares)
        split = {
            name: [{"id": a, "kind": b, "loss": c} for a, b, c in rows]
            for name, rows in ways.items()
        }
    return {
        **head(reading),
        "above": above,
        "probability": beyond,
        "expected_loss": above + law.excess(above) / beyond,
        "states": joint_states(whole, above, beyond),
        "causes": [
            {
                "network": c.network,
                "node": c.node,
                "state": " or ".join(c.states),
                "probability": c.chance,
                "given_loss": c.given,
            }
            for c in causes(whole.driving, tails)
        ],
        "bears": split,
        "notes": [f"{where}: {what}" for where, what in reading.notes],
    }


def joint_states(whole: Whole, above: float, beyond: float) -> list[Document]:
    """Joint states of all networks behind a loss above an amount, the likeliest first.

    Of too many states the likeliest before the loss is known are looked at.
    """
    joint, driving = whole.joint, whole.driving
    if not driving:
        return []
    chances = [[float(p) for p in each.interface.weights] for each in driving]
    tops = [sorted(range(len(c)), key=lambda k, c=c: -c[k])[:MOST] for c in chances]  # type: ignore[misc]
    every = itertools.islice(itertools.product(*tops), MOST * MOST)
    likely = sorted(
        ((math.prod(c[k] for c, k in zip(chances, at, strict=True)), at) for at in every),
        reverse=True,
    )[:MOST]
    rows = []
    for prior, at in likely:
        if prior <= 0.0:
            continue
        known = [np.eye(len(c))[k] for c, k in zip(chances, at, strict=True)]
        p = min(max(joint.exceed(above, known), 0.0), 1.0)
        rows.append(
            {
                "states": _said(driving, at),
                "probability": prior,
                "exceeds": p,
                "given_loss": prior * p / beyond,
            }
        )
    return sorted(rows, key=lambda row: -float(row["given_loss"]))


def _said(driving: Sequence[Driving], at: Sequence[int]) -> dict[str, str]:
    found: dict[str, str] = {}
    for each, k in zip(driving, at, strict=True):
        for node, state in each.named(k).items():
            # nodes of networks that are tied together have the network in their name
            found[node if " + " in each.network else f"{each.network}.{node}"] = state
    return found


__all__ = ["amount", "behind", "condition", "head", "joint_states"]
