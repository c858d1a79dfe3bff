# SPDX-License-Identifier: Apache-2.0
"""Scenarios that are taken to happen: of a condition, what no network says.

Given an event a line weighs what is not known about it by how likely it makes one; the other lines
stay as they are, because only lines that share nothing are conditioned.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from perilscope.book import Book
from perilscope.cycle.questions.reading import Reading
from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.shared import Shared
from perilscope.errors import MisuseError
from perilscope.layers import frequency

HAPPENS = "happens"


def parted(book: Book, on: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Conditions on nodes of networks, and the scenarios that are taken to happen.

    Parameters
    ----------
    book : Book
    on : sequence of str
        ``NODE=STATE``, ``SCENARIO=happens``, or ``SCENARIO``.
    """
    nodes, scenarios = [], []
    for text in on:
        name, _, state = (part.strip() for part in text.partition("="))
        if name in book.scenarios and state in ("", HAPPENS):
            scenarios.append(name)
        else:
            nodes.append(text)
    return tuple(nodes), tuple(dict.fromkeys(scenarios))


def likely(reading: Reading, scenarios: Sequence[str]) -> float:
    """Probability that all of some scenarios happen over the horizon.

    Raises
    ------
    MisuseError
        One hangs together with others, is not assessed, or cannot happen.
    """
    return math.prod(_line(reading, key).some for key in scenarios)


def happening(reading: Reading, scenarios: Sequence[str]) -> Reading:
    """The same reading given that some scenarios have an event.

    Raises
    ------
    MisuseError
        As :func:`likely` does.
    """
    if not scenarios:
        return reading
    given = {key: replace(_line(reading, key), happens=True) for key in scenarios}
    return replace(reading, joined=replace(reading.joined, lines={**reading.joined.lines, **given}))


def _line(reading: Reading, key: str) -> Compound:
    """The line of a scenario that shares nothing with others."""
    line = reading.joined.lines.get(key)
    if line is None:
        raise MisuseError(f"--on {key}: it could not be assessed: see the notes of the run")
    asked = frequency.drivers_of(reading.book.scenarios[key])
    if asked:
        node = f"{asked[0].network}.{asked[0].node}"
        raise MisuseError(
            f"--on {key}: whether it happens a network says: take a state of that, like "
            f"--on {node}={asked[0].state}"
        )
    shared = [belief.name for belief in line.beliefs if isinstance(belief, Shared)]
    if shared:
        raise MisuseError(
            f"--on {key}: it hangs together with others through {shared[0]}, which its happening "
            "would change: only scenarios that share nothing can be taken to happen"
        )
    if line.group in reading.joined.caps and line.years > 1.0:
        raise MisuseError(
            f"--on {key}: {line.group} caps it in each year of the horizon: ask for one year"
        )
    if not line.some > 0.0:
        raise MisuseError(f"--on {key}: it cannot happen under what is known: nothing to read")
    return line
