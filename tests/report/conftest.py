# SPDX-License-Identifier: Apache-2.0
"""A run document made by hand: an invented fund, invented figures, every section filled."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import pytest

Document = dict[str, Any]
LEVELS = ("0.95", "0.975", "0.99", "0.999")

# id, how often a year, mean loss, share of the average, share of the bad year, grade, asset, layer
SCENARIOS = [
    ("pm-phishing", 0.5, 500e3, 0.286, 0.03, "own data", "hot-wallet", "operational"),
    ("protocol-exploit", 0.2, 1e6, 0.229, 0.04, "industry", "protocol-x", "protocol"),
    ("exchange-default", 1 / 60, 7.8e6, 0.149, 0.71, "industry", "binance", "operational"),
    ("trading-error", 3.0, 26.3e3, 0.090, 0.01, "own data", "positions", "operational"),
    ("hot-key-theft", 1 / 40, 2.24e6, 0.064, 0.12, "industry", "hot-wallet", "operational"),
    ("data-breach", 1 / 12, 432e3, 0.041, 0.01, "industry", "investor-data", "operational"),
    ("insider-theft", 0.01, 2.8e6, 0.032, 0.03, "expert", "signing-keys", "operational"),
    ("oracle-attack", 0.02, 1.1e6, 0.025, 0.01, "industry", "protocol-y", "protocol"),
    ("bridge-exploit", 0.015, 1.3e6, 0.022, 0.01, "guess", "bridge-z", "protocol"),
    ("sanctions-freeze", 0.02, 800e3, 0.018, 0.01, "expert", "anchor", "operational"),
    ("code-leak", 0.05, 250e3, 0.014, 0.0, "expert", "research-code", "operational"),
    ("ransomware", 0.04, 260e3, 0.012, 0.01, "industry", "office", "operational"),
    ("key-loss", 0.002, 3e6, 0.0069, 0.0, "guess", "cold-wallet", "operational"),
    ("cloud-outage", 0.8, 6e3, 0.0055, 0.0, "own data", "office", "operational"),
    ("tax-penalty", 0.1, 46e3, 0.0053, 0.0, "expert", "positions", "operational"),
]
CONTROLS = [
    ("anti-phishing", 50e3, 200e3, 3.0, 8.1e6, "candidate"),
    ("off-exchange-settle", 60e3, 96e3, 0.6, 3.5e6, "candidate"),
    ("hardware-keys", 25e3, 60e3, 1.4, 7.9e6, "in place"),
    ("withdrawal-allowlist", 10e3, 42e3, 3.2, 7.8e6, "candidate"),
    ("protocol-cover", 90e3, 75e3, -0.17, 8.0e6, "candidate"),
    ("second-custodian", 120e3, 30e3, -0.75, 6.9e6, "candidate"),
    ("staff-training", 0.0, 35e3, None, 8.2e6, "in place"),
    ("limit-per-venue", 5e3, 64e3, 11.8, 6.1e6, "candidate"),
]


def curve(none: float, scale: float, points: int = 60) -> list[list[float]]:
    """Steps of an invented curve: a chance of no loss, then a heavy tail."""
    start = [[0.0, none]]
    losses = [scale * 10 ** (-2 + 4 * k / (points - 1)) for k in range(points)]
    return start + [[round(x, 2), none / (1 + (x / scale) ** 1.6)] for x in losses]


def measures(ale: float, chance: float) -> Document:
    var = dict(zip(LEVELS, (2.8 * ale, 6.0 * ale, 11.0 * ale, 24.0 * ale), strict=True))
    return {
        "ale": ale,
        "sd": 2.1 * ale,
        "probability_of_loss": chance,
        "var": var,
        "cvar": {level: 1.4 * loss for level, loss in var.items()},
        "error": dict(zip(LEVELS, (2e-7, 4e-7, 1e-6, 8e-6), strict=True)),
        "method": "exact, FFT",
    }


def scenario(place: int) -> Document:
    name, rate, mean, average, bad, grade, asset, layer = SCENARIOS[place]
    ranks = sorted(range(len(SCENARIOS)), key=lambda k: -SCENARIOS[k][4])
    said = {"source": "own phishing tests", "by": "ciso", "on": "2026-10-02", "grade": grade}
    return {
        "id": name,
        "name": name.replace("-", " ").capitalize(),
        "story": "Somebody loses something, and it is ours.",
        "layer": layer,
        "asset": asset,
        "threat": "organised crime",
        "owner": "ciso",
        "rank": place + 1,
        "rank_tail": ranks.index(place) + 1,
        "share_of_ale": average,
        "share_of_tail": bad,
        "grade": grade,
        "rests_on": f"{grade}, ciso",
        "sentence": "Costs little in most years.",
        "happens": {"per_year": rate, "text": ""},
        "magnitude": {"mean": mean, "text": "500k"},
        "frequency_text": "1 in 2 years",
        "source": "own phishing tests",
        "factors": [
            {"path": "frequency", "text": "1 in 2 years", "mean": rate, "uncertain": False} | said,
            {"path": "magnitude.primary", "text": "250k to 8M", "mean": mean, "uncertain": True}
            | said,
        ],
        **measures(rate * mean, 1 - math.exp(-rate)),
        "simulation": {"ale": rate * mean * 1.001, "se": rate * mean * 0.002},
        "driven_by": "staff.click" if name == "hot-key-theft" else "",
        "tree": tree(rate, mean),
        "tornado": swings(rate * mean, 11.0 * 1.4 * rate * mean),
        "bounds": {"0.99": {"var": [8.2e6, 8.4e6], "cvar": [9.7e6, 9.9e6]}},
        "ale_interval": [0.4 * rate * mean, 1.9 * rate * mean],
    }


def node(path: str, mean: float, unit: str, joins: str = "", *children: Document) -> Document:
    """A node of a tree: a belief or a number at the leaves, what follows from them above."""
    name = path.rsplit(".", 1)[-1].replace("_", " ").capitalize()
    said = {"source": "own tests", "by": "ciso", "on": "2026-10-02", "grade": "expert"}
    believed = unit in ("per year", "probability") and not children
    return {
        "path": path, "name": name, "text": "" if children else "belief(beta(2, 38))",
        "mean": mean, "low": 0.4 * mean if believed else mean,
        "high": 1.9 * mean if believed else mean,
        "kind": "derived" if children else "belief" if believed else "number",
        "varies": "belief" if believed else "", "unit": unit, "joins": joins, "uncapped": None,
        "notes": [] if children or believed else ["PERT by Vose's form, lambda 4."],
        **(dict.fromkeys(said, "") if children else said), "children": list(children),
    }  # fmt: skip


def tree(rate: float, mean: float) -> Document:
    """All of Open FAIR: 8 tries a year for each that works, a third of the loss secondary."""
    threats, works = "frequency.threat_event_frequency", "frequency.vulnerability"
    second = "magnitude.secondary"
    return node(
        "annual_loss", rate * mean, "USD per year", "times",
        node(
            "frequency", rate, "per year", "times",
            node(
                threats, 8 * rate, "per year", "times",
                node(f"{threats}.contact_frequency", 80 * rate, "per year"),
                node(f"{threats}.probability_of_action", 0.1, "probability"),
            ),
            node(
                works, 0.125, "probability", "exceeds",
                node(f"{works}.threat_capability", 0.3, "0 to 1"),
                node(f"{works}.resistance_strength", 0.7, "0 to 1"),
            ),
        ),
        node(
            "magnitude", mean, "USD", "plus",
            node(
                "magnitude.primary", 2 * mean / 3, "USD", "plus",
                node("magnitude.primary.response", mean / 6, "USD"),
                node("magnitude.primary.replacement", mean / 2, "USD"),
            ),
            node(
                second, mean / 3, "USD", "times",
                node(f"{second}.probability", 0.25, "probability"),
                node(
                    f"{second}.magnitude", 4 * mean / 3, "USD", "plus",
                    node(f"{second}.magnitude.fines_and_judgements", mean, "USD"),
                    node(f"{second}.magnitude.reputation", mean / 3, "USD"),
                ),
            ),
        ),
    )  # fmt: skip


def swings(ale: float, bad: float) -> list[Document]:
    """A wide belief, and a number that works the other way round."""
    said = [
        ("frequency.threat_event_frequency.probability_of_action", "Probability of action",
         "5 to 95 % of the belief", ["0.92 %", "12 %"], (0.3, 2.0)),
        ("frequency.vulnerability.resistance_strength", "Resistance strength",
         "-10 to +10 %", ["63 %", "77 %"], (1.4, 0.7)),
    ]  # fmt: skip
    return [
        {
            "path": path, "name": name, "swing": how, "values": values, "elasticity": 1.0,
            "ale": [part * ale for part in parts], "cvar99": [part * bad for part in parts],
        }
        for path, name, how, values, parts in said
    ]  # fmt: skip


def behind(whole: Document) -> Document:
    """What stands behind the figures of everything."""
    known = swings(whole["ale"], whole["cvar"]["0.99"])
    return {
        "ale_interval": [700e3, 1.1e6],
        "tornado": [{"scenario": "exchange-default"} | swing for swing in known],
        "bounds": {
            level: {"var": [0.99 * whole["var"][level], 1.01 * whole["var"][level]],
                    "cvar": [0.98 * whole["cvar"][level], 1.02 * whole["cvar"][level]]}
            for level in LEVELS
        },
        "largest": {"var": {level: 0.9 * loss for level, loss in whole["var"].items()},
                    "curve": curve(0.97, 4e5)},
        "prior_share": {"ale": 0.6, "tail": 0.8},
        "band": {"curve": [[x, 0.7 * p, p, min(1.4 * p, 1.0), p] for x, p in curve(0.983, 6e5)]},
    }  # fmt: skip


def control(entry: tuple[str, float, float, float | None, float, str]) -> Document:
    name, cost, saves, rosi, bad, state = entry
    return {
        "id": name,
        "name": name,
        "owner": "coo",
        "state": state,
        "ale_reduction": saves,
        "cvar_reduction": 0.4 * saves,
        "var99_reduction": 8.3e6 - bad,
        "var99_with": bad,
        "ale_with": 875e3 - saves,
        "annual_cost": cost,
        "rosi": rosi,
        "does": "cuts 80 % of the frequency of pm-phishing",
        "scenarios": ["pm-phishing"],
        "interval": {"ale_reduction": [0.7 * saves, 1.2 * saves]},
        "simulation": {"ale_reduction": saves, "se": 0.01 * saves},
        "sentence": "Saves more than it costs.",
    }


def cover(name: str, state: str, premium: float, pays: float) -> dict[str, Any]:
    return {
        "id": name,
        "name": "",
        "owner": "cfo",
        "state": state,
        "scenarios": ["hot-key-theft"],
        "pays_a_year": pays,
        "probability_pays": 0.02,
        "probability_exhausted": 0.004,
        "premium": premium,
        "return": pays / premium - 1,
        "ale_net": 765e3,
        "var99_net": 7.1e6,
        "cvar99_net": 8.9e6,
        "error": 1e-6,
        "told": "exact",
        "default_probability": 0.01,
        "lost_to_default": 0.01 * pays,
        "reinstatement_premium": 2e3,
        "simulated": None,
    }


def limit(measure: str, value: float, most: float, **more: Any) -> Document:
    used = value / most
    return {
        "measure": measure,
        "limit": most,
        "value": value,
        "used": used,
        "breached": used > 1,
        "warned": 0.8 <= used <= 1,
        "owner": "board",
        "scope": "",
        "subject": "",
        "unit": "money",
    } | more


def market() -> Document:
    def figures(scale: float) -> Document:
        return {
            str(days): {
                level: {
                    "var": scale * times * days**0.5,
                    "cvar": 1.3 * scale * times * days**0.5,
                    "var_interval": [0.9 * scale * times, 1.15 * scale * times],
                    "cvar_interval": [1.1 * scale * times, 1.6 * scale * times],
                }
                for level, times in (("0.95", 1.0), ("0.975", 1.3), ("0.99", 1.8))
            }
            for days in (1, 7, 10)
        }

    return {
        "value": 61.2e6,
        "methods": {
            "historical": figures(1.9e6),
            "normal": figures(1.7e6),
            "student-t": figures(1.8e6),
            "hybrid": figures(2.0e6),
        },
        "default_method": "historical",
        "days_used": 1826,
        "first": "2021-11-20",
        "last": "2026-11-19",
        "drift": 0.0,
        "note": "Prices are made by a script; they are no market's history.",
        "contributions": [
            {"asset": "BTC", "value": 30e6, "share_of_cvar": 0.62},
            {"asset": "ETH", "value": 20e6, "share_of_cvar": 0.41},
            {"asset": "USDC", "value": 11.2e6, "share_of_cvar": -0.03},
        ],
        "stresses": [
            {
                "id": "2020-03-12",
                "name": "Covid: 12 March 2020",
                "days": 1,
                "loss": 19.6e6,
                "moved": [
                    {"asset": "BTC", "move": -0.37, "loss": 11.1e6, "how": "observed"},
                    {"asset": "SOL", "move": -0.45, "loss": 8.5e6, "how": "1.2 x BTC"},
                    {"asset": "USDC", "move": 0.0, "loss": 0.0, "how": "not moved"},
                ],
            }
        ],
        "depeg": {
            "usdc-peg.depeg": {
                "probability_period": 0.02,
                "probability_horizon": 0.0000553,
                "cvar_without": 4.45e6,
                "cvar_with": 4.61e6,
                "state": "yes",
                "days": 1,
                "level": "0.99",
            }
        },
        "valued": [
            {"asset": "BTC", "instrument": "spot", "quantity": 300.0, "price": 100e3, "value": 30e6}
        ],
    }


def networks() -> Document:
    peg = [
        ("reserves", [], ["sound", "doubtful"], [0.94, 0.06]),
        ("bank-run", [], ["no", "yes"], [0.97, 0.03]),
        ("redemptions", ["reserves", "bank-run"], ["normal", "halted"], [0.955, 0.045]),
        ("market-maker", ["bank-run"], ["present", "gone"], [0.9, 0.1]),
        ("depeg", ["redemptions", "market-maker", "reserves"], ["no", "yes"], [0.98, 0.02]),
    ]
    staff = [
        ("training", [], ["none", "yearly", "monthly"], [0.1, 0.6, 0.3]),
        ("click", ["training"], ["no", "yes"], [0.88, 0.12]),
        ("credential", ["click"], ["kept", "given"], [0.95, 0.05]),
        ("transfer", ["credential", "training"], ["no", "yes"], [0.992, 0.008]),
    ]

    def detail(nodes: list[Any], **more: Any) -> Document:
        said = [
            {
                "id": name,
                "parents": parents,
                "states": states,
                "observed": None,
                "means": "state now",
            }
            for name, parents, states, _ in nodes
        ]
        said_of = {"note": "Asked of two experts.", "source": "desk study"}
        return (
            {"period_years": 1.0, "built_in": False, "nodes": said, "shocks": [], "evidence": {}}
            | said_of
            | more
        )

    return {
        "networks": {
            title: {name: dict(zip(states, odds, strict=True)) for name, _, states, odds in nodes}
            for title, nodes in (("usdc-peg", peg), ("staff", staff))
        },
        "network_details": {
            "usdc-peg": detail(
                peg,
                drives=[],
                shocks=[{"node": "depeg", "state": "yes", "token": "USDC", "shock": -0.12}],
                evidence={"reserves": "doubtful"},
            ),
            "staff": detail(staff, drives=[{"scenario": "hot-key-theft", "node": "transfer"}]),
        },
    }


def protocols() -> list[Document]:
    return [
        {
            "id": name,
            "name": name,
            "deposit": 1e6,
            "probability": chance,
            "low": 0.5 * chance,
            "high": 2 * chance,
            "rating": "C+" if chance > 0.032 else "B-",
            "rating_range": ["B", "C"],
            "base_rate": {
                "id": "institutional",
                "what": "Large protocols",
                "probability": 0.045,
                "events": 4.5,
                "protocol_years": 100,
                "source": "Judgement",
            },
            "severity": {
                "mean": 0.46,
                "bands": [
                    {"lost": "up to 10 %", "probability": 0.3},
                    {"lost": "10 to 50 %", "probability": 0.25},
                    {"lost": "50 to 90 %", "probability": 0.2},
                    {"lost": "over 90 %", "probability": 0.25},
                ],
            },
            "position": {
                "exits": "pro rata",
                "part_of_locked": 0.02,
                "share": 0.46,
                "expected": 0.46e6 * chance,
                "expected_range": [0.23e6 * chance, 0.92e6 * chance],
                "var": {"0.95": 0.0, "0.99": 0.5e6},
                "cvar": {"0.95": 0.2e6, "0.99": 0.8e6},
                "by_exit": [
                    {"exits": "first", "share": 0.01},
                    {"exits": "pro rata", "share": 0.46},
                    {"exits": "last", "share": 0.9},
                ],
            }
            if name == "protocol-x"
            else None,
            "changes": [
                {"name": "audits", "state": "none", "probability": 1.5 * chance, "known": True},
                {"name": "oracle", "state": "robust", "probability": 0.8 * chance, "known": False},
            ],
            "unread": ["admin: a cousin"] if name == "bridge-z" else [],
            "relies_on": [
                {"kind": "oracle", "name": "chainlink", "chance": 0.01, "with": ["protocol-y"]}
            ]
            if name == "protocol-x"
            else [],
            "causes": {"code": 0.62 * chance, "oracle": 0.2 * chance, "keys": 0.18 * chance},
            "factors": [{"name": "live_for", "value": "3 years", "effect": -0.009}],
            "missing": ["oracle", "bounty"] if chance > 0.03 else [],
            "scenarios": ["protocol-exploit"] if name == "protocol-x" else [],
            "declared_per_year": 0.2 if name == "protocol-x" else None,
            "sentence": f"{name} is no worse than the usual one.",
        }
        for name, chance in (("protocol-x", 0.021), ("protocol-y", 0.044), ("bridge-z", 0.09))
    ]


def learning() -> Document:
    prior = {"mean": 0.2, "low": 0.036, "high": 0.47, "text": "belief(gamma(2, 10))"}
    posterior = {"mean": 0.23, "low": 0.063, "high": 0.49, "text": "gamma(3, 13)"}
    return {
        "learning": [
            {
                "scenario": "pm-phishing",
                "factor": "frequency",
                "prior": prior,
                "posterior": posterior,
                "events": 1,
                "exposure_years": 3.0,
                "moves": [{"label": "loss on 2025-03-04", "change": 0.07}],
            }
        ],
        "against": [
            {
                "scenario": "trading-error",
                "factor": "frequency",
                "declared": 3.0,
                "observed": 14.0,
                "expected": 6.0,
                "probability": 0.0036,
                "sentence": "14 in 2 years where 6 were expected.",
            }
        ],
    }


def trust() -> Document:
    return {
        "grades": {
            "ale": {"own data": 0.38, "industry": 0.51, "expert": 0.08, "guess": 0.03},
            "tail": {"own data": 0.04, "industry": 0.89, "expert": 0.06, "guess": 0.01},
        },
        "improve": [
            {"id": "exchange-default", "factor": "frequency", "why": "it decides", "share": 0.5},
            {"id": "exchange-default", "factor": "magnitude", "why": "wide", "share": 0.3},
            {"id": "hot-key-theft", "factor": "magnitude", "why": "wide", "share": 0.1},
        ],
        "checks": {entry[0]: 0.2 * place - 1.3 for place, entry in enumerate(SCENARIOS)},
        "findings": [
            {
                "severity": "warning",
                "where": "assets.office",
                "what": "nobody owns it",
                "mend": "name an owner",
            },
            {"severity": "note", "where": "prices", "what": "prices are made", "mend": ""},
        ],
    }


def provenance() -> Document:
    return {
        "perilscope": "0.1.0",
        "python": "3.11.7",
        "numpy": "2.4.6",
        "scipy": "1.17.1",
        "backend": "numpy",
        "cpu": "x86_64",
        "book_hash": "7f3a1c" + "0" * 58,
        "data": [{"name": "prices.csv", "sha256": "ab" * 32, "note": "made by a script"}],
        "grid": {"points": 16384, "step": 12207.03, "tilt": 10.0, "error": 1e-6, "mean_gap": -7e-6},
        "years": 1_000_000,
        "engine": "both",
        "seed": 1,
    }


def forecast() -> Document:
    events = [{"years": 1.0, "mean": 0.5, "low": 0.0, "high": 2.0}]
    loss = [{"years": 1.0, "mean": 250e3, "low": 0.0, "high": 1e6}]
    entry = {"id": "pm-phishing", "events": events, "loss": loss}
    return {
        "scenarios": [entry],
        "enterprise": {"mean": 875e3, "low": 40e3, "high": 2.4e6},
        "market": {"days": 1, "level": 0.99, "var": 3.42e6, "value": 61.2e6},
    }


def invented() -> Document:
    whole = measures(875e3, 0.983) | {"exceedance": curve(0.983, 6e5), "leaves_out": []}
    whole["var"] = dict(zip(LEVELS, (2.1e6, 4.0e6, 8.3e6, 11e6), strict=True))
    whole["cvar"] = dict(zip(LEVELS, (5.0e6, 7.2e6, 9.8e6, 12e6), strict=True))
    whole["simulated"] = {
        "var": dict(whole["var"]),
        "cvar": dict(whole["cvar"]),
        "years": 1_000_000,
    }
    whole |= behind(whole)
    one_day = market()["methods"]["historical"]["1"]
    return {
        "format": 1,
        "book": {"name": "Northlight Digital", "hash": "7f3a1c" + "0" * 58, "kind": "hedge fund"},
        "as_of": "2026-11-20",
        "horizon_years": 1.0,
        "seed": 1,
        "currency": "USD",
        "evidence": {"usdc-peg.reserves": "doubtful"},
        "scenarios": [scenario(place) for place in range(len(SCENARIOS))],
        "failed": [],
        "layers": {
            "operational": measures(650e3, 0.97) | {"exceedance": curve(0.97, 4e5)},
            "protocol": measures(225e3, 0.21) | {"exceedance": curve(0.21, 9e5)},
            "market": {
                "var": {level: each["var"] for level, each in one_day.items()},
                "cvar": {level: each["cvar"] for level, each in one_day.items()},
                "error": {},
                "method": "historical",
                "horizon_days": 1,
            },
        },
        "enterprise": whole,
        "market": market(),
        **networks(),
        "protocols": protocols(),
        "controls": [control(entry) for entry in CONTROLS],
        "covers": [
            cover("crime-policy", "in place", 80e3, 110e3),
            cover("bond", "candidate", 60e3, 30e3),
        ],
        "net": {
            "covers": ["crime-policy"],
            "recoveries": 110e3,
            "told": "exact",
            "ale": 765e3,
            "var": {level: 0.8 * x for level, x in whole["var"].items()},
            "cvar": {level: 0.8 * x for level, x in whole["cvar"].items()},
            "error": dict.fromkeys(whole["var"], 1e-6),
            "simulated": None,
        },
        "dependence": [
            {
                "id": "staff-strength",
                "kind": "belief",
                "name": "",
                "law": "beta(5, 2)",
                "does": "is one value of vulnerability of pm-phishing",
            }
        ],
        "copula": {
            "kind": "t",
            "degrees": "4",
            "years": 262_144,
            "var": dict(whole["var"]),
            "cvar": dict(whole["cvar"]),
            "var_se": {level: 0.01 * x for level, x in whole["var"].items()},
            "cvar_se": {level: 0.01 * x for level, x in whole["cvar"].items()},
            "without": {"var": dict(whole["var"]), "cvar": dict(whole["cvar"])},
        },
        "limits": [
            limit("expected loss per year", 875e3, 600e3),
            limit("loss in a 1-in-100 year", 8.3e6, 5e6),
            limit("balance at one exchange", 11.4e6, 9.1e6, owner="coo", subject="binance"),
            limit("1-day CVaR 97.5 %", 3.2e6, 7.28e6, owner="head of trading", scope="trading"),
            limit("chance of losing more than 5M in a year", 0.017, 0.02, unit="probability"),
        ],
        "inventory": [
            {
                "id": "hot-wallet",
                "name": "Hot wallet",
                "kind": "wallet",
                "worth": 9e6,
                "low": None,
                "high": None,
                "basis": "ceiling in treasury policy",
                "belongs_to": "us",
                "at": "anchor",
                "owner": "ciso",
                "derived": False,
            },
            {
                "id": "research-code",
                "name": "Research code",
                "kind": "code",
                "worth": 2.3e6,
                "low": 1.7e6,
                "high": 3.1e6,
                "basis": "replacement and revenue",
                "belongs_to": "us",
                "at": None,
                "owner": "",
            },
        ],
        **trust(),
        **learning(),
        "sentences": [
            "Phishing costs 25 % more a year than the protocol exploit, which costs more when it "
            "happens.",
            "Neither decides a bad year: the exchange does.",
        ],
        "added": "Operational and protocol losses are added; market risk stands beside them.",
        "forecast": forecast(),
        "provenance": provenance(),
    }


def emptied(document: Document) -> Document:
    """The same fund with nothing declared and nothing lost."""
    nothing = dict.fromkeys(LEVELS, 0.0)
    none = {"ale": 0.0, "sd": 0.0, "probability_of_loss": 0.0, "var": nothing, "cvar": nothing}
    none |= {"error": {}, "method": "exact, lattice", "exceedance": []}
    document |= {
        "evidence": {},
        "scenarios": [],
        "failed": [],
        "layers": {"operational": none, "protocol": none, "market": {}},
        "enterprise": none
        | {
            "leaves_out": [],
            "ale_interval": [0.0, 0.0],
            "tornado": [],
            "bounds": {},
            "largest": {"var": nothing, "curve": [[0.0, 0.0]]},
        },
        "market": {},
        "grades": {"ale": {}, "tail": {}},
        "forecast": {"scenarios": []},
    }
    document |= {"covers": [], "net": None, "dependence": [], "copula": None}
    document |= {key: {} for key in ("networks", "network_details", "checks")}
    lists = ("protocols", "controls", "limits", "inventory", "improve", "learning", "against")
    document |= {key: [] for key in (*lists, "sentences", "findings")}
    return document


KEPT_WORDS = {"hash", "book_hash", "sha256", "as_of", "first", "last", "currency", "layer", "unit"}
KEPT_WORDS |= {"severity", "engine", "default_method", "level", "method", "varies", "joins"}
KEPT_WORDS |= {"swing", "told"}
KINDS = {"number", "chance", "belief", "derived", "network", "t", "in place"}
KINDS |= {"candidate"}


def poisoned(value: Any, poison: str, key: str = "") -> Any:
    """The same document with every free text (and no word of the format) followed by poison."""
    if isinstance(value, dict):
        return {name: poisoned(each, poison, name) for name, each in value.items()}
    if isinstance(value, list):
        return [poisoned(each, poison, key) for each in value]
    kept = key in KEPT_WORDS or (key in ("kind", "state") and value in KINDS)
    return value + poison if isinstance(value, str) and not kept else value


@pytest.fixture
def run() -> Document:
    """Every section filled."""
    return invented()


@pytest.fixture
def bare() -> Document:
    """Every section empty."""
    return emptied(invented())


@pytest.fixture
def hostile() -> Callable[[str], Document]:
    """A maker of documents in which every free text carries a given poison."""
    return lambda poison: poisoned(copy.deepcopy(invented()), poison)
