# SPDX-License-Identifier: Apache-2.0
"""A run written down: the one document that terminal, report and ``--json`` are drawn from."""

from __future__ import annotations

import math
import platform
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import scipy

import perilscope
from perilscope.beliefs.law import point, reading
from perilscope.book.quantity import spell
from perilscope.cycle import grades, sentences
from perilscope.cycle.amounts import frequency
from perilscope.cycle.assess import Law, Result
from perilscope.cycle.settings import LEVELS
from perilscope.engines.draws import Draws
from perilscope.layers import enterprise, operational
from perilscope.layers.valuation import Valuation

FORMAT = 1
TAIL = "0.99"

Document = dict[str, Any]


def document(result: Result) -> Document:
    """The run document; its schema is ``perilscope.report.run_schema``."""
    book = result.book
    scenarios = _scenarios(result)
    controls = _controls(result)
    currency = book.currency
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
        "enterprise": _enterprise(result),
        "market": _market(result),
        "networks": _networks(result),
        "network_details": _network_details(result),
        "protocols": _protocols(result),
        "controls": controls,
        "limits": [_limit(s) for s in result.limits],
        "inventory": _inventory(result),
        "grades": _grades(result, scenarios),
        "improve": _improve(result, scenarios),
        "learning": _learning(result),
        "against": _against(result),
        "sentences": [*sentences.register(scenarios, currency), *sentences.controls(controls)],
        "findings": [
            {"severity": f.severity, "where": f.where, "what": f.what, "mend": f.mend}
            for f in result.findings
        ],
        "checks": dict(result.checks),
        "added": enterprise.ADDED,
        "forecast": _forecast(result),
        "provenance": _provenance(result),
    }


def measures(law: Law, years: float, *, curve: bool = False) -> Document:
    """Flat measures of one law; ``ale`` per year, the rest over the horizon."""
    found: Document = {
        "ale": law.mean / years,
        "sd": _finite(law.sd),
        "probability_of_loss": 1.0 - law.none,
        "var": {f"{a:g}": law.var(a) for a in LEVELS},
        "cvar": {f"{a:g}": law.cvar(a) for a in LEVELS},
        "error": {f"{a:g}": _finite(law.error[a]) for a in LEVELS},
        "method": law.method,
    }
    if curve:
        found["exceedance"] = [[loss, p] for loss, p in law.curve()]
    return found


def _finite(value: float) -> float | None:
    """A number for the document; null where there is none."""
    return value if math.isfinite(value) else None


# --- scenarios ------------------------------------------------------------------------------------


def _scenarios(result: Result) -> list[Document]:
    years = result.book.horizon_years
    total = result.law.mean
    rank = _ranks({key: law.mean for key, law in result.laws.items()})
    rank_tail = _ranks(result.tail_shares)
    rows = []
    for key, law in result.laws.items():
        share = law.mean / total if total > 0 else 0.0
        rows.append(
            {
                **_declared(result, key),
                **measures(law, years),
                "rank": rank[key],
                "rank_tail": rank_tail[key],
                "share_of_ale": share,
                "share_of_tail": result.tail_shares.get(key, 0.0),
                "simulation": _simulated(result, key),
            }
        )
    for row in rows:
        row["sentence"] = sentences.scenario(row, result.book.currency)
    return sorted(rows, key=lambda row: row["rank"])


def _declared(result: Result, key: str) -> Document:
    scenario = result.book.scenarios[key]
    events, size = result.events[key]
    factors = [_factor(path, estimate, result.valuation) for path, estimate in scenario.estimates()]
    magnitudes = [f for f in factors if f["path"].startswith("magnitude")]
    driven = [f"{d.network}.{d.node}" for d in operational.drivers_of(scenario)]
    frequencies = [f["text"] for f in factors if f["path"].startswith("frequency")]
    return {
        "id": key,
        "name": scenario.name or "",
        "story": scenario.story or "",
        "layer": scenario.layer,
        "asset": scenario.asset,
        "threat": scenario.threat or "",
        "owner": scenario.owner or "",
        "grade": grades.grade(scenario),
        "rests_on": grades.rests_on(scenario),
        "driven_by": ", ".join(driven),
        "happens": {"per_year": events, "text": frequency(events)},
        "frequency_text": " × ".join(frequencies + [f"from {d}" for d in driven]),
        "magnitude": {"mean": size, "text": " + ".join(f["text"] for f in magnitudes)},
        "source": "; ".join(dict.fromkeys(f["source"] for f in factors if f["source"])),
        "factors": factors,
    }


