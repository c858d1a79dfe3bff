# SPDX-License-Identifier: Apache-2.0
"""A line whose beliefs are integrated: a finite mixture of lines in which nothing is unknown.

Beliefs that only touch the counts share one law of the loss per event, so they cost a function of
its transform each and no transform of their own; many of them are compressed to a few.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.shared import Shared
from perilscope.engines.laws import jumps, quadrature
from perilscope.engines.laws.counts import Binomial, CountLaw, NegativeBinomial, Poisson
from perilscope.engines.laws.distributions import Constant, Distribution, Gamma, Scaled
from perilscope.engines.laws.floor import floored
from perilscope.once import cached_property

_FEW: dict[int, int] = {1: 6, 2: 8}
_COUNTED: dict[int, int] = {1: 40, 2: 64}
"""Nodes of a belief that moves counts alone where these are listed, which costs little."""
_CLOSE: dict[int, float] = {1: 1.7, 2: 2.2}
"""Nodes for the root of a range of rates: pi / (2 sqrt(1/2)) would put them one standard deviation
of the counts apart."""
_MOST_HUMPS = 256
_RARELY = 1e-6
"""Beyond such a probability a rate leaves no hump that is seen."""
_BY_WIDTH: tuple[tuple[float, dict[int, int]], ...] = ((2.0, {1: 16, 2: 22}), (1.0, {1: 9, 2: 13}))
"""Nodes of one belief by the logarithm of the ratio of sizes that it leaves open at 80 %."""
_HUGE = 1e30
_RARE = 1e-12
"""Probability of more events than are listed, at most."""
_MANY = 64
"""Beyond so many events the nodes of an unknown size no longer show."""


@dataclass(frozen=True)
class Part:
    """With probability ``weight`` the loss per event is ``severity``; then counts are a mixture."""

    weight: float
    severity: Distribution
    counts: tuple[tuple[float, CountLaw], ...]

    @cached_property
    def events(self) -> float:
        """Expected number of events, times the weight."""
        if len(self.counts) == 1:
            return self.weight * self.counts[0][0] * self.counts[0][1].mean
        return self.weight * math.fsum(w * counts.mean for w, counts in self.counts)

    @cached_property
    def most(self) -> float:
        """Most events that are expected, of any of the laws of counts."""
        return max([counts.mean for _, counts in self.counts])


def parts(line: Compound, *, driven: bool = False, effort: int = 2) -> tuple[Part, ...]:
    """A line over its horizon as a mixture of compound laws without beliefs.

    Parameters
    ----------
    line : Compound
        The line.
    driven : bool
        True for its law given that it has events (before a control thins them).
    effort : int
        2 for figures, 1 for the comparison that tells the error.

    Returns
    -------
    tuple of Part
        Weights add to one, and so do the weights of the counts inside each part.
    """
    found = _parts(line, driven=driven, effort=effort)
    return _given_some(found) if line.happens else found


def _given_some(mixed: Sequence[Part]) -> tuple[Part, ...]:
    """A mixture given an event: what is not known weighs by how likely it makes one."""
    some = [[w * (1.0 - law.zero) for w, law in part.counts] for part in mixed]
    likely = [part.weight * math.fsum(each) for part, each in zip(mixed, some, strict=True)]
    total = math.fsum(likely)
    found = []
    for part, weights, own in zip(mixed, some, likely, strict=True):
        if own > 0.0:
            whole = math.fsum(weights)
            laws = (law.given_some() for _, law in part.counts)
            counts = tuple((w / whole, law) for w, law in zip(weights, laws, strict=True))
            found.append(Part(own / total, part.severity, counts))
    return tuple(found)


def _parts(line: Compound, *, driven: bool, effort: int) -> tuple[Part, ...]:
    laws = (*line.beliefs, line.keep, line.scale)
    if line.certain:
        counts, severity = known(line, [x.mean for x in laws], line.years, driven=driven)
        return (Part(1.0, severity, ((1.0, counts),)),)
    touches = _touches(line)
    severe = [i for i, touched in enumerate(touches) if touched]
    alike = _one_size(line, laws, severe, driven=driven, effort=effort)
    if alike is not None:
        return alike
    rate = None if driven else _gamma_rate(line, laws, touches)
    outer = _outer(line, laws, touches, effort)
    free = [not touched and i != rate for i, touched in enumerate(touches)]
    middle = tuple(law.mean for law in laws)
    inner = quadrature.nodes(
        laws, effort=effort, free=free, one=_by_events(line, laws, middle, free, effort, driven)
    )
    if len(outer) * len(inner) > 4096:
        inner = quadrature.nodes(laws, effort=1, free=free)
    found: list[tuple[float, Distribution, list[tuple[float, CountLaw]]]] = []
    for weight, fixed in outer:
        for share, theta in inner:
            values = list(theta)
            for i in severe:
                values[i] = fixed[i]
            counts, severity = known(line, tuple(values), line.years, driven=driven)
            if rate is not None:
                counts = NegativeBinomial(_shape(laws[rate]), counts.mean)
            if found and found[-1][0] == weight and found[-1][1] == severity:
                found[-1][2].append((share, counts))
            else:
                found.append((weight, severity, [(share, counts)]))
    return tuple(Part(w, severity, _fewer(counts, effort)) for w, severity, counts in found)


def _gamma_rate(
    line: Compound, laws: Sequence[Distribution], touches: Sequence[bool]
) -> int | None:
    """Place of a gamma belief that the mean of Poisson counts is proportional to.

    Over such a belief the counts are negative binomial with its shape (Greenwood and Yule 1920),
    so it needs no nodes. Asked wherever the other beliefs may be.
    """
    for i, law in enumerate(line.beliefs):
        if touches[i] or certain(law) or _shape(law) <= 0.0:
            continue
        free = [k != i for k in range(len(laws))]
        values = (theta for _, theta in quadrature.nodes(laws, effort=-1, free=free))
        if all(_is_rate(line, theta[: len(line.beliefs)], i) for theta in values):
            return i
    return None


def _is_rate(line: Compound, theta: tuple[float, ...], i: int) -> bool:
    whole = line.build(theta, line.years)[0]
    for factor in (0.25, 3.0):
        moved = line.build((*theta[:i], factor * theta[i], *theta[i + 1 :]), line.years)[0]
        if not (isinstance(whole, Poisson) and isinstance(moved, Poisson)):
            return False
        if not math.isclose(moved.mean, factor * whole.mean, rel_tol=1e-12):
            return False
    return True


def _shape(law: Distribution) -> float:
    """Shape of a gamma law; zero of any other."""
    if isinstance(law, Scaled | Shared):
        return _shape(law.of)
    return float(law.shape) if isinstance(law, Gamma) else 0.0


def _one_size(
    line: Compound, laws: tuple[Distribution, ...], severe: list[int], *, driven: bool, effort: int
) -> tuple[Part, ...] | None:
    """A line all of whose events cost the same unknown sum: the total is n times that sum.

    Nodes of the belief would turn its law into a stair. Given the number of events n the total is
    exactly n X, so the line is a mixture over n of one event of size n X.

    Returns None where the line is not of this kind, or has too many events for it to matter.
    """
    if len(severe) != 1 or jumps.atoms(laws[severe[0]]) is not None:
        return None
    at, belief = severe[0], laws[severe[0]]
    middle = [law.mean for law in laws]
    probes = [float(belief.ppf(u)) for u in (0.1, 0.5, 0.9)]
    seen = [
        known(line, (*middle[:at], x, *middle[at + 1 :]), line.years, driven=driven) for x in probes
    ]
    sizes = [jumps.atoms(severity) for _, severity in seen]
    if any(size is None or len(size) != 1 for size in sizes) or seen[0][0] != seen[2][0]:
        return None
    rates = [
        size[0][0] / x if size and x > 0.0 else math.nan
        for size, x in zip(sizes, probes, strict=True)
    ]
    if not all(abs(rate - rates[0]) <= 1e-12 * rates[0] for rate in rates):
        return None
    free = [i != at for i in range(len(laws))]
    counts = [
        (weight, known(line, theta, line.years, driven=driven)[0])
        for weight, theta in quadrature.nodes(laws, effort=effort, free=free, one=_COUNTED[effort])
    ]
    size = 4 * _MANY
    beyond = (w for w, law in counts if law.mean + 12.0 * math.sqrt(law.variance) > size)
    if math.fsum(beyond) > _RARE:
        return None
    circle = np.exp(-2j * np.pi * np.arange(size) / size)
    generating = sum(weight * law.pgf(circle) for weight, law in counts)
    chances = np.fft.ifft(generating).real.tolist()
    if math.fsum(chances[_MANY:]) > _RARE:
        return None
    found = [Part(chances[0], Constant(0.0), ((1.0, Binomial(1, 0.0)),))]
    for n, chance in enumerate(chances[1:_MANY], start=1):
        if chance > 1e-15:
            found.append(Part(chance, Scaled(belief, rates[0] * n), ((1.0, Binomial(1, 1.0)),)))
    return tuple(found)


def known(
    line: Compound, values: Sequence[float], years: float, *, driven: bool = False
) -> tuple[CountLaw, Distribution]:
    """Counts and loss per event once every belief has a value (keep and scale stand last)."""
    *theta, keep, scale = values
    counts, severity = line.build(tuple(theta), years)
    if driven:
        counts = counts.given_some()
    if keep != 1.0:
        counts = counts.thin(keep)
    if scale != 1.0:
        severity = Scaled(severity, scale) if scale > 0.0 else Constant(0.0)
    return counts, floored(severity)


def certain(law: Distribution) -> bool:
    """Whether a law has a single value."""
    low, high = law.support
    return low == high


def _touches(line: Compound) -> list[bool]:
    """For each belief, then keep, then scale: does it change the loss per event?"""
    middle = [law.mean for law in line.beliefs]
    reference = line.build(tuple(middle), line.years)[1] if middle else None
    found = []
    for i, law in enumerate(line.beliefs):
        ends = [] if certain(law) else quadrature.nodes([law], effort=1)
        moved = (line.build((*middle[:i], x, *middle[i + 1 :]), line.years)[1] for _, (x,) in ends)
        found.append(any(severity != reference for severity in moved))
    return [*found, False, not certain(line.scale)]


def _outer(
    line: Compound, laws: tuple[Distribution, ...], touches: list[bool], effort: int
) -> tuple[quadrature.Weighted, ...]:
    if not any(touches):
        return ((1.0, tuple(law.mean for law in laws)),)
    severity = line.build(tuple(law.mean for law in line.beliefs), line.years)[1]
    # a loss that is a few atoms leaves a stair at each node: many nodes, which are cheap there
    stairs = jumps.atoms(severity) is not None and effort == 2
    if stairs:
        return quadrature.nodes(laws, effort=3, free=touches)
    return quadrature.nodes(laws, effort=effort, free=touches, one=_wide(line, touches, effort))


def _wide(line: Compound, touches: list[bool], effort: int) -> int:
    """Nodes for one belief that moves the size of losses over a wide range; else none said.

    Far in the tail of what is not known a node has few neighbours: then its law shows.
    """
    moves = [i for i, touched in enumerate(touches[:-2]) if touched]
    if len(moves) != 1 or touches[-1]:
        return 0
    middle, (at,) = [law.mean for law in line.beliefs], moves
    ends = (float(line.beliefs[at].ppf(u)) for u in (0.1, 0.9))
    built = (line.build((*middle[:at], x, *middle[at + 1 :]), line.years)[1] for x in ends)
    low, high = (float(severity.lev(_HUGE)) for severity in built)
    apart = abs(math.log(high / low)) if low > 0.0 and high > 0.0 else math.inf
    return next((few[effort] for least, few in _BY_WIDTH if apart >= least), 0)


def _by_events(
    line: Compound,
    laws: Sequence[Distribution],
    middle: tuple[float, ...],
    free: Sequence[bool],
    effort: int,
    driven: bool,
) -> int:
    """Nodes of one belief that moves counts alone, where events are many; else none said.

    Each node is a hump of its own, narrower the more events there are. Humps run together where
    they stand no farther apart than they are wide.
    """
    moves = [i for i, law in enumerate(laws) if free[i] and not certain(law)]
    if len(moves) != 1:
        return 0
    at = moves[0]
    ends = [float(laws[at].ppf(u)) for u in (_RARELY, 1.0 - _RARELY)]
    rates = [
        known(line, (*middle[:at], x, *middle[at + 1 :]), line.years, driven=driven)[0].mean
        for x in ends
    ]
    few = _humps(abs(rates[1] - rates[0]), effort)
    return few if few > _FEW.get(effort, few) else 0


def _humps(apart: float, effort: int) -> int:
    """Nodes over a range of rates, so that a Poisson law of its middle is as wide as their gaps.

    Gauss nodes of a range D stand about pi D / 2n apart in its middle, where counts have the
    standard deviation sqrt(D / 2).
    """
    return min(math.ceil(_CLOSE[effort] * math.sqrt(apart)), _MOST_HUMPS) if effort in _CLOSE else 0


def _fewer(counts: list[tuple[float, CountLaw]], effort: int) -> tuple[tuple[float, CountLaw], ...]:
    """The same mixture of counts with fewer members, where its kind is known."""
    weights = [w for w, _ in counts]
    kinds = {type(law) for _, law in counts}
    if kinds == {Binomial} and all(law.n == 1 for _, law in counts if isinstance(law, Binomial)):
        total = sum(weights)
        mean = sum(w * law.mean for w, law in counts) / total
        return ((total, Binomial(1, min(mean, 1.0))),)
    if kinds == {Poisson} and len(counts) > 1:
        rates = [law.mean for _, law in counts]
        likely = [rate for rate, weight in zip(rates, weights, strict=True) if weight > _RARELY]
        apart = max(likely) - min(likely) if likely else 0.0
        most = max(_FEW[effort], _humps(apart, effort))
        means, mass = quadrature.compress(rates, weights, _enough(rates, most))
        return tuple(
            (float(w), Poisson(max(float(m), 0.0))) for m, w in zip(means, mass, strict=True)
        )
    return tuple(counts)


def _enough(rates: Sequence[float], most: int) -> int:
    """Nodes for which the mixture of exp(rate (z - 1)), |z| <= 1, is exact to 1e-13.

    The remainder of n Gauss nodes over a range D of rates is about 2 (D / 2)^2n / (2n)!.
    """
    half = (max(rates) - min(rates)) / 2.0
    if not half > 0.0:
        return 1
    for n in range(1, most):
        if math.log(2.0) + 2 * n * math.log(half) - math.lgamma(2 * n + 1) < math.log(1e-13):
            return n
    return most
