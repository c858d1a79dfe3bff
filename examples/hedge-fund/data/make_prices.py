# SPDX-License-Identifier: Apache-2.0
"""Make the price history of the example institution. **The prices are not real.**

Real daily closes may not be passed on by whoever downloads them, so the example carries a history
of its own: eight tokens, every day from 2019-01-01 to 2026-11-19, drawn from one seed. It behaves
like the market it stands for (heavy tails, calm and stormy stretches, quiet weekends, one common
factor) and holds the worst days that people remember by name, at the size they had. Paths are
pulled through a few rounded levels, so that charts look familiar; from 2025 on these are invented.
To assess the example on real prices, give them with ``perilscope run ... --prices FILE``.

Run it with ``python make_prices.py``; it writes ``prices.csv`` beside itself, the same bytes each
time on every machine: ``random.Random.random`` is promised to be the same everywhere, and six
significant digits are kept, far above the last bits in which two mathematics libraries may differ.
"""

from __future__ import annotations

import math
import random
import sys
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

SEED = 20261120
FIRST, LAST = date(2019, 1, 1), date(2026, 11, 19)
TOKENS = ("BTC", "ETH", "SOL", "BNB", "LINK", "LTC")
STABLE = ("USDC", "DAI")

# Ordinary days: yearly volatility, and the correlation of the token with the common factor.
# Chosen by us, near what daily closes of 2019 to 2024 show (BTC 0.66, ETH 0.84, SOL 1.29, LINK 1.12
# with the named days included; these here are without them).
VOLATILITY = {"BTC": 0.58, "ETH": 0.74, "SOL": 1.05, "BNB": 0.72, "LINK": 0.92, "LTC": 0.76}
COMMON = {"BTC": 0.90, "ETH": 0.90, "SOL": 0.74, "BNB": 0.78, "LINK": 0.78, "LTC": 0.82}

# Calm, usual, stormy: size of a day's move, and mean number of days before it changes.
REGIMES = ((0.55, 60), (1.0, 40), (1.9, 14))
WEEKEND = 0.65  # Saturdays and Sundays move less
WORST = 8.0  # an ordinary day is never wilder than this many standard deviations

# Levels the paths are pulled through: rounded closes near the end of the year and on the eve of
# three episodes (SOL before April 2020 did not exist and is invented, as is all after 2024).
LEVELS = {
    date(2019, 1, 1): (3840, 141, 0.55, 6.1, 0.30, 32),
    date(2019, 12, 31): (7190, 130, 0.70, 13.7, 1.77, 41),
    date(2020, 3, 11): (7911, 195, 0.80, 16.5, 3.8, 48),
    date(2020, 12, 31): (29000, 738, 1.5, 37, 11.3, 125),
    date(2021, 5, 18): (42900, 3380, 56, 510, 42.5, 295),
    date(2021, 12, 31): (46300, 3680, 170, 512, 19.6, 147),
    date(2022, 11, 7): (20600, 1570, 29.6, 337, 8.9, 68),
    date(2022, 12, 31): (16500, 1200, 10, 246, 5.6, 70),
    date(2023, 12, 31): (42300, 2280, 102, 312, 14.9, 73),
    date(2024, 11, 30): (96400, 3710, 238, 654, 19.0, 103),
    date(2025, 12, 31): (88000, 3000, 126, 860, 12.4, 78),
    date(2026, 11, 19): (95200, 3280, 142, 905, 15.2, 88),
}

# The named days. Move of the day in per cent, close over close of the day before (23:59 UTC, in US
# dollars), as printed by the public daily tables of Yahoo Finance and CoinMarketCap, rounded to a
# tenth (BTC in 2020: a hundredth). SOL in March 2020 did not exist: its two figures are ours.
EPISODES = {
    # "Black Thursday": BTC closes at 4,970.79 after 7,911.43, a fall of 37 %.
    date(2020, 3, 12): (-37.17, -42.3, -44.0, -41.9, -45.9, -36.2),
    date(2020, 3, 13): (11.9, 18.6, 15.0, 12.8, 17.3, 21.0),
    # May 2021: mining ban announced, leveraged positions closed by force.
    date(2021, 5, 19): (-13.8, -27.2, -37.2, -33.3, -37.2, -35.7),
    date(2021, 5, 20): (10.2, 13.2, 27.4, 16.1, 15.3, 12.0),
    # May 2022: Terra's LUNA and its stablecoin UST collapse.
    date(2022, 5, 9): (-11.0, -10.8, -15.9, -15.8, -17.2, -17.0),
    date(2022, 5, 10): (2.4, 4.4, 5.5, 6.7, 3.8, 2.9),
    date(2022, 5, 11): (-6.7, -11.6, -24.8, -15.5, -19.4, -17.2),
    # June 2022: Celsius stops withdrawals.
    date(2022, 6, 13): (-16.0, -16.7, -8.3, -13.1, -7.2, -10.2),
    # November 2022: FTX stops withdrawals.
    date(2022, 11, 8): (-10.0, -15.0, -18.4, -2.8, -13.6, -15.2),
    date(2022, 11, 9): (-14.3, -17.5, -42.3, -18.6, -19.0, -11.7),
    date(2022, 11, 10): (10.7, 18.1, 26.8, 14.0, 15.9, 19.2),
    # 5 August 2024: carry trades in yen are unwound.
    date(2024, 8, 5): (-7.1, -10.0, -5.9, -6.5, -12.6, -9.9),
}

