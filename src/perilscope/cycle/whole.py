# SPDX-License-Identifier: Apache-2.0
"""The enterprise in the run document: everything as one law, and without the market."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np

from perilscope.book import Book
from perilscope.cycle import factors, grades, rows
from perilscope.cycle.assess import Law, Result
from perilscope.cycle.drawn import cvar_error
from perilscope.cycle.largest import Peak
from perilscope.cycle.measures import Document, finite, measures
from perilscope.cycle.settings import LEVELS
from perilscope.cycle.together import Rows, Together, causes, contributions, slope
from perilscope.engines.aggregate.band import Band
from perilscope.engines.grids.loss import LossLaw
from perilscope.engines.joint.law import SignedLaw
from perilscope.engines.simulation.draws import Simulated
from perilscope.engines.simulation.stratified import Weighted
from perilscope.layers.joining import Whole

MOST_LEAVES = 20
"""Leaves in the tornado of everything."""

MOST_STATES = 12
"""Joint states of a network that are written down, those that matter most in the tail."""


def enterprise(result: Result, plain: Document) -> Document:
    """Market, operational and protocol losses as one law over the horizon of the book.

    ``ale`` stays that of operational and protocol losses; without a market all figures do.

    Parameters
    ----------
    result : Result
    plain : Document
        As :func:`without_market` gives it.
    """
    book = result.book
    all_ = result.together
    if all_ is None:
        return plain
    found = measures(all_.law, result.book.horizon_years, curve=True)
    found |= {key: plain[key] for key in ("ale", "ale_interval", "leaves_out")}
    return {
        **found,
        "mean": all_.law.mean,
        "largest": _largest(result.peaks[1], drawn=all_.whole.moves.sampled),
        "bounds": rows.bounds(all_.bounds),
        **_believed(all_),
        "prior_share": _prior(result, all_),
        "uncertainty": uncertainty(all_),
        **borne(all_, book),
        **traced(all_),
        "alone": alone(all_, {**result.layers, **result.layers_priced}),
        "joined": _joined(all_.whole),
        **_simulated(result, found),
    }


def _believed(all_: Together) -> Document:
    """The curve with its credible band, where it was asked for."""
    return {} if all_.band is None else {"band": {"curve": _curve(all_.band.curve)}}


def _curve(band: Band) -> list[list[float]]:
    columns = (band.losses, band.low, band.median, band.high, band.predictive)
    return [list(point) for point in zip(*(map(float, column) for column in columns), strict=True)]


def _prior(result: Result, all_: Together | None = None) -> Document:
    """Share of the average and of the bad period that is prior rather than data.

    Price histories are data. VaR is split as CVaR is.
    """
    own = {key: grades.prior_share(x, result.learned) for key, x in result.scenarios.items()}
    means = {key: result.laws[key].mean for key in own}
    tail, data = dict(result.tail_shares), 0.0
    if all_ is not None:
        tail = dict(all_.borne.lines)
        data = math.fsum(abs(x) for x in all_.borne.holdings.values())
    return {"ale": grades.weighed(own, means), "tail": grades.weighed(own, tail, data)}


def _simulated(result: Result, exact: Document) -> Document:
    """The same by simulation; with ``--engine simulation`` its figures are the answer.

    Where it is worth too few draws the exact figure stands; the run says so.
    """
    if result.horizons is None or result.together is None:
        return {}
    known, found = result.horizons.known, result.horizons.figures
    if result.settings.engine != "simulation":
        return {"simulated": found}
    told = _told(known, exact["exceedance"])
    told |= {"method": f"simulation, {found['years']:,} horizons", "error": {}}
    for key in ("var", "cvar"):
        each = {a: x if x is not None else exact[key][a] for a, x in found[key].items()}
        told[key] = each
    for a, cvar in told["cvar"].items():
        errors = [found[f"{key}_se"][a] for key in ("var", "cvar")]
        worst = None if None in errors else max(errors)
        told["error"][a] = None if worst is None or not cvar else worst / abs(cvar)
    return {"simulated": found, **told}


def _told(known: Weighted, curve: list[list[float]]) -> Document:
    """Of a simulated law what hangs on no level; its curve at the points of the exact one."""
    mean = known.mean.value
    places = np.array([x for x, _ in curve])
    shares = known.shares(places)
    pairs = [[x, p] for x, p in zip(places.tolist(), shares.tolist(), strict=True) if p > 0.0]
    square = known.of(lambda losses: (losses - mean) ** 2).value
    return {
        "mean": mean,
        "sd": math.sqrt(square) if known.strata.finite else None,
        "probability_of_loss": known.exceed(0.0).value,
        "exceedance": pairs,
    }


def without_market(result: Result) -> Document:
    """Operational and protocol losses over the horizon, as they stand without the market."""
    found = measures(result.law, result.book.horizon_years, curve=True)
    found["leaves_out"] = [f.id for f in result.joined.failed]
    if result.draws is not None:
        draws = result.draws
        found["simulated"] = {
            "years": draws.count,
            "var": {f"{a:g}": draws.var(a) for a in LEVELS},
            "cvar": {f"{a:g}": draws.cvar(a) for a in LEVELS},
            "var_se": {f"{a:g}": draws.var_error(a) for a in LEVELS},
            "cvar_se": {f"{a:g}": _cvar_error(result, draws, a) for a in LEVELS},
        }
    return {**found, **_behind(result), "prior_share": _prior(result)}


def _cvar_error(result: Result, draws: Simulated, level: float) -> float:
    """Standard error of simulated CVaR, by the exact law where that is there and says more."""
    law = result.law
    if isinstance(law, LossLaw):
        return cvar_error(draws, law, level)
    return draws.cvar_error(level)


def market(result: Result) -> Document:
    """What the market layer adds over the horizon of the book, for its place among the layers."""
    all_ = result.together
    if all_ is None:
        return {}
    law = all_.whole.market
    return {
        "mean": law.mean,
        "over_horizon": {
            "days": all_.whole.moves.days,
            "mean": law.mean,
            "sd": finite(law.sd),
            "probability_of_loss": 1.0 - law.none,
            "var": {f"{a:g}": law.var(a) for a in LEVELS},
            "cvar": {f"{a:g}": law.cvar(a) for a in LEVELS},
            "exceedance": [[loss, p] for loss, p in law.curve()],
            "said": all_.whole.moves.description,
        },
    }


def _behind(result: Result) -> Document:
    """How sure the figures of everything are, and what they answer to."""
    behind, currency = result.insight, result.book.currency
    swings = behind.sensitivities.widest(MOST_LEAVES) if result.settings.tornado == "*" else []
    found: Document = {
        "ale_interval": list(behind.interval),
        "tornado": [factors.total_swing(swing, currency) for swing in swings],
        "bounds": rows.bounds(behind.bounds),
        "largest": _largest(result.peaks[0]),
    }
    if behind.band is not None:
        found["band"] = {"curve": _curve(behind.band)}
    return found


def _largest(found: Peak | None, *, drawn: bool = False) -> Document:
    """The largest single loss of the horizon; standard errors where scenarios were drawn."""
    if found is None:
        return {}
    at = [f"{a:g}" for a in LEVELS]
    told: Document = {
        "var": dict(zip(at, found.vars, strict=True)),
        "var_error": dict(zip(at, found.errors, strict=True)),
        "curve": [list(point) for point in found.curve],
    }
    if drawn:
        told["var_se"] = dict(zip(at, found.drawn, strict=True))
        told["curve_se"] = list(found.aside)
    return told


def uncertainty(all_: Together) -> Document:
    """By level: the standard error of the scenarios, what the history leaves open, and beliefs."""
    found: Document = {}
    for level, (var, cvar) in all_.intervals.items():
        scenarios = all_.drawn.get(level)
        found[f"{level:g}"] = {
            "var_se": finite(scenarios.var) if scenarios else 0.0,
            "cvar_se": finite(scenarios.cvar) if scenarios else 0.0,
            "var_interval": list(var),
            "cvar_interval": list(cvar),
        }
        if all_.band is not None:
            pairs = (all_.band.var[level], all_.band.cvar[level])
            ends = [[finite(each.low), finite(each.high)] for each in pairs]
            drawn = [[finite(each.low_error), finite(each.high_error)] for each in pairs]
            found[f"{level:g}"] |= {"var_believed": ends[0], "cvar_believed": ends[1]}
            found[f"{level:g}"] |= {"var_believed_se": drawn[0], "cvar_believed_se": drawn[1]}
    return found


def borne(all_: Together, book: Book) -> Document:
    """Who bears the tail, in every way of splitting it."""
    held = all_.borne
    split = contributions(held, book.scenarios, book, all_.shares)
    return {
        "contributions": {
            "level": f"{held.level:g}",
            "cvar": held.cvar,
            "off": held.off,
            **{name: shares_of(each, held.cvar) for name, each in split.items()},
        }
    }


def shares_of(found: Rows, whole: float) -> list[Document]:
    """Who bears how much of a whole."""
    return [
        {"id": name, "kind": kind, "cvar": value, "share": value / whole if whole else 0.0}
        for name, kind, value in found
    ]


def traced(all_: Together) -> Document:
    """What networks have to do with the tail: no addends, but chances given the tail."""
    found = []
    for each in causes(all_.driving, all_.tails):
        row: Document = {
            "network": each.network,
            "node": each.node,
            "state": " or ".join(each.states),
            "probability": each.chance,
            "given_tail": each.given,
        }
        if len(each.states) == 1:
            at = next(k for k, x in enumerate(all_.driving) if x.network == each.network)
            row["cvar_per_probability"] = slope(
                all_.driving[at], all_.tails[at], each.node, each.states[0], all_.borne.level
            )
        found.append(row)
    return {"causes": [*found, *_carried(all_)], "joint_states": _states(all_)}


def _carried(all_: Together) -> Iterator[Document]:
    """The same of networks whose joint states are not listed."""
    for network, behind in all_.hidden:
        for each in behind.states():
            row: Document = {
                "network": network,
                "node": each.node,
                "state": each.state,
                "probability": each.chance,
                "given_tail": each.given,
            }
            if each.slope is not None:
                row["cvar_per_probability"] = each.slope / (1.0 - all_.borne.level)
            yield row


def _states(all_: Together) -> list[Document]:
    """The joint states that stand behind a loss beyond VaR, by network, the likeliest first."""
    found = []
    for each, tail in zip(all_.driving, all_.tails, strict=True):
        given = tail.posterior
        order = sorted(range(len(given)), key=lambda k, given=given: -float(given[k]))  # type: ignore[misc]
        for k in order[:MOST_STATES]:
            if given[k] <= 0.0:
                continue
            beyond = float(tail.excess[k] / tail.exceed[k]) if tail.exceed[k] > 0.0 else 0.0
            found.append(
                {
                    "network": each.network,
                    "states": each.named(k),
                    "probability": float(tail.chance[k]),
                    "given_tail": float(given[k]),
                    "exceeds_var": float(tail.exceed[k]),
                    "expected_tail_loss": all_.law.var(all_.borne.level) + beyond,
                }
            )
    return found


def alone(all_: Together, layers: Mapping[str, Law]) -> Document:
    """Each layer by itself against all together, at every level.

    Parameters
    ----------
    all_ : Together
    layers : mapping of str to law
        With losses in tokens at the prices of their day, as in all together.
    """
    laws: dict[str, Law | SignedLaw] = {**layers, "market": all_.whole.market}
    found: Document = {}
    for level in LEVELS:
        each = {name: law.cvar(level) for name, law in laws.items()}
        added = math.fsum(each.values())
        joint = all_.law.cvar(level)
        found[f"{level:g}"] = {
            "cvar": each,
            "added": added,
            "joint": joint,
            "diversification": added - joint,
        }
    return found


def _joined(whole: Whole) -> Document:
    """How the layers were joined."""
    joint = whole.joint
    return {
        "moves": whole.moves.description,
        "tokens": dict(whole.tokens),
        "cells": joint.count if whole.tokens else 0,
        "networks": [each.network for each in whole.driving],
        "joint_states": math.prod(len(each.states) for each in whole.driving),
        "window": {
            "low": joint.window.low,
            "high": joint.window.high,
            "step": joint.window.grid.step,
            "points": joint.window.grid.points,
            "beyond": whole.law.beyond,
        },
    }
