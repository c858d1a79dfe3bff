# SPDX-License-Identifier: Apache-2.0
"""VaR and CVaR of a book's positions by simulation, every instrument revalued in every scenario."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from perilscope.cycle.desk.desk import head, opened
from perilscope.cycle.settings import Settings
from perilscope.engines.forecasts.student_moves import LEAST
from perilscope.errors import AssessmentError, MisuseError
from perilscope.layers.montecarlo import fitted, simulate

if TYPE_CHECKING:
    from perilscope.cycle.measures import Document  # it knows the whole walk


LEVELS = (0.95, 0.975, 0.99, 0.999)


def simulated(
    path: Path,
    *,
    count: int = 1_000_000,
    days: int = 1,
    level: float | None = None,
    seed: int = 1,
    threads: int | None = None,
    settings: Settings | None = None,
) -> Document:
    """Losses of what a book holds in so many scenarios of a multivariate Student t law.

    Raises
    ------
    MisuseError
        A level, a number of scenarios or days that cannot be.
    AssessmentError
        There are no prices of anything that is held.
    """
    if level is not None and not 0.5 < level < 1.0:
        raise MisuseError(f"--level {level:g}: more than 0.5 and less than 1")
    found = opened(path, settings)
    desk = found.desk
    if desk.history is None:
        raise AssessmentError("there are no prices of anything that is held")
    law, assets = fitted(desk.history, desk.assets)
    result = simulate(
        desk.priced(), desk.marks, law, assets, count=count, days=days, seed=seed, threads=threads
    )
    still = [a for a in desk.assets if a not in assets and a != desk.book.currency]
    notes = [f"no price history of {', '.join(still)}: taken not to move"] if still else []
    if law.nu <= LEAST * 1.001:
        notes.append(
            f"the degrees of freedom are the least that are looked for, {LEAST:g}: "
            "tails may be heavier"
        )
    if desk.drivers.networks:
        notes.append("the moves of the law alone: what networks do to prices is in `morning`")
    return {
        **head(found),
        "scenarios": count,
        "days": days,
        "seed": seed,
        "law": {
            "name": "multivariate Student t of daily log returns, fitted mean",
            "nu": law.nu,
            "assets": list(assets),
            "days_used": len(desk.history.days) - 1,
        },
        "figures": [
            {"level": each, **result.figure(each)}
            for each in ((level,) if level is not None else LEVELS)
        ],
        "worst": float(result.losses.max()),
        "findings": [
            *found.findings, *notes,
            "no price moves by more than ten times in a day: without a bound what is short would "
            "have no CVaR under this law",
            "the intervals are of the simulation alone; those of `morning` are of the history",
        ],
    }  # fmt: skip