# Closes of the two stablecoins on the named days (same tables). On 2023-03-11, after a bank that
# held part of its reserves had failed, USDC closed at 0.9715 (low of the day 0.8774) and DAI,
# backed largely by USDC, at 0.9739 (low 0.8970).
STABLE_CLOSES = {
    date(2020, 3, 12): (1.0406, 1.0354),
    date(2020, 3, 13): (1.0025, 1.0930),
    date(2023, 3, 11): (0.9715, 0.9739),
    date(2023, 3, 12): (0.9921, 0.9926),
    date(2023, 3, 13): (0.9989, 0.9989),
}
STABLE_NOISE = (0.00015, 0.0004)  # spread of an ordinary day around the peg
STABLE_MEMORY = 0.6  # share of yesterday's distance from the peg that is still there today

HEADER = (
    "# NOT REAL PRICES: made by make_prices.py",
    "# Daily closes in USD. For real ones: perilscope run BOOK --prices FILE",
)


def days() -> list[date]:
    """Every day of the history, weekends too: this market does not close."""
    return [FIRST + timedelta(n) for n in range((LAST - FIRST).days + 1)]


def normal(rng: random.Random) -> float:
    """Draw a standard normal number from two uniform ones (Box and Muller, 1958)."""
    radius = math.sqrt(-2.0 * math.log(1.0 - rng.random()))
    return radius * math.cos(2.0 * math.pi * rng.random())


def widths(rng: random.Random, calendar: list[date]) -> list[float]:
    """Size of each day's move: the regime, the weekend, and a heavy-tailed factor shared by all."""
    state, sizes = 1, []
    for day in calendar:
        if rng.random() < 1.0 / REGIMES[state][1]:
            others = [s for s in range(len(REGIMES)) if s != state]
            state = others[int(rng.random() * len(others))]
        stormy = any(0 <= (day - named).days <= 10 for named in EPISODES)
        size = REGIMES[2 if stormy else state][0] * (WEEKEND if day.weekday() >= 5 else 1.0)
        # Half of a chi-square with four degrees of freedom is the sum of two exponentials; dividing
        # by its root makes the day's moves Student t with four degrees of freedom, jointly.
        half = -math.log((1.0 - rng.random()) * (1.0 - rng.random()))
        sizes.append(size / math.sqrt(half / 2.0))
    return sizes


def ordinary(rng: random.Random, calendar: list[date]) -> dict[str, list[float]]:
    """Logarithmic moves of each token on ordinary days, at the volatility asked for."""
    sizes = widths(rng, calendar)
    factor = [normal(rng) for _ in calendar]
    moves = {}
    for token in TOKENS:
        shared, own = COMMON[token], math.sqrt(1.0 - COMMON[token] ** 2)
        raw = [s * (shared * f + own * normal(rng)) for s, f in zip(sizes, factor, strict=True)]
        spread = math.sqrt(math.fsum(x * x for x in raw) / len(raw))
        daily = VOLATILITY[token] / math.sqrt(365.0)
        moves[token] = [daily * max(-WORST, min(WORST, x / spread)) for x in raw]
    return moves


def path(token: str, calendar: list[date], moves: list[float]) -> list[float]:
    """Prices of one token: its moves, the named days, and a drift that meets the levels."""
    column = TOKENS.index(token)
    steps = [
        math.log1p(EPISODES[day][column] / 100.0) if day in EPISODES else move
        for day, move in zip(calendar, moves, strict=True)
    ]
    prices = [float(LEVELS[FIRST][column])]
    knots = sorted(LEVELS)
    for start, end in pairwise(knots):
        span = range((start - FIRST).days + 1, (end - FIRST).days + 1)
        free = [n for n in span if calendar[n] not in EPISODES]
        wanted = math.log(LEVELS[end][column] / LEVELS[start][column])
        pull = (wanted - math.fsum(steps[n] for n in span)) / len(free)
        here = math.log(LEVELS[start][column])
        for n in span:
            here += steps[n] + (0.0 if calendar[n] in EPISODES else pull)
            prices.append(math.exp(here))
    return prices


def pegged(rng: random.Random, column: int, calendar: list[date]) -> list[float]:
    """Prices of one stablecoin: near a dollar, except on the named days."""
    prices, away = [], 0.0
    for day in calendar:
        away = STABLE_MEMORY * away + STABLE_NOISE[column] * normal(rng)
        prices.append(STABLE_CLOSES[day][column] if day in STABLE_CLOSES else 1.0 + away)
    return prices


def text() -> str:
    """Return the whole file: notes, header, one line a day."""
    rng = random.Random(SEED)
    calendar = days()
    moves = ordinary(rng, calendar)
    columns = [path(token, calendar, moves[token]) for token in TOKENS]
    columns += [pegged(rng, n, calendar) for n in range(len(STABLE))]
    lines = [*HEADER, ",".join(("date", *TOKENS, *STABLE))]
    for n, day in enumerate(calendar):
        lines.append(",".join((day.isoformat(), *(f"{column[n]:.6g}" for column in columns))))
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("prices.csv")
    target.write_bytes(text().encode("ascii"))
