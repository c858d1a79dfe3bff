# SPDX-License-Identifier: Apache-2.0
"""What is asked of market models, and the returns they take: believed, common, filled in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from perilscope.cycle.measures import Document
from perilscope.engines.forecasts import models, proxy
from perilscope.engines.forecasts.history import Sample
from perilscope.engines.forecasts.predictive import FEW, Model, checked_level
from perilscope.engines.forecasts.volatility_models import PRESAMPLES
from perilscope.engines.portfolio.revalued import After, Revalued
from perilscope.errors import DataError, Fault, MisuseError
from perilscope.evidence.admission import screened
from perilscope.evidence.prices import History, gate
from perilscope.evidence.quotes import converted
from perilscope.layers.scenarios import extremes

Floats = NDArray[np.float64]
ALL = "all"
MOST_FILLED = 1000
"""Days of a short history that are filled in from a factor at most."""
FACTOR = "BTC"
"""What short histories are filled in from, where the files have it."""
Revaluer = Callable[[tuple[str, ...]], After]
"""Assets in the order of their columns -> losses of what is held, as shares of the value."""


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


@dataclass(frozen=True)
class Prepared:
    """Returns that all assets have, from the history or filled in, and what was done."""

    sample: Sample
    first: date
    last: date
    assets: tuple[Document, ...]
    findings: tuple[str, ...]
    excluded: Mapping[str, str] = field(default_factory=dict)


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
