# SPDX-License-Identifier: Apache-2.0
"""The lists of the run document: scenarios, controls, limits, inventory, what the logs taught."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from perilscope.beliefs.law import reading
from perilscope.book.quantity import spell
from perilscope.cycle import factors, grades, sentences
from perilscope.cycle.amounts import frequency, span
from perilscope.cycle.assess import Result
from perilscope.cycle.drawn import net_gap
from perilscope.cycle.measures import Document, finite, measures
from perilscope.cycle.settings import LEVELS
from perilscope.engines.aggregate.bounds import Bounds
from perilscope.engines.simulation.draws import Draws
from perilscope.layers.driven import places
from perilscope.layers.valuation import Valuation
from perilscope.treatment.insurer import Measured


def scenarios(result: Result) -> list[Document]:
    """Each scenario with its estimates and measures, ranked by the average."""
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
                **_behind(result, key),
            }
        )
    for row in rows:
        row["sentence"] = sentences.scenario(
            row, result.book.currency, span(result.book.horizon_years)
        )
    return sorted(rows, key=lambda row: row["rank"])


def _behind(result: Result, key: str) -> Document:
    """The tree of a scenario, what it answers to, and how far its average is believed."""
    behind = result.insight
    return {
        "tree": factors.tree(behind.trees[key]),
        "tornado": [
            factors.swing(found, result.book.currency) for found in behind.sensitivities.of(key)
        ],
        "ale_interval": list(behind.intervals[key]),
        "bounds": bounds(behind.own_bounds.get(key, {})),
    }


def bounds(found: Mapping[float, Bounds]) -> Document:
    """Rigorous bounds of VaR and CVaR by level."""
    return {
        f"{a:g}": {"var": [b.var_low, b.var_high], "cvar": [b.cvar_low, b.cvar_high]}
        for a, b in found.items()
    }


def _declared(result: Result, key: str) -> Document:
    scenario = result.book.scenarios[key]
    events, size = result.events[key]
    leaves = [_factor(path, estimate, result.valuation) for path, estimate in scenario.estimates()]
    magnitudes = [f for f in leaves if f["path"].startswith("magnitude")]
    driven = [".".join(place) for place in places(result.book, scenario)]
    frequencies = [f["text"] for f in leaves if f["path"].startswith("frequency")]
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
        "prior_share": grades.prior_share(scenario, result.learned),
        "driven_by": ", ".join(driven),
        "happens": {"per_year": events, "text": frequency(events)},
        "frequency_text": " × ".join(frequencies + [f"from {d}" for d in driven]),
        "magnitude": {"mean": size, "text": " + ".join(f["text"] for f in magnitudes)},
        "source": "; ".join(dict.fromkeys(f["source"] for f in leaves if f["source"])),
        "factors": leaves,
    }


def _factor(path: str, estimate: Any, valuation: Valuation) -> Document:
    law = reading(estimate.value, price=valuation.price, worth=valuation.loss)
    mean = law.mean
    return {
        "path": path,
        "text": spell(estimate.value),
        "mean": finite(mean),
        "uncertain": bool(law.beliefs),
        "source": estimate.source or "",
        "by": estimate.by or "",
        "on": estimate.on.isoformat() if estimate.on else "",
        "grade": estimate.grade or "not stated",
    }


def _simulated(result: Result, key: str) -> Document | None:
    if result.draws is None:
        return None
    drawn, years = result.draws.line(key), result.book.horizon_years
    return {"ale": drawn.mean / years, "se": drawn.standard_error_of_mean / years}


def _ranks(figures: Mapping[str, float]) -> dict[str, int]:
    ordered = sorted(figures, key=lambda key: (-figures[key], key))
    return {key: i for i, key in enumerate(ordered, start=1)}


def controls(result: Result) -> list[Document]:
    """Each control measured, candidates first, by return."""
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


def covers(result: Result) -> list[Document]:
    """Each cover measured; figures of everything are gross, these are net of it."""
    rows = []
    for found in result.covers:
        cover = result.book.covers[found.id]
        gain = found.pays_a_year - found.premium
        rows.append(
            {
                "id": found.id,
                "name": cover.name or "",
                "owner": cover.owner or "",
                "state": cover.state,
                "scenarios": list(found.scenarios),
                "pays_a_year": found.pays_a_year,
                "probability_pays": found.pays_something,
                "probability_exhausted": found.exhausted,
                "premium": found.premium,
                "return": gain / found.premium if found.premium > 0.0 else None,
                "ale_net": found.ale_net,
                "var99_net": found.var_net,
                "cvar99_net": found.cvar_net,
                "error": finite(found.error),
                "told": found.told,
                "default_probability": found.fails,
                "lost_to_default": found.lost_a_year,
                "reinstatement_premium": found.put_back_a_year,
                "simulated": _event_by_event(found.simulated, result.book.horizon_years),
            }
        )
    return rows


def _event_by_event(found: Measured | None, years: float) -> Document | None:
    """What the simulation says of everything net of a cover, each figure with its error."""
    if found is None:
        return None
    pairs = {"var99_net": found.var, "cvar99_net": found.cvar}
    a_year = {
        "ale_net": found.mean,
        "pays_a_year": found.paid,
        "lost_to_default": found.lost,
        "reinstatement_premium": found.premium,
    }
    return {
        "years": found.horizons,
        **{key: list(pair) for key, pair in pairs.items()},
        **{key: [x / years for x in pair] for key, pair in a_year.items()},
    }


def net(result: Result) -> Document | None:
    """Everything net of all covers in place, and what they pay; None where none is in place."""
    found = result.net
    if found is None:
        return None
    law = found.law
    return {
        "covers": list(found.ids),
        "recoveries": found.recoveries_a_year,
        "ale": law.mean / result.book.horizon_years,
        "var": {f"{a:g}": law.var(a) for a in LEVELS},
        "cvar": {f"{a:g}": law.cvar(a) for a in LEVELS},
        "error": {f"{a:g}": finite(law.error_at(a)) for a in LEVELS},
        "told": "simulation" if isinstance(law, Draws) else "exact",
        "simulated": _net_simulated(result),
    }


def _net_simulated(result: Result) -> Document | None:
    drawn = result.net_draws
    if result.net is None or drawn is None:
        return None
    law = result.net.law
    return {
        "years": drawn.count,
        "mean": drawn.mean,
        "mean_se": drawn.standard_error_of_mean,
        "var": {f"{a:g}": drawn.var(a) for a in LEVELS},
        "cvar": {f"{a:g}": drawn.cvar(a) for a in LEVELS},
        "var_se": {f"{a:g}": drawn.var_error(a) for a in LEVELS},
        "cvar_se": {f"{a:g}": drawn.cvar_error(a) for a in LEVELS},
        "gap": None if isinstance(law, Draws) else net_gap(law, drawn),
    }


def limit(standing: Any) -> Document:
    """One limit against its figure."""
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


def inventory(result: Result) -> list[Document]:
    """What there is and what it is worth."""
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


def graded(result: Result, rows: Iterable[Document]) -> Document:
    """Share of the average and of the bad year by grade of the estimates."""
    average = {row["id"]: row["share_of_ale"] for row in rows}
    return {
        "ale": grades.shares(result.scenarios, average),
        "tail": grades.shares(result.scenarios, result.tail_shares),
    }


def improve(result: Result, rows: Iterable[Document]) -> list[Document]:
    """Which estimates to improve next."""
    average = {row["id"]: row["share_of_ale"] for row in rows}
    asks = grades.ask_next(result.scenarios, average, result.tail_shares)
    return [{"id": a.id, "factor": a.factor, "why": a.why, "share": a.share} for a in asks]


def learning(result: Result) -> list[Document]:
    """Beliefs before and after the logs."""
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


def against(result: Result) -> list[Document]:
    """What was seen against plain numbers."""
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