def _factor(path: str, estimate: Any, valuation: Valuation) -> Document:
    law = reading(estimate.value, price=valuation.price, worth=valuation.loss)
    mean = law.mean
    return {
        "path": path,
        "text": spell(estimate.value),
        "mean": _finite(mean),
        "uncertain": bool(law.beliefs),
        "source": estimate.source or "",
        "by": estimate.by or "",
        "on": estimate.on.isoformat() if estimate.on else "",
        "grade": estimate.grade or "not stated",
    }


def _simulated(result: Result, key: str) -> Document | None:
    if result.draws is None:
        return None
    draws, years = result.draws.lines[key], result.book.horizon_years
    error = float(np.std(draws)) / math.sqrt(len(draws)) / years
    return {"ale": float(np.mean(draws)) / years, "se": error}


def _ranks(figures: Mapping[str, float]) -> dict[str, int]:
    ordered = sorted(figures, key=lambda key: (-figures[key], key))
    return {key: i for i, key in enumerate(ordered, start=1)}


# --- layers ---------------------------------------------------------------------------------------


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
        }
    return layers


def _enterprise(result: Result) -> Document:
    found = measures(result.law, result.book.horizon_years, curve=True)
    found["leaves_out"] = [f.id for f in result.joined.failed]
    if result.draws is not None:
        draws = result.draws
        found["simulated"] = {
            "years": draws.count,
            "var": {f"{a:g}": draws.var(a) for a in LEVELS},
            "cvar": {f"{a:g}": draws.cvar(a) for a in LEVELS},
            "var_se": {f"{a:g}": draws.var_error(a) for a in LEVELS},
            "cvar_se": {f"{a:g}": draws.cvar_error(a) for a in LEVELS},
        }
    return found


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
            {"asset": v.asset, "quantity": v.quantity, "price": v.price, "value": v.value}
            for v in result.valued
        ],
    }


def _note(result: Result) -> str:
    """What the first line of the price history says about itself; provenance holds the rest."""
    history = result.workspace.history
    return "" if history is None or not history.note else history.note.splitlines()[0]


# --- networks and protocols -----------------------------------------------------------------------


def _asked(result: Result) -> dict[str, str]:
    return dict(result.drivers.evidence) if result.settings.evidence else {}


def _networks(result: Result) -> Document:
    return dict(result.drivers.marginals)


def _network_details(result: Result) -> Document:
    book, found = result.book, {}
    for net, driver in result.drivers.networks.items():
        declared = book.networks.get(net)
        shocks = []
        for node, states in declared.shocks.items() if declared is not None else ():
            for state, tokens in states.items():
                for token, shock in tokens.items():
                    shocks.append(
                        {"node": node, "state": state, "token": token, "shock": point(shock)}
                    )
        found[net] = {
            "period_years": driver.years,
            "nodes": [
                {
                    "id": node.name,
                    "parents": list(node.parents),
                    "states": list(node.states),
                    "observed": driver.evidence.get(node.name, ""),
                    "means": "state now" if node.name in driver.conditions else "within period",
                }
                for node in driver.network.nodes
            ],
            "drives": [
                {"scenario": key, "node": d.node}
                for key, scenario in result.scenarios.items()
                for d in operational.drivers_of(scenario)
                if d.network == net
            ],
            "shocks": shocks,
            "evidence": dict(driver.evidence),
            "built_in": net in book.protocols,
        }
    return found


def _protocols(result: Result) -> list[Document]:
    rows = []
    for score in result.protocols:
        mine = [k for k, s in result.book.scenarios.items() if s.asset == score.id]
        worth = result.inventory.get(score.id)
        rows.append(
            {
                "id": score.id,
                "name": result.book.protocols[score.id].name or "",
                "deposit": None if worth is None else worth.mean,
                "probability": score.probability,
                "low": score.low,
                "high": score.high,
                "causes": dict(score.causes),
                "factors": [
                    {"name": f.name, "value": f.value, "effect": f.effect} for f in score.factors
                ],
                "missing": list(score.missing),
                "scenarios": mine,
                "declared_per_year": result.events[mine[0]][0]
                if mine and mine[0] in result.events
                else None,
                "sentence": score.sentence,
            }
        )
    return rows


