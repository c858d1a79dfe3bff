# SPDX-License-Identifier: Apache-2.0
"""VaR and CVaR of weights by every market model, from bare price files or from a book."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from perilscope.cycle.desk import opened
from perilscope.cycle.measures import Document
from perilscope.cycle.settings import Settings
from perilscope.engines import models, proxy
from perilscope.engines.predictive import (
    CONVENTIONS,
    FEW,
    Model,
    Prediction,
    Sample,
    checked_level,
    predict,
)
from perilscope.engines.revalued import After, Revalued
from perilscope.engines.volatility_models import PRESAMPLES
from perilscope.errors import AssessmentError, DataError, Fault, MisuseError
from perilscope.evidence.admission import screened
from perilscope.evidence.prices import History, gate
from perilscope.evidence.quotes import converted
from perilscope.layers import revaluation
from perilscope.layers.desk import Desk
from perilscope.layers.revaluation import Paths, plain
from perilscope.layers.scenarios import extremes
from perilscope.sources.files import read_prices

Floats = NDArray[np.float64]
ALL = "all"
MOST_FILLED = 1000
"""Days of a short history that are filled in from a factor at most."""
FACTOR = "BTC"
"""What short histories are filled in from, where the files have it."""
LEVERAGE = 5.0
"""Exposures of more than so many times the worth of what is held are shared out themselves."""
Revaluer = Callable[[tuple[str, ...]], After]
"""Assets in the order of their columns -> losses of what is held, as shares of the value."""
_BARS = 24


@dataclass(frozen=True)
class Asked:
    """What is asked: level, horizon in days, methods, first and last day of prices, seed.

    ``accept`` names assets that are used whatever is found in their prices; ``presample`` says what
    stands for the squares before the first day in GARCH models.
    """

    level: float = 0.975
    horizon: int = 1
    methods: tuple[str, ...] = (ALL,)
    first: date | None = None
    last: date | None = None
    seed: int = 1
    accept: tuple[str, ...] = ()
    presample: str = "backcast"

    def __post_init__(self) -> None:
        checked_level(self.level)
        if self.presample not in PRESAMPLES:
            some = " or ".join(PRESAMPLES)
            raise MisuseError(f"--presample {self.presample!r}: {some}")
        if self.horizon < 1:
            raise MisuseError(f"--horizon {self.horizon}: at least one day")
        if self.first and self.last and self.first >= self.last:
            raise MisuseError(f"--from {self.first} is not before --to {self.last}")

    @property
    def chosen(self) -> tuple[Model, ...]:
        """The models by name; all of them for ``all``."""
        if ALL in self.methods:
            return models.MODELS
        return tuple(models.named(name) for name in dict.fromkeys(self.methods))


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


def of_files(paths: Sequence[Path], weights: Mapping[str, float], asked: Asked) -> Document:
    """VaR and CVaR of weights, as shares of the value.

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
    found = _risks(history, weights, asked)
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
    still = [asset for asset in values if asset not in moving]
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
    return Held(name, book.currency, whole, history, moving, asked, tuple(findings), revalue)


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


def of_book(path: Path, asked: Asked, settings: Settings | None = None) -> Document:
    """The same of what a book holds; with the value, so that shares can be read as money."""
    mine = holding(path, asked, settings)
    done = _risks(mine.history, mine.weights, mine.asked, mine.revalue)
    done["findings"] = list(dict.fromkeys([*mine.findings, *done["findings"]]))
    return {**done, "book": mine.name, "currency": mine.currency, "value": mine.value}


# --- the sample -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Prepared:
    """Returns that all assets have, from the history or filled in, and what was done."""

    sample: Sample
    first: date
    last: date
    assets: tuple[Document, ...]
    findings: tuple[str, ...]
    excluded: Mapping[str, str] = field(default_factory=dict)


def _risks(
    history: History, weights: Mapping[str, float], asked: Asked, revalue: Revaluer | None = None
) -> Document:
    chosen = asked.chosen
    ready = prepared(history, weights, asked, revalue)
    sample = replace(ready.sample, presample=asked.presample)
    methods: Document = {}
    for model in chosen:
        try:
            methods[model.name] = _told(model, predict(model, sample), asked.level)
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


