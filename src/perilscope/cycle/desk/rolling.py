# SPDX-License-Identifier: Apache-2.0
"""Rolling backtests of what is held, model by model, and the tournament of models."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from perilscope.cycle.desk.backtest import of_forecasts
from perilscope.cycle.desk.champions import WHOLE
from perilscope.cycle.desk.risk import holding
from perilscope.cycle.desk.samples import Asked, Prepared, Revaluer, prepared
from perilscope.cycle.measures import Document
from perilscope.cycle.settings import Settings
from perilscope.engines.forecasts.rolling import DAYS, WINDOW, Rolled, rolled
from perilscope.engines.volatility import garch
from perilscope.errors import AssessmentError, MisuseError
from perilscope.evidence.forecasts import Forecasts
from perilscope.evidence.prices import History
from perilscope.monitoring import tournament
from perilscope.sources import machine
from perilscope.sources.files import read_prices

COMPILED = ("garch", "garch-t", "gjr", "gjr-t", "egarch", "fhs", "conditional-evt")
QUICK = ("historical", "age-weighted", "volatility-weighted", "normal", "t", "cornish-fisher",
         "ewma", "evt")  # fmt: skip
"""Models that are rolled over a year in seconds: what is taken unless others are asked for."""
Tell = Callable[[str, int, int], None]
"""Hears what is done: of which model, and how many of how many."""
MANY = 60
"""Fits from which on it pays to load compiled likelihoods."""


@dataclass(frozen=True)
class Rolling:
    """What is asked of a rolling backtest: forecast days, and returns behind each forecast."""

    asked: Asked
    days: int = DAYS
    window: int = WINDOW

    def __post_init__(self) -> None:
        if self.asked.horizon != 1:
            raise MisuseError("a backtest is of one-day forecasts")
        if self.days < 1 or self.window < 20:
            raise MisuseError("--days: at least 1; --window: at least 20")


@dataclass(frozen=True)
class Source:
    """Prices and weights, of files or of a book."""

    name: str
    history: History
    weights: Mapping[str, float]
    asked: Asked
    findings: tuple[str, ...] = ()
    revalue: Revaluer | None = None


def of_prices(paths: Sequence[Path], weights: Mapping[str, float], asked: Asked) -> Source:
    """Bare files and weights."""
    name = ", ".join(f"{asset} {weight:g}" for asset, weight in weights.items())
    return Source(name, read_prices(list(paths)), weights, asked)


def of_book(path: Path, asked: Asked, settings: Settings | None = None) -> Source:
    """What a book holds."""
    mine = holding(path, asked, settings)
    return Source(mine.name, mine.history, mine.weights, mine.asked, mine.findings, mine.revalue)


def _forecasts(name: str, found: Rolled, ready: Prepared) -> Forecasts:
    """A model's forecasts with their days."""
    last, count = ready.last, len(ready.sample.returns)
    days = tuple(last - timedelta(days=count - 1 - row) for row in found.days.tolist())
    findings = tuple(f"no forecast for {last - timedelta(days=count - 1 - row)}: {why}"
                     for row, why in found.failed[:5])  # fmt: skip
    return Forecasts(
        name=name,
        days=days,
        loss=found.loss,
        var=found.var,
        cvar=found.cvar,
        mean=found.mean,
        sd=found.sd,
        pit=found.pit,
        findings=findings,
    )


def forecasts(
    source: Source, asked: Rolling, tell: Tell | None = None
) -> tuple[tuple[Forecasts, ...], dict[str, str], Prepared]:
    """Every chosen model rolled over what is held; those that cannot be, with the reason."""
    once = replace(source.asked, horizon=1)
    ready = prepared(source.history, source.weights, once, source.revalue)
    sample, level = ready.sample, source.asked.level
    chosen = source.asked.chosen
    compiled = asked.days >= MANY and any(model.name in COMPILED for model in chosen)
    compiled = compiled and garch.prepare(machine.code_folder)
    found, failed = [], {}
    for place, model in enumerate(chosen, 1):
        if tell is not None:
            tell(f"rolling the models over {source.name}", place, len(chosen))
        try:
            one = rolled(model, sample, level, asked.days, asked.window, at_once=compiled)
        except AssessmentError as error:
            if len(chosen) == 1:
                raise
            failed[model.name] = str(error)
            continue
        found.append(_forecasts(model.name, one, ready))
    if not found:
        raise AssessmentError(next(iter(failed.values())))
    return tuple(found), failed, ready


def backtest(source: Source, asked: Rolling, tell: Tell | None = None) -> Document:
    """Every test of every chosen model on what is held."""
    told, failed, ready = forecasts(source, asked, tell)
    document = of_forecasts(told, source.asked.level, source.asked.seed)
    notes = [*source.findings, *ready.findings]
    notes += [f"{name}: no forecasts: {why}" for name, why in failed.items()]
    return {
        **document,
        "portfolio": source.name,
        "weights": dict(source.weights),
        "window": asked.window,
        "methods": [each.name for each in told],
        "findings": [*document.get("findings", []), *dict.fromkeys(notes)],
    }


def play(source: Source, asked: Rolling, tell: Tell | None = None) -> Document:
    """The tournament of models for each asset that is held, and for the portfolio."""
    subjects: Document = {}
    findings = list(source.findings)
    several = len(source.weights) > 1 or source.revalue is not None
    parts = [({asset: 1.0 if weight >= 0.0 else -1.0}, asset)
             for asset, weight in source.weights.items() if weight != 0.0]  # fmt: skip
    if several:
        parts.append((dict(source.weights), WHOLE))
    for weights, name in parts:
        try:
            revalue = source.revalue if name == WHOLE else None
            part = replace(source, name=name, weights=weights, revalue=revalue)
            told, failed, ready = forecasts(part, asked, tell)
            subjects[name] = _played(tournament.play(told, source.asked.level), told, failed)
        except AssessmentError as error:
            findings.append(f"{name}: no tournament: {error}")
            continue
        findings.extend(f"{name}: {text}" for text in ready.findings)
    if not subjects:
        raise AssessmentError("; ".join(findings[-3:]))
    return {
        "portfolio": source.name,
        "level": source.asked.level,
        "seed": source.asked.seed,
        "window": asked.window,
        "days": asked.days,
        "rule": {
            "memory": tournament.MEMORY,
            "first_decision": tournament.LEAST,
            "every": tournament.EVERY,
            "alarm": tournament.ALARM,
            "sure": tournament.SURE,
        },
        "subjects": subjects,
        "findings": list(dict.fromkeys(findings)),
    }


def _played(
    found: tournament.Played, told: Sequence[Forecasts], failed: Mapping[str, str]
) -> Document:
    best = min(range(len(found.means)), key=lambda k: found.means[k])
    return {
        "champion": found.champion,
        "score": found.score,
        "first": told[0].days[0].isoformat(),
        "last": told[0].days[-1].isoformat(),
        "models": [
            {
                "name": name,
                "mean": mean,
                "out": name in found.out,
                "days_as_champion": found.reigned.count(name),
            }
            for name, mean in zip(found.names, found.means, strict=True)
        ],
        "best_in_hindsight": found.names[best],
        "champions_mean": found.champions_mean,
        "changes": [
            {
                "on": each.on.isoformat(),
                "champion": each.champion,
                "before": each.before,
                "why": each.why,
            }
            for each in found.changes
        ],
        "failed": dict(failed),
    }
