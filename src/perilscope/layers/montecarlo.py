# SPDX-License-Identifier: Apache-2.0
"""A million scenarios of all prices together, every position revalued in full in each.

Log returns have a multivariate Student t law fitted to the history; drawn block by block, so that
memory does not grow with the scenarios and threads change no bit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from perilscope.engines.cores import cores
from perilscope.engines.forecasts import student_moves
from perilscope.engines.forecasts.student_moves import BLOCK, Joint
from perilscope.engines.portfolio import returns
from perilscope.errors import AssessmentError, MisuseError
from perilscope.evidence.history import History
from perilscope.evidence.positions import Position
from perilscope.layers import revaluation
from perilscope.layers.revaluation import Marks, Paths, plain

Floats = NDArray[np.float64]
MOST = 20_000_000
LEAST = 1_000


Way = tuple[tuple[int, ...], Floats]


@dataclass(frozen=True)
class Drawn(Paths):
    """Paths of which only some lows and highs are known: those that matter."""

    lows: Way = ((), np.zeros((0, 0)))
    highs: Way = ((), np.zeros((0, 0)))

    def of(self, asset: str) -> tuple[Floats, Floats, Floats]:
        """End, low and high of one asset; the end where the way does not matter."""
        end = super().of(asset)[0]
        k = self.assets.index(asset) if asset in self.assets else -1
        (down, low), (up, high) = self.lows, self.highs
        return (
            end,
            low[:, down.index(k)] if k in down else end,
            high[:, up.index(k)] if k in up else end,
        )


@dataclass(frozen=True)
class Simulated:
    """Losses of a portfolio in many scenarios.

    Parameters
    ----------
    losses : array, shape (n,)
    law : Joint
    assets : tuple of str
        What moves, in the order of the law.
    days : int
    """

    losses: Floats
    law: Joint
    assets: tuple[str, ...]
    days: int

    def figure(self, level: float) -> dict[str, float]:
        """VaR and CVaR, each with the ends of a 90 % interval of the simulation.

        The interval of VaR is between order statistics (binomial); that of CVaR from its standard
        error (Manistre and Hancock 2005). They do not speak of the fit.
        """
        n, tail = self.losses.size, 1.0 - level
        var, cvar = returns.historical(self.losses, level)
        half = 1.6448536269514722
        spread = half * math.sqrt(n * level * tail)
        places = np.clip(np.round(n * level + np.array([-spread, spread])), 1, n).astype(int) - 1
        ends = np.partition(self.losses, places)[places]
        worst = self.losses[self.losses >= var]
        variance = float(worst.var()) + level * (cvar - var) ** 2
        error = half * math.sqrt(variance / (n * tail))
        return {
            "var": var, "cvar": cvar, "var_low": float(ends[0]), "var_high": float(ends[1]),
            "cvar_low": cvar - error, "cvar_high": cvar + error,
        }  # fmt: skip


def fitted(history: History, assets: Sequence[str]) -> tuple[Joint, tuple[str, ...]]:
    """The law of daily log returns of those assets that have a history."""
    known = tuple(asset for asset in assets if asset in history.assets)
    if not known:
        raise AssessmentError("there are no prices of anything that is held")
    closes = history.closes[:, [history.assets.index(asset) for asset in known]]
    with threadpool_limits(limits=1, user_api="blas"):
        return student_moves.fit(np.diff(np.log(closes), axis=0)), known


def simulate(
    lots: Sequence[Position],
    marks: Marks,
    law: Joint,
    assets: Sequence[str],
    *,
    count: int = 1_000_000,
    days: int = 1,
    seed: int = 1,
    threads: int | None = None,
) -> Simulated:
    """Losses of positions in so many scenarios.

    Parameters
    ----------
    lots : sequence of Position
    marks : Marks
    law : Joint
    assets : sequence of str
        What the law is of; other prices do not move.
    count : int
        Scenarios.
    days : int
    seed : int
    threads : int, optional
        As many as there are cores; changes no bit of the answer.

    Raises
    ------
    MisuseError
        A number of scenarios or days that cannot be.
    """
    if not LEAST <= count <= MOST:
        raise MisuseError(f"{count:,} scenarios: from {LEAST:,} to {MOST:,} are possible")
    if not 1 <= days <= 366:
        raise MisuseError(f"{days} days: from 1 to 366 are possible")
    assets = tuple(assets)
    exposed, odd = _split(lots, marks, assets)
    ways = revaluation.ways(odd, assets)
    whole = math.fsum(revaluation.worth(lot, marks) for lot in odd)
    blocks = -(-count // BLOCK)
    found = np.empty(blocks * BLOCK)

    def work(block: int) -> None:
        end, low, high = student_moves.drawn(law, seed, block, days, *ways)
        lost = float(exposed.sum()) - end @ exposed
        if odd:
            paths = Drawn(assets, end, end, end, days, (ways[0], low), (ways[1], high))
            lost += whole
            for lot in odd:
                lost -= revaluation.valued(lot, marks, paths)
        found[block * BLOCK : (block + 1) * BLOCK] = lost

    with (
        threadpool_limits(limits=1, user_api="blas"),
        ThreadPoolExecutor(threads or cores()) as pool,
    ):
        for done in [pool.submit(work, block) for block in range(blocks)]:
            done.result()
    return Simulated(found[:count], law, assets, days)


def _split(
    lots: Sequence[Position], marks: Marks, assets: tuple[str, ...]
) -> tuple[Floats, tuple[Position, ...]]:
    """Money in each asset of what is linear in its price, and the positions that are not."""
    exposed = np.zeros(len(assets))
    odd = []
    for lot in lots:
        if _linear(lot, marks):
            if lot.asset in assets:
                exposed[assets.index(lot.asset)] += lot.quantity * marks.price(lot.asset)
        else:
            odd.append(lot)
    return exposed, tuple(odd)


def _linear(lot: Position, marks: Marks) -> bool:
    """Whether a position gains quantity times the move of one price, and nothing else."""
    terms = lot.terms
    swap = lot.instrument == "perpetual" and not terms.inverse and terms.margin is None
    return plain(lot) or (
        swap and not terms.funding and not terms.mark and terms.quote in ("", marks.currency)
    )
