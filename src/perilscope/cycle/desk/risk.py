# SPDX-License-Identifier: Apache-2.0
"""VaR and CVaR of weights by every market model, from bare price files or from a book."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from perilscope.cycle.desk.desk import opened
from perilscope.cycle.desk.samples import ALL, Asked, Revaluer, prepared
from perilscope.cycle.measures import Document
from perilscope.cycle.settings import Settings
from perilscope.engines.forecasts.history import Sample
from perilscope.engines.forecasts.predictive import CONVENTIONS, Model, Prediction, predict
from perilscope.engines.portfolio.returns import historical
from perilscope.engines.portfolio.revalued import After
from perilscope.errors import AssessmentError, MisuseError
from perilscope.evidence.prices import History
from perilscope.layers import revaluation
from perilscope.layers.desk import Desk
from perilscope.layers.revaluation import Paths, plain
from perilscope.sources.files import read_prices

Floats = NDArray[np.float64]
LEVERAGE = 5.0
"""Exposures of more than so many times the worth of what is held are shared out themselves."""
_BARS = 24


def parse_weights(text: str) -> dict[str, float]:
    """Weights as they are said: ``BTC=0.6,ETH=0.4``; negative for what is owed.

    Examples
    --------
    >>> parse_weights("BTC=0.6, ETH=-40%")
    {'BTC': 0.6, 'ETH': -0.4}
    """
    found: dict[str, float] = {}
    for part in text.split(","):
        name, sign, amount = (piece.strip() for piece in part.partition("="))
        scale = 0.01 if amount.endswith("%") else 1.0
        try:
            value = scale * float(amount.removesuffix("%"))
        except ValueError:
            value = math.nan
        if not name or not sign or not math.isfinite(value):
            raise MisuseError(f"--weights: {part.strip()!r}: write it like BTC=0.6,ETH=0.4")
        if name in found:
            raise MisuseError(f"--weights: {name} stands twice")
        found[name] = value
    if not any(found.values()):
        raise MisuseError("--weights: every weight is zero: nothing is held")
    return found


Tell = Callable[[str, int, int], None]


def of_files(
    paths: Sequence[Path], weights: Mapping[str, float], asked: Asked, tell: Tell | None = None
) -> Document:
    """VaR and CVaR of weights, as shares of the value.

    ``tell`` is told how many models are done, of how many.

    Raises
    ------
    MisuseError
        Weights, level, horizon or a method that mean nothing.
    DataError
        A file that is no price history, a held asset that is absent, gaps.
    AssessmentError
        The only method asked for cannot be fitted.
    """
    history = read_prices(list(paths))
    found = _risks(history, weights, asked, tell=tell)
    found["data"] = {"files": [path.name for path in paths], "sha256": history.digest}
    return found


@dataclass(frozen=True)
class Held:
    """What a book holds as weights of what moves, its prices, and what was noticed.

    ``revalue`` is None where everything is units of assets; else ``weights`` are what is gained for
    a small move of each price (delta).
    """

    name: str
    currency: str
    value: float
    history: History
    weights: Mapping[str, float]
    asked: Asked
    findings: tuple[str, ...]
    revalue: Revaluer | None = None
    sold: bool = False


def holding(path: Path, asked: Asked, settings: Settings | None = None) -> Held:
    """The portfolio of a book, prices no later than its own day.

    Raises
    ------
    AssessmentError
        What is held is worth nothing, or there are no prices of it.
    """
    found = opened(path, settings)
    desk, book = found.desk, found.workspace.book
    odd = [lot for lot in desk.priced() if not plain(lot)]
    needed = {a for lot in odd for a in revaluation.factors(lot, book.currency)}
    values = {a: value for a, value in desk.values().items() if value != 0.0 or a in needed}
    whole, said = _shared(desk)
    history = found.workspace.history
    if history is None:
        raise AssessmentError("the book names no prices: give `prices:` or --prices FILE")
    findings = [*found.findings, *said]
    moving = {a: v / whole for a, v in values.items() if a in history.assets}
    still = [asset for asset in values if asset not in moving and asset != book.currency]
    if not moving:
        raise AssessmentError("there are no prices of anything that is held")
    if still:
        findings.append(f"no price history of {', '.join(still)}: taken not to move")
    if found.desk.drivers.networks:
        findings.append(
            "the moves of the history alone: what the networks say of de-pegs is in the hybrid "
            "method of `market contributions` and `run`"
        )
    if odd:
        findings.append(
            "instruments are revalued in full under every move; of moves that a model draws the "
            "way between is not known; the weights shown are their deltas"
        )
    accept = (*asked.accept, *book.market.accept)
    asked = replace(asked, last=min(asked.last or book.as_of, book.as_of), accept=accept)
    revalue = _revaluer(desk, whole) if odd else None
    name = book.institution.name
    sold = revaluation.sold(odd)
    if sold:
        findings.append(revaluation.FAR)
    return Held(name, book.currency, whole, history, moving, asked, tuple(findings), revalue, sold)


def _shared(desk: Desk) -> tuple[float, tuple[str, ...]]:
    """What losses are shares of: the worth of what is held, or its exposures under leverage.

    Raises
    ------
    AssessmentError
        There is nothing to share.
    """
    worth, gross = desk.worth(), desk.gross()
    if worth > 0.0 and gross <= LEVERAGE * worth:
        return worth, ()
    if not gross > 0.0:
        raise AssessmentError("what is held is worth nothing in all: shares of it mean nothing")
    return gross, (
        f"what is held is worth {worth:,.0f} {desk.book.currency}, its exposures {gross:,.0f}: "
        "shares are of the exposures",
    )


def _revaluer(desk: Desk, whole: float) -> Revaluer:
    """Losses of everything held, as shares of the whole."""

    def of(assets: tuple[str, ...]) -> After:
        return lambda end, low, high, days: (
            desk.shifted(Paths(assets, end, low, high, days)) / whole
        )

    return of


def of_book(
    path: Path, asked: Asked, settings: Settings | None = None, tell: Tell | None = None
) -> Document:
    """The same of what a book holds; with the value, so that shares can be read as money."""
    mine = holding(path, asked, settings)
    done = _risks(mine.history, mine.weights, mine.asked, mine.revalue, tell, sold=mine.sold)
    done["findings"] = list(dict.fromkeys([*mine.findings, *done["findings"]]))
    return {**done, "book": mine.name, "currency": mine.currency, "value": mine.value}


def _risks(
    history: History,
    weights: Mapping[str, float],
    asked: Asked,
    revalue: Revaluer | None = None,
    tell: Tell | None = None,
    *,
    sold: bool = False,
) -> Document:
    chosen = asked.chosen
    ready = prepared(history, weights, asked, revalue)
    sample = replace(ready.sample, presample=asked.presample)
    far = _far(sample, asked.level) if sold else (-math.inf, -math.inf)
    methods: Document = {}
    for place, model in enumerate(chosen):
        if tell is not None:
            tell("fitting the models", place, len(chosen))
        try:
            methods[model.name] = _told(model, predict(model, sample), asked.level, far)
        except AssessmentError as error:
            if len(chosen) == 1:
                raise
            methods[model.name] = _failed(model, str(error))
    return {
        "level": asked.level,
        "horizon": asked.horizon,
        "from": ready.first.isoformat(),
        "to": ready.last.isoformat(),
        "returns": len(sample.returns),
        "windows": sample.windows,
        "effective": sample.effective,
        "weights": dict(weights),
        "assets": list(ready.assets),
        "excluded": dict(ready.excluded),
        "conventions": dict(CONVENTIONS),
        "presample": asked.presample,
        "seed": asked.seed,
        "methods": methods,
        "picture": _picture(sample.losses),
        "findings": list(ready.findings),
    }


def _far(sample: Sample, level: float) -> tuple[float, float]:
    """VaR and CVaR under moves of the past half as large again."""
    moves = np.maximum(revaluation.STRETCH * sample.moves[:, sample.held], -1.0)
    return historical(sample.lost(moves), level)


def _told(model: Model, found: Prediction, level: float, far: tuple[float, float]) -> Document:
    ends = zip(found.interval(level), far, strict=True)
    var_interval, cvar_interval = ((low, max(high, beyond)) for (low, high), beyond in ends)
    return {
        "title": model.title,
        "var": found.var(level) + 0.0,  # no minus before nothing
        "cvar": found.cvar(level) + 0.0,
        "interval": {"var": list(var_interval), "cvar": list(cvar_interval)},
        "parameters": dict(found.parameters),
        "log_likelihood": found.log_likelihood,
        "effective": found.effective,
        "notes": list(found.notes),
        "conventions": dict(found.conventions),
        "error": None,
    }


def _failed(model: Model, why: str) -> Document:
    return {
        "title": model.title,
        "var": None,
        "cvar": None,
        "interval": None,
        "parameters": {},
        "log_likelihood": None,
        "effective": None,
        "notes": [],
        "conventions": dict(CONVENTIONS),
        "error": why,
    }


def _picture(losses: Floats) -> Document:
    """Counts of losses between equal steps, for the eye."""
    counts, edges = np.histogram(losses, bins=_BARS)
    return {"edges": edges.tolist(), "counts": counts.tolist()}


__all__ = ["ALL", "Asked", "of_book", "of_files", "parse_weights"]
