# SPDX-License-Identifier: Apache-2.0
"""A run written down: the one document that terminal, report and ``--json`` are drawn from."""

from __future__ import annotations

import math
import platform
from collections.abc import Iterable
from dataclasses import fields
from datetime import date
from typing import Any

import numpy as np
import scipy

import perilscope
from perilscope.cycle import amounts, breaches, dependence, protocols, rows, sentences, whole
from perilscope.cycle.assess import Law, Result
from perilscope.cycle.measures import Document, finite, measures
from perilscope.cycle.networks import networks
from perilscope.cycle.workspace import instruments
from perilscope.engines.grids.loss import LossLaw
from perilscope.layers import enterprise, joining
from perilscope.layers.past import PastYear
from perilscope.monitoring.backtest import backtest

FORMAT = 1


def document(result: Result) -> Document:
    """The run document; its schema is ``perilscope.report.run_schema``."""
    book = result.book
    scenarios = rows.scenarios(result)
    controls = rows.controls(result)
    span = amounts.span(book.horizon_years)
    currency, plain = book.currency, whole.without_market(result)
    return {
        "format": FORMAT,
        "book": {
            "name": book.institution.name or "",
            "hash": result.workspace.hash,
            "kind": book.institution.kind or "",
        },
        "as_of": book.as_of.isoformat(),
        "horizon_years": book.horizon_years,
        "seed": result.settings.seed,
        "currency": currency,
        "evidence": _asked(result),
        "scenarios": scenarios,
        "failed": [{"id": f.id, "reason": f.reason} for f in result.joined.failed],
        "layers": _layers(result),
        "enterprise": whole.enterprise(result, plain),
        "enterprise_without_market": plain,
        "market": _market(result),
        "networks": networks.networks(result),
        "network_details": networks.network_details(result),
        "protocols": protocols.protocols(result),
        "controls": controls,
        "covers": rows.covers(result),
        "net": rows.net(result),
        "limits": breaches.told(
            [rows.limit(s) for s in result.limits], breaches.chances(result, result.held)
        ),
        "inventory": rows.inventory(result),
        "grades": rows.graded(result, scenarios),
        "improve": rows.improve(result, scenarios),
        "learning": rows.learning(result),
        "against": rows.against(result),
        "sentences": [
            *sentences.register(scenarios, currency, span),
            *sentences.controls(controls),
        ],
        "findings": [
            {"severity": f.severity, "where": f.where, "what": f.what, "mend": f.mend}
            for f in result.findings
        ],
        "dependence": dependence.shared(book),
        "copula": dependence.under_copula(book, result.tied),
        "checks": dict(result.checks),
        "added": enterprise.ADDED if result.together is None else joining.ADDED,
        "forecast": _forecast(result),
        "provenance": _provenance(result),
    }


def _layers(result: Result) -> Document:
    years = result.book.horizon_years
    layers = {name: measures(law, years, curve=True) for name, law in result.layers.items()}
    if result.market is not None:
        method = result.market.default_method
        by_level = result.market.methods[method][1]
        layers["market"] = {
            "var": {f"{a:g}": f.var for a, f in by_level.items()},
            "cvar": {f"{a:g}": f.cvar for a, f in by_level.items()},
            "error": {
                f"{a:g}": (f.cvar_high - f.cvar_low) / (2.0 * f.cvar) if f.cvar > 0 else 0.0
                for a, f in by_level.items()
            },
            "method": method,
            "horizon_days": 1,
            **whole.market(result),
        }
    return layers


def _distribution(losses: np.ndarray) -> Document:
    """How many days of the past would have cost today's holdings how much."""
    if losses.size < 2:
        return {"edges": [], "counts": []}
    counts, edges = np.histogram(losses, bins=min(max(math.isqrt(losses.size), 8), 60))
    return {"edges": edges.tolist(), "counts": counts.tolist()}


def _market(result: Result) -> Document:
    figures = result.market
    if figures is None:
        return {}
    return {
        "value": math.fsum(v.value for v in result.valued),
        "default_method": figures.default_method,
        "methods": {
            method: {
                str(days): {
                    f"{level:g}": {
                        "var": f.var,
                        "cvar": f.cvar,
                        "var_interval": [f.var_low, f.var_high],
                        "cvar_interval": [f.cvar_low, f.cvar_high],
                    }
                    for level, f in by_level.items()
                }
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
        "stresses": [
            {
                "id": s.id,
                "name": s.name,
                "days": s.days,
                "loss": s.loss,
                "moved": [
                    {"asset": m.asset, "move": m.move, "loss": m.loss, "how": m.how}
                    for m in s.moved
                ],
            }
            for s in result.stresses
        ],
        **_past_year(result.past_year),
        "depeg": {
            d.node: {
                "state": d.state,
                "probability_period": d.probability_period,
                "probability_horizon": d.probability_horizon,
                "days": d.days,
                "level": f"{d.level:g}",
                "cvar_without": d.cvar_without,
                "cvar_with": d.cvar_with,
            }
            for d in figures.shocked
        },
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
        "lots": [
            {
                "asset": lot.asset,
                "instrument": lot.instrument,
                "quantity": lot.quantity,
                "terms": {
                    each.name: value.isoformat() if isinstance(value, date) else value
                    for each in fields(lot.terms)
                    if (value := getattr(lot.terms, each.name)) != each.default
                },
            }
            for lot in instruments(result.workspace)
        ],
    }


SHOWN = ("traffic-light", "kupiec-pof", "christoffersen-conditional-coverage", "dq", "z1", "z2",
         "e-backtest")  # fmt: skip
"""Backtests of the past year that a run tells; `market backtest BOOK` has them all."""


def _past_year(past: PastYear | None) -> Document:
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
                for each in backtest(told, past.level, only=SHOWN)
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


def _asked(result: Result) -> dict[str, str]:
    return dict(result.drivers.evidence) if result.settings.evidence else {}


def _forecast(result: Result) -> Document:
    def bands(found: Iterable[Any]) -> list[Document]:
        return [{"years": b.years, "mean": b.mean, "low": b.low, "high": b.high} for b in found]

    forecast: Document = {
        "scenarios": [
            {"id": f.id, "events": bands(f.events), "loss": bands(f.loss)} for f in result.forecasts
        ],
        "enterprise": {
            "mean": result.law.mean,
            "low": result.law.var(0.05),
            "high": result.law.var(0.95),
        },
    }
    if result.market is not None:
        figure = result.market.methods[result.market.default_method][1][0.99]
        forecast["market"] = {"days": 1, "level": 0.99, "var": figure.var}
    return forecast


def _provenance(result: Result) -> Document:
    law = result.law
    return {
        "perilscope": perilscope.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "backend": "" if result.draws is None else result.draws.backend,
        "cpu": platform.machine(),
        "book_hash": result.workspace.hash,
        "data": [
            {"name": d.name, "sha256": d.sha256, "note": d.note} for d in result.workspace.data
        ],
        "grid": _grid(law),
        "engine": result.settings.engine,
        "years": result.settings.years,
        "seed": result.settings.seed,
    }


def _grid(law: Law) -> Document:
    if not isinstance(law, LossLaw):
        return {}
    return {
        "points": law.points,
        "step": law.step,
        "tilt": law.tilt,
        "mean_gap": law.mean_gap,
        "error": finite(max(law.error.values())),
    }
