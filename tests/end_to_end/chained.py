# SPDX-License-Identifier: Apache-2.0
"""A network of a market and chains of three events below it, each of which costs a fixed sum."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence

Row = Callable[[int, int], float]
"""P(event i) given the market (of the first of three) or the event before."""


def nodes(count: int, row: Row) -> str:
    """The events as nodes of a book, below a node ``market``."""
    text = ""
    for i in range(count):
        above, names = (
            ("market", ("calm", "stressed")) if i % 3 == 0 else (f"v{i - 1}", ("no", "yes"))
        )
        rows = ", ".join(
            f"{n}: [{1 - row(i, k):.9g}, {row(i, k):.9g}]" for k, n in enumerate(names)
        )
        text += f"      v{i}: {{parents: [{above}], table: {{{rows}}}}}\n"
    return text


def scenarios(sizes: Sequence[int]) -> str:
    """One scenario for each event, with what it costs."""
    return "".join(
        f"  s{i}: {{asset: desk, frequency: from net.v{i}, counts: at most one a year, "
        f"magnitude: {size}}}\n"
        for i, size in enumerate(sizes)
    )


def states(count: int, row: Row) -> Iterator[tuple[float, int, tuple[int, ...]]]:
    """Every joint state by itself: its probability, whether the market is stressed, the events."""
    for market in (0, 1):
        for hits in itertools.product((0, 1), repeat=count):
            p = (0.85, 0.15)[market]
            for i, hit in enumerate(hits):
                yes = row(i, market if i % 3 == 0 else hits[i - 1])
                p *= yes if hit else 1.0 - yes
            yield p, market, hits
