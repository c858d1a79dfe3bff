# SPDX-License-Identifier: Apache-2.0
"""What is paid for events of fixed sizes that take a holding one after another, by enumeration."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product

Outcome = tuple[float, float]
"""What a year costs before covers, and what is paid."""
Pays = Callable[[float], float]


def orders(counts: tuple[int, ...]) -> Iterator[tuple[float, tuple[int, ...]]]:
    """Every order of events of several kinds, with its chance: all orders alike."""
    if not any(counts):
        yield 1.0, ()
        return
    whole = sum(counts)
    for kind, number in enumerate(counts):
        if number:
            left = tuple(n - (i == kind) for i, n in enumerate(counts))
            for chance, rest in orders(left):
                yield chance * number / whole, (kind, *rest)


def outcomes(
    kinds: Sequence[tuple[Sequence[float], float, Pays]], holding: float
) -> Mapping[Outcome, float]:
    """Chance of each outcome of a year.

    Parameters
    ----------
    kinds : sequence of (chances of 0, 1, 2... events, what each costs, what is paid of a loss)
    holding : float
        What can be lost in a year.
    """
    found: dict[Outcome, float] = defaultdict(float)
    for counts in product(*(range(len(chances)) for chances, _, _ in kinds)):
        likely = math.prod(kinds[i][0][n] for i, n in enumerate(counts))
        for chance, order in orders(counts):
            left, paid = holding, 0.0
            for kind in order:
                loss = min(kinds[kind][1], left)
                left -= loss
                paid += kinds[kind][2](loss)
            found[round(holding - left, 6), round(paid, 6)] += likely * chance
    return found


def poisson(rate: float, most: int) -> list[float]:
    """Chances of 0 to ``most`` events."""
    return [math.exp(-rate) * rate**n / math.factorial(n) for n in range(most + 1)]


def quantile(law: Mapping[float, float], level: float) -> float:
    """Smallest value that is not exceeded with this probability."""
    reached = 0.0
    for value in sorted(law):
        reached += law[value]
        if reached >= level - 1e-12:
            return value
    return max(law)


def tail(law: Mapping[float, float], level: float) -> float:
    """Mean of the worst share 1 - level."""
    v = quantile(law, level)
    return v + math.fsum(p * max(x - v, 0.0) for x, p in law.items()) / (1.0 - level)
