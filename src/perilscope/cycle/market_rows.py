# SPDX-License-Identifier: Apache-2.0
"""The market part of the run document: VaR and CVaR, stresses, the past year, what is held."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields
from datetime import date

import numpy as np

from perilscope.cycle.assess import Result
from perilscope.cycle.measures import Document
from perilscope.cycle.workspace import instruments
from perilscope.evidence.positions import Position
from perilscope.layers.market import Figure, Shocked
from perilscope.layers.past import PastYear
from perilscope.layers.stress import Stressed
from perilscope.monitoring.backtest import Verdict


def _distribution(losses: np.ndarray) -> Document:
    """How many days of the past would have cost today's holdings how much."""
    if losses.size < 2:
        return {"edges": [], "counts": []}
    counts, edges = np.histogram(losses, bins=min(max(math.isqrt(losses.size), 8), 60))
    return {"edges": edges.tolist(), "counts": counts.tolist()}


def market(result: Result) -> Document:
    """Market figures of a run, and the positions that they are of; empty where nothing is held."""
    figures = result.market
    if figures is None:
        return {}
    return {
        "value": math.fsum(v.value for v in result.valued),
        "default_method": figures.default_method,
        "methods": {
            method: {
                str(days): {f"{level:g}": _figure(figure) for level, figure in by_level.items()}
                for days, by_level in by_days.items()
            }
            for method, by_days in figures.methods.items()
        },
        "days_used": figures.days_used,
        "first": figures.first.isoformat(),
        "last": figures.last.isoformat(),
        "drift": figures.drift,
        "note": _note(result),
        "contributions": [
            {"asset": c.asset, "value": c.value, "share_of_cvar": c.share}
            for c in figures.contributions
        ],
        "distribution": _distribution(figures.losses),
        "stresses": [_stress(found) for found in result.stresses],
        **_past_year(result.past_year, result.backtests),
        "depeg": {each.node: _shock(each) for each in figures.shocked},
        "valued": [
            {
                "asset": v.asset,
                "instrument": v.instrument,
                "quantity": v.quantity,
                "price": v.price,
                "value": v.value,
            }
            for v in result.valued
        ],
        "lots": [_lot(lot) for lot in instruments(result.workspace)],
    }


def _figure(figure: Figure) -> Document:
    return {
        "var": figure.var,
        "cvar": figure.cvar,
        "var_interval": [figure.var_low, figure.var_high],
        "cvar_interval": [figure.cvar_low, figure.cvar_high],
    }


def _stress(found: Stressed) -> Document:
    return {
        "id": found.id,
        "name": found.name,
        "days": found.days,
        "loss": found.loss,
        "moved": [
            {"asset": each.asset, "move": each.move, "loss": each.loss, "how": each.how}
            for each in found.moved
        ],
    }


def _shock(found: Shocked) -> Document:
    return {
        "state": found.state,
        "probability_period": found.probability_period,
        "probability_horizon": found.probability_horizon,
        "days": found.days,
        "level": f"{found.level:g}",
        "cvar_without": found.cvar_without,
        "cvar_with": found.cvar_with,
    }


def _lot(lot: Position) -> Document:
    """An instrument with those of its terms that are not the usual ones."""
    return {
        "asset": lot.asset,
        "instrument": lot.instrument,
        "quantity": lot.quantity,
        "terms": {
            each.name: value.isoformat() if isinstance(value, date) else value
            for each in fields(lot.terms)
            if (value := getattr(lot.terms, each.name)) != each.default
        },
    }


def _past_year(past: PastYear | None, backtests: Sequence[Verdict]) -> Document:
    """The rolling backtest of what is held; nothing where the history is too short."""
    if past is None:
        return {}
    told = past.told
    return {
        "backtest": {
            "method": told.name,
            "level": past.level,
            "window": past.window,
            "exceptions": told.exceptions,
            "expected": len(told.days) * (1.0 - past.level),
            "tests": {
                each.test.name: {
                    "title": each.test.title,
                    "statistic": None if each.result is None else each.result.statistic,
                    "p_value": each.p_value,
                    "reason": each.reason,
                }
                for each in backtests
            },
            "series": {
                "dates": [day.isoformat() for day in told.days],
                "loss": told.loss.tolist(),
                "var": told.var.tolist(),
                "cvar": None if told.cvar is None else told.cvar.tolist(),
                "exceptions": np.flatnonzero(told.loss > told.var).tolist(),
            },
        }
    }


def _note(result: Result) -> str:
    """What the first line of the price history says about itself; provenance holds the rest."""
    history = result.workspace.history
    return "" if history is None or not history.note else history.note.splitlines()[0]
