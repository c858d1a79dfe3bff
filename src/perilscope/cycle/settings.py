# SPDX-License-Identifier: Apache-2.0
"""How a run is to be made. Everything that can change a number and is not in the book is here."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from perilscope.errors import MisuseError

ENGINES = ("exact", "simulation", "both")
LEVELS = (0.95, 0.975, 0.99, 0.999)
MARKET_LEVELS = (0.95, 0.975, 0.99)
MARKET_DAYS = (1, 7, 10)
MOST_YEARS = 100_000_000


@dataclass(frozen=True)
class Settings:
    """Settings of one run.

    Parameters
    ----------
    seed : int
        Names the random streams; the exact engine does not depend on it.
    years : int
        Simulated horizons.
    engine : str
        ``exact``, ``simulation`` or ``both``.
    horizon : str
        Replaces the horizon of the book, like ``"2 years"``; empty keeps it.
    evidence : tuple of str
        Observed node states, ``NODE=STATE`` or ``NETWORK.NODE=STATE``.
    prices, positions : Path or None
        Replace the files that the book names.
    tornado : str
        Whose estimates are moved, to see what answers to them: nobody's (empty), those of one
        scenario (its id), or all (``*``), which may take as long as the rest of a run.
    band : bool
        Whether the exceedance curve gets its credible band, and VaR and CVaR their rigorous bounds,
        which takes a while.

    Examples
    --------
    >>> Settings(engine="guess")
    Traceback (most recent call last):
    perilscope.errors.MisuseError: engine 'guess' does not exist: choose exact, simulation, both
    """

    seed: int = 1
    years: int = 1_000_000
    engine: str = "both"
    horizon: str = ""
    evidence: tuple[str, ...] = field(default=())
    prices: Path | None = None
    positions: Path | None = None
    tornado: str = ""
    band: bool = False

    def __post_init__(self) -> None:
        if self.engine not in ENGINES:
            raise MisuseError(f"engine {self.engine!r} does not exist: choose {', '.join(ENGINES)}")
        if not 1_000 <= self.years <= MOST_YEARS:
            raise MisuseError(
                f"{self.years:,} simulated years: between 1,000 and {MOST_YEARS:,} are possible"
            )
        if not 0 <= self.seed < 2**63:
            raise MisuseError(f"seed {self.seed}: a whole number from 0 up is wanted")