# --- controls, limits, inventory ------------------------------------------------------------------


def _controls(result: Result) -> list[Document]:
    rows = []
    for verdict in result.controls:
        control = result.book.controls[verdict.id]
        row: Document = {
            "id": verdict.id,
            "name": control.name or "",
            "owner": control.owner or "",
            "state": control.state,
            "does": _does(control),
            "scenarios": list(verdict.scenarios),
            "ale_reduction": verdict.ale_reduction,
            "interval": {"ale_reduction": list(verdict.ale_interval)},
            "cvar_reduction": verdict.cvar_reduction,
            "var99_reduction": verdict.var_reduction,
            "ale_with": verdict.ale_with,
            "var99_with": verdict.var_with,
            "annual_cost": verdict.annual_cost,
            "rosi": verdict.rosi,
            "simulation": {"ale_reduction": verdict.simulated, "se": verdict.standard_error},
        }
        row["sentence"] = sentences.control(row, row["does"], result.book.currency)
        rows.append(row)
    return sorted(rows, key=lambda r: (r["state"] == "in place", -(r["rosi"] or 0.0), r["id"]))


def _does(control: Any) -> str:
    cuts = [
        f"cuts {spell(c.by)} of the {c.factor.replace('_', ' ')} of {c.scenario}"
        for c in control.cuts
    ]
    caps = [f"caps {what} at {spell(amount)}" for what, amount in control.caps.items()]
    return "; ".join([*cuts, *caps])


def _limit(standing: Any) -> Document:
    names = (
        "kind",
        "amount",
        "measure",
        "limit",
        "value",
        "used",
        "breached",
        "warned",
        "owner",
        "scope",
        "subject",
        "unit",
    )
    row = {name: getattr(standing, name) for name in names}
    return {name: value for name, value in row.items() if value is not None}


def _inventory(result: Result) -> list[Document]:
    book, rows = result.book, []
    for key, worth in result.inventory.items():
        thing: Any = book.assets.get(key) or book.venues.get(key) or book.protocols.get(key)
        rows.append(
            {
                "id": key,
                "name": thing.name or "",
                "kind": getattr(thing, "kind", None) or "protocol",
                "worth": worth.mean,
                "low": worth.low,
                "high": worth.high,
                "derived": worth.derived,
                "basis": worth.basis,
                "belongs_to": getattr(thing, "belongs_to", None) or "us",
                "at": getattr(thing, "at", None) or "",
                "owner": thing.owner or "",
            }
        )
    return rows


# --- what it rests on -----------------------------------------------------------------------------


def _grades(result: Result, rows: Iterable[Document]) -> Document:
    average = {row["id"]: row["share_of_ale"] for row in rows}
    return {
        "ale": grades.shares(result.scenarios, average),
        "tail": grades.shares(result.scenarios, result.tail_shares),
    }


def _improve(result: Result, rows: Iterable[Document]) -> list[Document]:
    average = {row["id"]: row["share_of_ale"] for row in rows}
    asks = grades.ask_next(result.scenarios, average, result.tail_shares)
    return [{"id": a.id, "factor": a.factor, "why": a.why, "share": a.share} for a in asks]


def _learning(result: Result) -> list[Document]:
    return [
        {
            "scenario": u.scenario,
            "factor": u.factor,
            "prior": _belief(u.prior, u.prior_text),
            "posterior": _belief(u.posterior, u.posterior_text),
            "events": u.events,
            "exposure_years": u.exposure_years,
            "moves": [{"label": label, "change": change} for label, change in u.moves],
        }
        for u in result.learned.factors
    ]


def _belief(law: Any, text: str) -> Document:
    return {
        "mean": float(law.mean),
        "low": float(law.ppf(0.05)),
        "high": float(law.ppf(0.95)),
        "text": text,
    }


def _against(result: Result) -> list[Document]:
    return [
        {
            "scenario": a.scenario,
            "factor": a.factor,
            "declared": a.declared,
            "observed": a.observed,
            "expected": a.expected,
            "probability": a.probability,
            "sentence": a.sentence,
        }
        for a in result.learned.against
    ]


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
        "backend": "numpy",
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
    if isinstance(law, Draws):
        return {}
    return {
        "points": law.points,
        "step": law.step,
        "tilt": law.tilt,
        "mean_gap": law.mean_gap,
        "error": _finite(max(law.error.values())),
    }
