# SPDX-License-Identifier: Apache-2.0
"""Backtests as documents: of anybody's forecasts, and of several beside each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from perilscope.cycle.measures import Document
from perilscope.engines.backtests import sequential
from perilscope.engines.backtests.result import Result
from perilscope.errors import AssessmentError, MisuseError
from perilscope.evidence.forecasts import Forecasts, parse_forecasts
from perilscope.monitoring.backtest import Case, Verdict, backtest
from perilscope.monitoring.ranking import common, murphy, rank, thresholds
from perilscope.sources.files import read_bytes

LEVEL = 0.975
SERIES = 5_000
"""Rows beyond which the document does not repeat the series."""
CONVENTIONS: Mapping[str, str] = {
    "sign": "losses are positive",
    "exception": "a loss strictly above VaR",
    "p_value": "as published; simulated and exact ones are among the parameters",
    "z1, z2, z3": "below 0 where CVaR was too low; p-values simulated, one-sided",
    "scores": "lower is better; a score has no p-value",
}


def of_files(paths: Sequence[Path], level: float = LEVEL, seed: int = 1) -> Document:
    """Score the forecasts in one file, or those in several against each other.

    Raises
    ------
    MisuseError
        The level is out of range; two files are the same, or state different losses.
    DataError
        With every fault of a file and its line.
    """
    if not paths:
        raise MisuseError("--file: a CSV with the columns date, loss, var and optionally cvar")
    if len({path.resolve() for path in paths}) < len(paths):
        raise MisuseError("--file: the same file is given twice")
    told = [parse_forecasts(path.as_posix(), read_bytes(path)) for path in paths]
    return of_forecasts(told, level, seed)


def of_forecasts(told: Sequence[Forecasts], level: float, seed: int) -> Document:
    """The document of one forecaster, or of several with their ranking."""
    if len(told) == 1:
        return tested(told[0], level, seed)
    told = common(told)
    found = {each.name: tested(each, level, seed) for each in told}
    comparison = compared(told, level, seed)
    for row in comparison["ranking"]:
        _beside(found[row["name"]]["tests"], row, comparison)
    return {
        "level": level,
        "seed": seed,
        "days": len(told[0].days),
        "first": told[0].days[0].isoformat(),
        "last": told[0].days[-1].isoformat(),
        "conventions": dict(CONVENTIONS),
        "forecasts": found,
        "comparison": comparison,
    }


def _beside(tests: Document, row: Document, comparison: Document) -> None:
    """Put what only several forecasters have among a forecaster's tests."""
    against, chance = row["diebold_mariano"], row["confidence_set_p_value"]
    if against is not None:
        tests["diebold-mariano"] |= {**against, "applicable": True, "reason": ""}
    else:
        tests["diebold-mariano"]["reason"] = "the others are tested against this one, the best"
    if chance is not None:
        tests["model-confidence-set"] |= {
            "statistic": comparison["model_confidence_set"]["statistic"],
            "p_value": chance,
            "parameters": {"in_set": row["in_confidence_set"]},
            "applicable": True,
            "reason": "",
        }


def tested(told: Forecasts, level: float, seed: int) -> Document:
    """Every test of one forecaster."""
    case = Case(told, level, seed)
    found = backtest(told, level, seed)
    findings = list(told.findings)
    if case.days * (1.0 - level) < 5.0:
        findings.append(
            f"{case.days:,} days should have {case.days * (1.0 - level):.3g} exceptions at "
            f"{100.0 * level:g} %: so few tell little, and the exact and simulated p-values hold"
        )
    if told.mean is not None and told.sd is not None and case.known is None and told.pit is None:
        findings.append(
            "VaR and CVaR are not those of a normal or Student law with this mean and sd: tests of "
            "the whole law judge the normal law; a column pit would speak for itself"
        )
    return {
        "file": told.name,
        "sha256": told.digest,
        "level": level,
        "seed": seed,
        "days": case.days,
        "first": told.days[0].isoformat(),
        "last": told.days[-1].isoformat(),
        "exceptions": case.count,
        "expected": case.days * (1.0 - level),
        "columns": list(told.columns),
        "law": case.law,
        "conventions": dict(CONVENTIONS),
        "tests": {each.test.name: _row(each) for each in found},
        "families": _families(found),
        "series": _series(told, level),
        "findings": findings,
    }


def _families(found: Sequence[Verdict]) -> list[Document]:
    """Names of tests in the order in which they are shown."""
    names: dict[str, list[str]] = {}
    for each in found:
        names.setdefault(each.test.family, []).append(each.test.name)
    return [{"name": family, "tests": tests} for family, tests in names.items()]


def _row(found: Verdict) -> Document:
    result = found.result
    return {
        "statistic": None if result is None else result.statistic,
        "p_value": None if result is None else result.p_value,
        "parameters": {} if result is None else plain(result.parameters),
        "applicable": result is not None,
        "reason": found.reason,
        "title": found.test.title,
        "family": found.test.family,
    }


def plain(value: Any) -> Any:
    """Mappings and tuples as a document has them."""
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [plain(each) for each in value]
    return value


def _series(told: Forecasts, level: float) -> Document | None:
    """What charts are drawn from."""
    if len(told.days) > SERIES:
        return None
    at = thresholds([told])
    curve, pair = murphy(told, level, at)
    try:
        bet = sequential.e_process(told.loss, told.var, told.cvar, level)[0].tolist()
    except AssessmentError:
        bet = None
    return {
        "dates": [day.isoformat() for day in told.days],
        "loss": told.loss.tolist(),
        "var": told.var.tolist(),
        "cvar": None if told.cvar is None else told.cvar.tolist(),
        "exceptions": np.flatnonzero(told.loss > told.var).tolist(),
        "log_wealth": bet,
        "murphy": {
            "thresholds": at.tolist(),
            "var": curve.tolist(),
            "cvar": None if pair is None else pair.tolist(),
        },
    }


def compared(told: Sequence[Forecasts], level: float, seed: int) -> Document:
    """The ranking of several forecasters of the same days."""
    found = rank(told, level, seed)
    chances: Any = {} if found.confidence_set is None else found.confidence_set.parameters
    at = thresholds(told)
    curves = {each.name: murphy(each, level, at) for each in told}
    return {
        "score": found.score,
        "days": found.days,
        "ranking": [
            {
                "name": name,
                "mean": mean,
                "diebold_mariano": _result(against),
                "confidence_set_p_value": chances.get("p_values", {}).get(name),
                "in_confidence_set": name in chances.get("members", (name,)),
            }
            for name, mean, against in zip(
                found.names, found.means, found.against_best, strict=True
            )
        ],
        "model_confidence_set": _result(found.confidence_set),
        "murphy": {
            "thresholds": at.tolist(),
            "var": {name: curve.tolist() for name, (curve, _) in curves.items()},
            "cvar": {name: c.tolist() for name, (_, c) in curves.items() if c is not None},
        },
    }


def _result(found: Result | None) -> Document | None:
    if found is None:
        return None
    return {
        "statistic": found.statistic,
        "p_value": found.p_value,
        "parameters": plain(found.parameters),
    }
