# SPDX-License-Identifier: Apache-2.0
"""A line that nothing drives, as it is before any grid is chosen: asked once, used everywhere."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.expansion import Part, parts
from perilscope.engines.aggregate.structure import MANY
from perilscope.engines.laws.counts import Poisson
from perilscope.engines.laws.distributions import Distribution
from perilscope.engines.laws.jumps import unbroken


class Known(NamedTuple):
    """A line as a mixture without beliefs.

    With the mean of its counts and the law of its loss per event where counts are Poisson, else
    without; the probability that it loses nothing; whether it may have very many events; whether
    nothing about it is a belief.
    """

    line: Compound
    parts: tuple[Part, ...]
    mean: float
    law: Distribution | None
    none: float
    many: bool
    certain: bool


def known_of(line: Compound, effort: int) -> Known:
    """What is known of a line; ``effort`` as of `perilscope.engines.aggregate.expansion.parts`."""
    mixed = parts(line, effort=effort)
    only = mixed[0].counts[0][1]
    poisson = len(mixed) == 1 and len(mixed[0].counts) == 1 and isinstance(only, Poisson)
    mean, law = (only.mean, mixed[0].severity) if poisson else (0.0, None)
    return Known(line, mixed, mean, law, zero(mixed), only.mean >= MANY, line.certain)


def zero(mixed: Sequence[Part]) -> float:
    """Probability that a line without beliefs loses nothing."""
    terms = []
    for part in mixed:
        law = part.severity
        free = 0.0 if unbroken(law) or law.support[0] > 0.0 else float(law.cdf(0.0))
        for weight, counts in part.counts:
            none = counts.zero if free == 0.0 else float(counts.pgf(free))
            terms.append(part.weight * weight * none)
    return math.fsum(terms)