def _told(model: Model, found: Prediction, level: float) -> Document:
    var_interval, cvar_interval = found.interval(level)
    return {
        "title": model.title,
        "var": found.var(level),
        "cvar": found.cvar(level),
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


def believed(
    history: History, weights: Mapping[str, float], asked: Asked
) -> tuple[History, dict[str, float], dict[str, str], list[str]]:
    """Prices in money, the weights of what passes the findings, and why the others do not.

    What passes keeps its weight. Missing and repeated days are left to the gate, which refuses.
    """
    history, notes = converted(history)
    there = [asset for asset in weights if asset in history.assets]
    if not there:
        return history, dict(weights), {}, notes
    days = within(history.of(there), asked.first, asked.last).days
    last = days[-1] if days else history.days[-1]
    mended, kept, told = screened(history, there, last, asked.accept, asked.first)
    out = {a: next(t for t in told if t.startswith(f"{a} ")) for a in there if a not in kept}
    left = {a: w for a, w in weights.items() if a not in out}
    if not left:
        what = "nothing that is held can be used: " + "; ".join(out.values())
        mend = "mend the file, choose other days with --from, or --accept an asset in spite of it"
        raise DataError([Fault(history.source, 0, 0, "", what, mend)])
    return mended, left, out, [*notes, *told]


def prepared(
    history: History, weights: Mapping[str, float], asked: Asked, revalue: Revaluer | None = None
) -> Prepared:
    """Returns of what is held over the days to use, its prices found to be believable.

    With ``revalue`` the sample carries the losses of instruments; an asset that is left out is
    taken not to move.
    """
    checked, left, out, told = believed(history, weights, asked)
    ready = _prepared(checked, left, asked, revalue)
    return replace(ready, excluded=out, findings=(*told, *ready.findings))


def _prepared(
    history: History, weights: Mapping[str, float], asked: Asked, revalue: Revaluer | None
) -> Prepared:
    absent = [asset for asset in weights if asset not in history.assets]
    if absent:
        some = ", ".join(sorted(history.assets)[:12])
        more = ", ..." if len(history.assets) > 12 else ""
        raise MisuseError(
            f"{', '.join(absent)}: held, but there are no prices; the files have {some}{more}"
        )
    used = within(_only(history, tuple(weights)), asked.first, asked.last)
    last = asked.last or used.days[-1]
    held = list(weights)
    spans = {asset: _span(used, asset) for asset in held}
    begun = max(first for first, _ in spans.values())
    least = min(_span(used, asset)[0] for asset in used.assets if _known(used, asset))
    findings: list[str] = []
    late = [asset for asset in held if spans[asset][0] > least]
    if late and (last - begun).days < FEW:
        return _filled(used, weights, asked, last, spans, revalue)
    kept, noticed = gate(used, held, last)
    findings += [text for text in noticed if not text.startswith((FACTOR + " (not", "only"))]
    if asked.first and kept.days[0] > asked.first:
        findings.append(f"the days used start on {kept.days[0]}, not on {asked.first} as asked")
    daily = kept.closes[1:] / kept.closes[:-1] - 1.0
    amounts = np.array([weights[a] for a in held])
    lost = None
    if revalue is not None:
        lost = Revalued.over(revalue(tuple(held)), daily, *_ways(kept, held))
    sample = Sample(daily, amounts, asked.horizon, asked.seed, revalued=lost)
    rows = [_row(asset, weights[asset], *spans[asset], len(daily), len(daily)) for asset in held]
    return Prepared(
        sample, kept.days[0], kept.days[-1], tuple(rows), tuple(dict.fromkeys(findings))
    )


def _ways(history: History, held: Sequence[str]) -> tuple[Floats, Floats]:
    """Lows and highs of each day over the close before, by the closes where no more is known."""
    columns = [history.assets.index(asset) for asset in held]
    return extremes(history, columns, 1)


def _row(
    asset: str, weight: float, first: date, last: date, own: int, effective: float
) -> Document:
    return {
        "asset": asset,
        "weight": weight,
        "first": first.isoformat(),
        "last": last.isoformat(),
        "own": own,
        "effective": effective,
    }


def within(history: History, first: date | None, last: date | None) -> History:
    """The history from one day to another."""
    rows = [
        row
        for row, day in enumerate(history.days)
        if (first is None or day >= first) and (last is None or day <= last)
    ]
    if not rows:
        raise MisuseError(
            f"no prices from {first or 'the first day'} to {last or 'the last'}; the files have "
            f"{history.days[0]} to {history.days[-1]}"
        )
    at = slice(rows[0], rows[-1] + 1)
    return replace(
        history,
        days=history.days[at],
        closes=history.closes[at].copy(),
        lines=history.lines[at].copy(),
        origin=history.origin[at].copy(),
        defects=tuple(
            one
            for one in history.defects
            if history.days[rows[0]] <= one.day <= history.days[rows[-1]]
        ),
    )


def _only(history: History, held: tuple[str, ...]) -> History:
    """The history of what is held, and of the factor that fills short ones in."""
    assets = (*held, *(a for a in (FACTOR,) if a in history.assets and a not in held))
    columns = [history.assets.index(asset) for asset in assets]
    return replace(
        history,
        assets=assets,
        closes=history.closes[:, columns],
        lines=history.lines[:, columns],
        origin=history.origin[:, columns],
        defects=tuple(one for one in history.defects if one.asset in assets),
    )


def _known(history: History, asset: str) -> bool:
    return bool(np.any(history.present[:, history.assets.index(asset)]))


def _span(history: History, asset: str) -> tuple[date, date]:
    rows = np.flatnonzero(history.present[:, history.assets.index(asset)])
    if not rows.size:
        raise MisuseError(
            f"{asset}: held, but there are no prices from {history.days[0]} to {history.days[-1]}"
        )
    return history.days[int(rows[0])], history.days[int(rows[-1])]


def _filled(  # one for all assets, because the factor and the days are shared
    history: History,
    weights: Mapping[str, float],
    asked: Asked,
    last: date,
    spans: Mapping[str, tuple[date, date]],
    revalue: Revaluer | None,
) -> Prepared:
    """Short histories filled in from a factor: the longest of what is held, or BTC."""
    held = list(weights)
    candidates = [
        a for a in (FACTOR, *sorted(held, key=lambda a: spans[a][0])) if a in history.assets
    ]
    factor = candidates[0]
    kept, noticed = gate(history, [factor], last)
    kept = within(kept, None, min(end for _, end in spans.values()))
    if len(kept.days) > MOST_FILLED + 1:
        kept = within(kept, kept.days[-MOST_FILLED - 1], None)
    whole = kept.closes[1:, 0] / kept.closes[:-1, 0] - 1.0
    columns, rows, shares = [], [], []
    findings = list(noticed)
    for asset in held:
        own, more = gate(history, [asset], kept.days[-1])
        findings += [text for text in more if text not in findings and "others" not in text]
        moves = own.closes[1:, 0] / own.closes[:-1, 0] - 1.0
        moves = moves[-len(whole) :]
        found = proxy.filled(moves, whole, asked.seed, asset)
        columns.append(found.returns)
        shares.append(found)
        rows.append(
            _row(asset, weights[asset], *spans[asset], len(moves), found.effective)
            | {"factor": factor if len(moves) < len(whole) else "", "beta": found.beta}
        )
        if len(moves) < len(whole):
            findings.append(
                f"{asset} has {len(moves)} daily returns of its own; {len(whole) - len(moves)} "
                f"earlier ones are filled in from {factor} (beta {found.beta:.2f}, R2 "
                f"{found.explained:.2f}): effective sample size {found.effective:.0f}"
            )
    table = np.stack(columns, axis=1)
    amounts = np.array([weights[a] for a in held])
    share = proxy.portfolio_share(table, amounts, shares)
    lost = None if revalue is None else Revalued.over(revalue(tuple(held)), table)
    sample = Sample(table, amounts, asked.horizon, asked.seed, share, revalued=lost)
    return Prepared(
        sample, kept.days[0], kept.days[-1], tuple(rows), tuple(dict.fromkeys(findings))
    )


__all__ = ["ALL", "Asked", "DataError", "of_book", "of_files", "parse_weights"]
