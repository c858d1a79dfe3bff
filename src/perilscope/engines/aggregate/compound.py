# SPDX-License-Identifier: Apache-2.0
"""One line of loss: a law of counts, a law of the loss per event, and what is not known of both.

A line is written down once and evaluated by two independent engines, the exact one
(`perilscope.engines.aggregate.register`) and the simulation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from perilscope.engines.aggregate import shared
from perilscope.engines.aggregate.cover_layers import Counted
from perilscope.engines.aggregate.shared import Shared
from perilscope.engines.kept import Kept
from perilscope.engines.laws import quadrature
from perilscope.engines.laws.counts import CountLaw
from perilscope.engines.laws.distributions import Constant, Distribution
from perilscope.engines.laws.factor_values import Demand, Values
from perilscope.engines.laws.floor import floored
from perilscope.once import cached_property

Build = Callable[[tuple[float, ...], float], tuple[CountLaw, Distribution]]
"""(beliefs' values, years) -> counts in that period, loss per event."""

Drives = Mapping[str, float]
"""What a joint state says: by key of a line whether it has events (0 or 1); by name of a shared
belief its value."""
Mixture = tuple[tuple[float, Drives], ...]
"""Joint states of what is driven together, with their probabilities."""


_ALL = Constant(1.0)
_GAUSS, _BENT = 8, Demand(16.0, 0.0)
"""Gauss nodes of one belief, and values of a factor with which the mean bends."""


@dataclass(frozen=True)
class Compound:
    """The total of one kind of loss over a horizon: X_1 + ... + X_N.

    Parameters
    ----------
    key : str
        Stable name; results and random streams go by it.
    build : callable
        ``build(theta, years)`` gives the law of the number of events in a period of that many
        years and the law of the loss per event, given the values ``theta`` of the beliefs.
    beliefs : tuple of Distribution
        Independent; each has one value for the whole horizon. Private to the line, but for those
        with a name (`aggregate.shared.Shared`), whose value other lines have too.
    years : float
        The horizon.
    keep : Distribution
        Share of the events that survive a control (one value for the horizon).
    scale : Distribution
        Share of each loss that survives a control (one value for the horizon).
    group : str
        Name of a holding shared with other lines, which may be capped; ``""`` for none.
    counted : Counted, optional
        What counts of each event, where the holding is capped; all that it costs if absent.
    happens : bool
        Whether the law is the one given that there is an event: for the exact law of a year, of a
        line that shares nothing.

    Examples
    --------
    >>> from perilscope.engines.laws.counts import Poisson
    >>> line = Compound("theft", lambda theta, years: (Poisson(0.5 * years), Constant(500_000.0)))
    >>> mean, sd = line.moments()
    >>> round(mean), round(sd, 1)
    (250000, 353553.4)
    """

    key: str
    build: Build
    beliefs: tuple[Distribution, ...] = ()
    years: float = 1.0
    keep: Distribution = _ALL
    scale: Distribution = _ALL
    group: str = ""
    counted: Counted | None = None
    happens: bool = False

    @cached_property
    def certain(self) -> bool:
        """Whether every belief, and both shares that survive a control, have a single value."""
        shares = [x for x in (self.keep, self.scale) if x is not _ALL]
        return all(low == high for low, high in (x.support for x in (*self.beliefs, *shares)))

    @property
    def unknown(self) -> tuple[Distribution, ...]:
        """All that is not known of the line: its beliefs, and the shares that a control leaves."""
        return (*self.beliefs, self.keep, self.scale)

    def given(self, values: shared.Values) -> Compound:
        """The line where shared beliefs have these values; itself where it has none of them.

        Asked twice it is the same object, so that what was computed for it is found again.
        """
        if not self.beliefs:
            return self
        known = {
            i: values[belief.name]
            for i, belief in enumerate(self.beliefs)
            if isinstance(belief, Shared) and belief.name in values
        }
        if not known:
            return self
        key = (id(self), tuple(known.items()))
        return _GIVEN.get(key, lambda: (self, fixed(self, known)))[1]

    def moments(self) -> tuple[float, float]:
        """Mean and standard deviation over the horizon, before any cap on a shared holding.

        Returns
        -------
        tuple of float
            (mean, sd) in money; infinite where the loss per event has none.

        Notes
        -----
        Given the beliefs E S = E N E X and E S² = E N E X² + E N(N-1) (E X)² (Klugman, Panjer
        and Willmot, Loss Models, 4th ed., eq. 9.9); the shares that survive a control enter with
        their own first two moments, the other beliefs by Gauss nodes and the law of total
        variance. No grid is involved.
        """
        return moments(self, driven=False)

    @property
    def expected(self) -> float:
        """Expected number of events over the horizon, before a control."""
        nodes = quadrature.nodes(self.beliefs, effort=0)
        return math.fsum(w * self.build(theta, self.years)[0].mean for w, theta in nodes)

    @property
    def some(self) -> float:
        """Probability of an event over the horizon, of those that a control leaves."""
        laws = (*self.beliefs, self.keep)
        return math.fsum(
            weight * (1.0 - self.build(theta[:-1], self.years)[0].thin(theta[-1]).zero)
            for weight, theta in quadrature.nodes(laws, effort=2)
        )


_GIVEN: Kept[tuple[Compound, Compound]] = Kept(2**14)


def fixed(line: Compound, known: Mapping[int, float]) -> Compound:
    """A line with some of its beliefs, by place, at fixed values."""
    free = [i for i in range(len(line.beliefs)) if i not in known]

    def build(theta: tuple[float, ...], years: float) -> tuple[CountLaw, Distribution]:
        loose = dict(zip(free, theta, strict=True))
        return line.build(
            tuple(known[i] if i in known else loose[i] for i in range(len(line.beliefs))), years
        )

    return replace(line, build=build, beliefs=tuple(line.beliefs[i] for i in free))


def moments(line: Compound, *, driven: bool) -> tuple[float, float]:
    """Mean and standard deviation of a line; given that it has events, where it is driven."""
    terms = []
    for weight, theta in _nodes(line):
        counts, loss = line.build(theta, line.years)
        counts = counts.given_some() if driven else counts
        given = _given(counts, floored(loss), line.keep, line.scale)
        terms.append((weight, *given))
    mean = math.fsum(w * m for w, m, _ in terms)
    if not math.isfinite(mean):
        return math.inf, math.inf
    if any(math.isinf(v) for _, _, v in terms):  # weights may be below zero
        return mean / (line.some if line.happens else 1.0), math.inf
    within = math.fsum(w * v for w, _, v in terms)
    between = math.fsum(w * (m - mean) ** 2 for w, m, _ in terms)
    if not line.happens:
        return mean, math.sqrt(max(within + between, 0.0))
    # all of the loss lies where there is an event
    some = line.some
    return mean / some, math.sqrt((within + between + mean**2 * (1.0 - 1.0 / some)) / some)


def _nodes(line: Compound) -> Sequence[tuple[float, tuple[float, ...]]]:
    """Weighted values of the beliefs of a line.

    Gauss nodes; of one factor more where the mean bends with it, as it does at a cap.
    """
    found = quadrature.nodes(line.beliefs, effort=2)
    if len(line.beliefs) != 1 or len(found) < _GAUSS or line.beliefs[0].support[0] < 0.0:
        return found
    (belief,) = line.beliefs
    if not isinstance(belief, Shared) or not belief.chance:
        return found
    more = quadrature.nodes(line.beliefs, effort=2, one=2 * _GAUSS)
    one, other = (math.fsum(w * _mean(line, x) for w, x in each) for each in (found, more))
    if one == other or math.isclose(one, other, rel_tol=1e-10):
        return found
    values = Values(belief.of, _BENT)
    pairs = zip(values.chances.tolist(), values.at.tolist(), strict=True)
    return [(weight, (value,)) for weight, value in pairs]


def _mean(line: Compound, theta: tuple[float, ...]) -> float:
    counts, loss = line.build(theta, line.years)
    return counts.mean * loss.mean if counts.mean > 0.0 else 0.0


def given(counts: CountLaw, loss: Distribution) -> tuple[float, float]:
    """Mean and variance of the total of so many losses."""
    events, each = counts.mean, loss.mean
    if events == 0.0 or each == 0.0:
        return 0.0, 0.0
    if not math.isfinite(events * each):
        return math.inf, math.inf
    # exactly zero for a Poisson law; the other part is never negative
    apart = counts.second_factorial - events**2
    return events * each, events * loss.second + apart * each**2


def _given(
    counts: CountLaw, loss: Distribution, keep: Distribution, scale: Distribution
) -> tuple[float, float]:
    """Mean and variance of the total given the beliefs; the control's two shares integrated."""
    events, pairs = counts.mean, counts.second_factorial
    share, share2, size, size2 = keep.mean, keep.second, scale.mean, scale.second
    each = loss.mean
    if events == 0.0 or share == 0.0 or size == 0.0 or each == 0.0:
        return 0.0, 0.0
    mean = events * share * each * size
    if not math.isfinite(mean):
        return math.inf, math.inf
    # pairs - events² is exactly zero for a Poisson law; the other part is never negative
    control = share2 * size2 - (share * size) ** 2
    spread = (pairs - events**2) * share2 * size2 + events**2 * control
    return mean, events * share * size2 * loss.second + spread * each**2
