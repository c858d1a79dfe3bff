# SPDX-License-Identifier: Apache-2.0
"""A run written down: the one document that terminal, report and ``--json`` are drawn from."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from typing import Any

import numpy as np
import scipy

import perilscope
from perilscope.cycle import (
    amounts,
    breaches,
    dependence,
    market_rows,
    protocols,
    rows,
    sentences,
    whole,
)
from perilscope.cycle.assess import Law, Result
from perilscope.cycle.measures import Document, finite, measures
from perilscope.cycle.networks import networks
from perilscope.engines.grids.loss import LossLaw
from perilscope.layers import enterprise, joining

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
        "market": market_rows.market(result),
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
        "added": _added(result),
        "forecast": _forecast(result),
        "provenance": _provenance(result),
    }


def _added(result: Result) -> str:
    if result.together is not None:
        return joining.ADDED
    return enterprise.ADDED if result.valued else enterprise.ALONE


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
