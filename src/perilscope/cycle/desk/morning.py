# SPDX-License-Identifier: Apache-2.0
"""The morning page of a desk, and what adds to its risk."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from perilscope.cycle.desk import champions
from perilscope.cycle.desk.desk import LEVEL, Opened, head, limits, opened, sized, yesterday
from perilscope.cycle.settings import Settings
from perilscope.errors import AssessmentError, MisuseError
from perilscope.evidence.positions import Position
from perilscope.layers import revaluation
from perilscope.layers.desk import Desk
from perilscope.layers.stress import Stressed

if TYPE_CHECKING:
    from perilscope.cycle.measures import Document  # it knows the whole walk


KINDS = ("asset", "venue", "strategy", "issuer", "chain", "counterparty", "instrument")
"""What contributions are added up by."""
SIZED = 5
"""Assets whose sizes stand on the morning page."""


def morning(path: Path, settings: Settings | None = None) -> Document:
    """One page: limits, sizes, yesterday's VaR against the day's result, data findings."""
    found = opened(path, settings)
    desk = found.desk
    values = desk.values()
    top = sorted(values, key=lambda asset: -abs(values[asset]))
    moving = [asset for asset in top if asset not in desk.still() and values[asset]][:SIZED]
    page = {
        **limits(found),
        "result": _result(desk),
        "risk": _figures(desk),
        "contributions": _shares(desk, values),
        "stresses": [told(each) for each in desk.stresses()[:SIZED]],
        "sizes": [sized(found, asset) for asset in moving],
        **_champions(found, moving),
    }
    if revaluation.sold(desk.priced()):
        page["findings"] = [*page["findings"], revaluation.FAR]
    return page


def _champions(found: Opened, moving: Sequence[str]) -> Document:
    """Which models the tournament believes, where the book keeps a log of them."""
    book, origin = found.workspace.book, found.workspace.origin
    where = None if origin is None else champions.log_of(book, origin.base)
    if where is None:
        return {"champions": None}
    rows, notes = champions.standing(
        champions.read_log(where), (champions.WHOLE, *moving), book.as_of
    )
    return {"champions": rows, "findings": [*found.findings, *notes]}


def _result(desk: Desk) -> Document | None:
    """What today's holdings made since the close before, beside the VaR that stood then."""
    before = yesterday(desk)
    if before is None:
        return None
    try:
        var, cvar = before.risk(1, LEVEL)
    except AssessmentError:
        return None
    loss = before.worth() - desk.worth()
    return {"loss": loss, "var": var, "cvar": cvar, "level": LEVEL, "exceeded": loss > var}


def _figures(desk: Desk) -> list[Document]:
    """VaR and CVaR, each with its 90 % interval."""
    rows = []
    for days in (1, 7, 10):
        try:
            var, cvar = desk.risk(days, LEVEL)
            of_var, of_cvar = desk.reach(days, LEVEL)
        except AssessmentError:
            continue
        rows.append(
            {
                "days": days,
                "level": LEVEL,
                "var": var,
                "cvar": cvar,
                "var_interval": list(of_var),
                "cvar_interval": list(of_cvar),
            }
        )
    return rows


def _shares(desk: Desk, values: dict[str, float]) -> list[Document]:
    try:
        parts = desk.contributions(1, LEVEL)
    except AssessmentError:
        return []
    whole = math.fsum(parts.values())
    return [
        {"asset": a, "value": values[a], "cvar": c, "share": c / whole if whole else 0.0}
        for a, c in sorted(parts.items(), key=lambda pair: -pair[1])
        if values[a]
    ]


def told(each: Stressed) -> Document:
    """A stress as the document has it."""
    return {
        "id": each.id,
        "name": each.name,
        "days": each.days,
        "loss": each.loss,
        "moved": [
            {"asset": m.asset, "move": m.move, "loss": m.loss, "how": m.how} for m in each.moved
        ],
    }


def _allocated(desk: Desk, days: int, level: float, kind: str) -> list[Document]:
    """What each asset, venue, ... adds to CVaR and to VaR, the largest part of CVaR first."""

    def key(lot: Position) -> str:
        if kind != "issuer":
            return str(getattr(lot, kind)) or "none"
        token = desk.book.tokens.get(lot.asset)
        return (token.issuer if token is not None else None) or "none"

    names, parts = desk.euler(days, level, key)
    rows = zip(
        names, parts.to_cvar.tolist(), parts.cvar_errors.tolist(), parts.to_var.tolist(),
        parts.var_errors.tolist(), strict=True,
    )  # fmt: skip
    return [
        {
            "name": name,
            "cvar": cvar,
            "cvar_error": cvar_error,
            "share": cvar / parts.cvar if parts.cvar else 0.0,
            "var": var,
            "var_error": var_error,
        }
        for name, cvar, cvar_error, var, var_error in sorted(rows, key=lambda row: -row[1])
    ]


def contributions(found: Opened, days: int = 1, level: float = LEVEL) -> Document:
    """What each asset, venue, ... adds to CVaR and to VaR; each list adds up to both."""
    if not 0.5 < level < 1.0:
        raise MisuseError(f"--level {level:g}: more than 0.5 and less than 1")
    desk = found.desk
    var, cvar = desk.risk(days, level)
    rows = {kind: _allocated(desk, days, level, kind) for kind in KINDS}
    return {
        **head(found),
        "days": days,
        "level": level,
        "var": var,
        "cvar": cvar,
        "contributions": rows,
        "findings": list(found.findings),
    }
