# SPDX-License-Identifier: Apache-2.0
"""The probability that a condition holds now, given alerts and silences of live detectors.

The condition comes and goes as a two-state Markov chain; each detector alerts as a Poisson process
whose rate depends on it. Between alerts dp/dt = q (1 - p) - r p - (l1 - l0) p (1 - p), at an alert
p becomes l1 p / (l1 p + l0 (1 - p)): the exact filter of a Markov-modulated Poisson process, found
by exponentials of 2 x 2 matrices and not by small steps. Silence is evidence as long as a detector
is known to live; when it is not, both its rates are zero and no news is no news.

What was said once (a report, a listing) is a likelihood at its moment and fades only as the
condition itself changes. What is shown as on or off counts once, as long as it is shown.

Source: Yashin (1970) and Rudemo (1972) on filters of point processes; Elliott, Aggoun and Moore,
*Hidden Markov Models* (1995), chapter 8.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from perilscope.errors import AssessmentError, MisuseError

Pair = tuple[float, float]
Kind = Literal["alert", "alive", "likelihood", "on", "off"]


@dataclass(frozen=True)
class Condition:
    """Something that is so or not, and how it comes and goes.

    Parameters
    ----------
    onset, clears : float
        Rates per day at which it begins where it is not, and ends where it is.

    Examples
    --------
    >>> round(Condition(0.02, 0.5).usual, 9)
    0.038461538
    """

    onset: float
    clears: float

    def __post_init__(self) -> None:
        rates = (self.onset, self.clears)
        if not all(math.isfinite(x) and x >= 0.0 for x in rates) or sum(rates) == 0.0:
            raise MisuseError("rates of a condition must be finite, not negative and not both zero")

    @property
    def usual(self) -> float:
        """Share of the time in which it holds, in the long run."""
        return self.onset / (self.onset + self.clears)


@dataclass(frozen=True)
class Detector:
    """Something that watches a condition.

    Parameters
    ----------
    when_true, when_false : float
        Alerts a day while the condition holds, and while it does not. Of what shows a state: the
        probabilities that it shows on (sensitivity, false-positive rate).
    heartbeat : float
        Days after a sign of life (an alert or a heartbeat) in which silence counts; infinite where
        it is known to live all the time.
    cap : float
        Most by which it may multiply or divide the odds of the condition.
    correlation : float
        0 where alerts are independent given the condition; up to 1, where more alerts within a
        ``burst`` say no more than one. Each of n alerts counts with the exponent
        1 / (1 + (n - 1) correlation).
    burst : float
        Days within which alerts belong together.
    """

    when_true: float
    when_false: float
    heartbeat: float = math.inf
    cap: float = math.inf
    correlation: float = 0.0
    burst: float = 0.0

    def __post_init__(self) -> None:
        rates = (self.when_true, self.when_false)
        if not all(math.isfinite(x) and x >= 0.0 for x in rates):
            raise MisuseError("a detector's rates must be finite and not negative")
        if not (self.heartbeat > 0.0 and self.cap >= 1.0 and self.burst >= 0.0):
            raise MisuseError(
                "a detector's heartbeat must be above 0, its cap at least 1, no burst < 0"
            )
        if not 0.0 <= self.correlation <= 1.0:
            raise MisuseError("a correlation of alerts must lie between 0 and 1")


@dataclass(frozen=True)
class Sign:
    """One sign of a detector, or one finding.

    Parameters
    ----------
    at : float
        Day.
    source : str
        The detector; of a finding whoever says so.
    kind : str
        ``alert``; ``alive`` (a heartbeat); ``on`` or ``off`` of what shows a state;
        ``likelihood`` of what is said once.
    likelihood : (float, float)
        Of a finding: how probable it is where the condition does not hold, and where it does.
    until : float
        The day on which it expires and is as if it had never been.
    """

    at: float
    source: str
    kind: Kind = "alert"
    likelihood: Pair = (1.0, 1.0)
    until: float = math.inf


@dataclass(frozen=True)
class Reading:
    """What a filter knows on a day.

    Parameters
    ----------
    probability : float
        That the condition holds.
    without : float
        The same if nothing had been observed, neither alert nor silence.
    by_source : dict
        Factor on the odds by which each source moved it, after its cap.
    """

    probability: float
    without: float
    by_source: dict[str, float] = field(default_factory=dict)

    @property
    def likelihood(self) -> Pair:
        """What the observations say by themselves, the larger one 1: for a node of a network."""
        p, q = self.probability, self.without
        no, yes = (1.0 - p) / (1.0 - q) if q < 1.0 else 0.0, p / q if q > 0.0 else 0.0
        top = max(no, yes)
        return no / top, yes / top


def reading(
    condition: Condition,
    detectors: Mapping[str, Detector],
    signs: Sequence[Sign],
    *,
    start: float,
    now: float,
    prior: float | None = None,
) -> Reading:
    """Filter all signs up to now.

    Parameters
    ----------
    condition : Condition
    detectors : mapping of Detector
        By name; a sign of a source that is none is a finding.
    signs : sequence of Sign
        In any order; those after ``now``, before ``start`` or expired do not count.
    start, now : float
        Days from which, and until which, the detectors are watched.
    prior : float, optional
        Probability at the start; that of the long run by default.

    Raises
    ------
    MisuseError
        A sign that fits its source badly; times that run backwards.
    AssessmentError
        Signs that cannot happen (an alert of a detector that never alerts).

    Examples
    --------
    Four alerts within a day and a half, then silence of a detector that lives:

    >>> alerts = [Sign(t, "watch") for t in (1.0, 1.1, 1.3, 1.35)]
    >>> watch = {"watch": Detector(when_true=4.0, when_false=0.2)}
    >>> found = reading(Condition(0.02, 0.5), watch, alerts, start=0.0, now=3.0)
    >>> round(found.probability, 6)
    0.01141
    """
    if not start <= now:
        raise MisuseError(f"the filter runs from {start} to {now}: backwards")
    kept = [s for s in signs if start <= s.at <= now < s.until]
    for sign in kept:
        _check(sign, detectors)
    first = condition.usual if prior is None else prior
    task = _Task(condition, dict(detectors), tuple(sorted(kept, key=_when)), start, now, first)
    free = task.run(frozenset())
    sources = sorted({s.source for s in kept} | set(detectors))
    moved = _capped(task, sources)
    return Reading(moved[0], free, moved[1])


def _when(sign: Sign) -> tuple[float, str, str]:
    return sign.at, sign.source, sign.kind


def _check(sign: Sign, detectors: Mapping[str, Detector]) -> None:
    if sign.kind in ("alert", "alive", "on", "off") and sign.source not in detectors:
        raise MisuseError(f"no detector is called {sign.source!r}")
    if sign.kind in ("on", "off"):
        own = detectors[sign.source]
        if own.when_true > 1.0 or own.when_false > 1.0:
            raise MisuseError(f"{sign.source} shows a state, so its rates are probabilities")
    if sign.kind == "likelihood":
        no, yes = sign.likelihood
        if not (no >= 0.0 and yes >= 0.0 and no + yes > 0.0 and math.isfinite(no + yes)):
            raise MisuseError(
                f"{sign.source}: a likelihood must not be negative and must be above zero somewhere"
            )


@dataclass(frozen=True)
class _Task:
    condition: Condition
    detectors: dict[str, Detector]
    signs: tuple[Sign, ...]
    start: float
    now: float
    prior: float

    def run(self, sources: frozenset[str]) -> float:
        """The probability now when only some sources are listened to."""
        signs = [s for s in self.signs if s.source in sources]
        shown = {s.source for s in signs if s.kind in ("on", "off")}
        live = {n: d for n, d in self.detectors.items() if n in sources and n not in shown}
        quiet = {name: list(_lives(signs, name, d, self.start)) for name, d in live.items()}
        weights = {name: list(_weights(signs, name, d)) for name, d in live.items()}
        state = (1.0 - self.prior, self.prior)
        at = self.start
        for moment in self._moments(signs, quiet):
            rates = self._rates(live, quiet, at, moment)
            state = _step(state, moment - at, self.condition, rates)
            at = moment
            for sign in signs:
                if sign.at == moment:
                    state = _met(state, sign, live, weights)
        for name in sorted(shown):
            state = self._showing(state, name, signs)
        return state[1]

    def _moments(self, signs: Sequence[Sign], quiet: Mapping[str, list[Pair]]) -> list[float]:
        ends = [t for spans in quiet.values() for span in spans for t in span]
        # a sign of life, or a state that is shown again, is no moment of its own
        met = (s.at for s in signs if s.kind in ("alert", "likelihood"))
        times = {*met, *(t for t in ends if self.start < t < self.now), self.now}
        return sorted(times)

    def _rates(
        self, live: Mapping[str, Detector], quiet: Mapping[str, list[Pair]], a: float, b: float
    ) -> Pair:
        """Alert rates, where the condition does not hold and where it does, of all that live."""
        middle = 0.5 * (a + b)
        on = [n for n, spans in quiet.items() if any(x <= middle < y for x, y in spans)]
        return (
            math.fsum(live[n].when_false for n in on),
            math.fsum(live[n].when_true for n in on),
        )

    def _showing(self, state: Pair, name: str, signs: Sequence[Sign]) -> Pair:
        """What shows a state now, as long as it is fresh."""
        last = max((s for s in signs if s.source == name and s.kind != "likelihood"), key=_when)
        own = self.detectors[name]
        if self.now - last.at > own.heartbeat:
            return state
        showing = max((s for s in signs if s.source == name and s.kind in ("on", "off")), key=_when)
        yes, no = own.when_true, own.when_false
        met = (no, yes) if showing.kind == "on" else (1.0 - no, 1.0 - yes)
        return _weighed(state, met, name)


def _lives(signs: Sequence[Sign], name: str, detector: Detector, start: float) -> Iterator[Pair]:
    """Spans in which a detector is known to live."""
    if math.isinf(detector.heartbeat):
        yield start, math.inf
        return
    began, ends = start, start
    for at in [s.at for s in signs if s.source == name and s.kind in ("alert", "alive")]:
        if at > ends:
            if ends > began:
                yield began, ends
            began = at
        ends = max(ends, at + detector.heartbeat)
    if ends > began:
        yield began, ends


def _weights(signs: Sequence[Sign], name: str, detector: Detector) -> Iterator[float]:
    """The exponent with which each alert counts: less where many come in one burst."""
    times = [s.at for s in signs if s.source == name and s.kind == "alert"]
    burst: list[float] = []
    sizes: list[int] = []
    for at in times:
        if burst and at - burst[-1] > detector.burst:
            sizes += [len(burst)] * len(burst)
            burst = []
        burst.append(at)
    sizes += [len(burst)] * len(burst)
    for size in sizes:
        yield 1.0 / (1.0 + (size - 1) * detector.correlation)


def _met(
    state: Pair, sign: Sign, live: Mapping[str, Detector], weights: Mapping[str, list[float]]
) -> Pair:
    if sign.kind == "likelihood":
        return _weighed(state, sign.likelihood, sign.source)
    if sign.kind == "alert" and sign.source in live:
        own, weight = live[sign.source], weights[sign.source].pop(0)
        return _weighed(state, (own.when_false**weight, own.when_true**weight), sign.source)
    return state


def _weighed(state: Pair, likelihood: Pair, source: str) -> Pair:
    no, yes = state[0] * likelihood[0], state[1] * likelihood[1]
    total = no + yes
    if not total > 0.0:
        raise AssessmentError(f"what {source} says cannot happen: it has probability 0 either way")
    return no / total, yes / total


def _step(state: Pair, days: float, condition: Condition, rates: Pair) -> Pair:
    """State after some days without an alert: v exp(A t), A the generator less the alert rates.

    exp(A t) = exp(m t) (cosh(s t) I + sinh(s t) / s (A - m I)) with m half the trace and
    s^2 = ((a - d) / 2)^2 + b c, which is never negative; the common factor is left out.
    """
    if days <= 0.0:
        return state
    q, r = condition.onset, condition.clears
    a, d = -q - rates[0], -r - rates[1]
    half = 0.5 * (a - d)
    s = math.hypot(half, math.sqrt(q * r))
    decay = math.exp(-2.0 * s * days)
    cosh = 0.5 * (1.0 + decay)
    sinh = -0.5 * math.expm1(-2.0 * s * days) / s if s > 0.0 else days
    no = state[0] * (cosh + half * sinh) + state[1] * r * sinh
    yes = state[1] * (cosh - half * sinh) + state[0] * q * sinh
    no, yes = max(no, 0.0), max(yes, 0.0)
    return no / (no + yes), yes / (no + yes)


def _capped(task: _Task, sources: Sequence[str]) -> tuple[float, dict[str, float]]:
    """The probability with every source held to its cap, and what each did to the odds."""
    heard = frozenset(sources)
    found = task.run(heard)
    moved: dict[str, float] = {}
    for name in sources:
        apart = task.run(heard - {name})
        factor = _odds(found) / _odds(apart) if 0.0 < apart < 1.0 else 1.0
        cap = task.detectors[name].cap if name in task.detectors else math.inf
        held = min(max(factor, 1.0 / cap), cap)
        if held != factor:
            found = _chance(_odds(apart) * held)
        moved[name] = held
    return found, moved


def _odds(p: float) -> float:
    return p / (1.0 - p) if p < 1.0 else math.inf


def _chance(odds: float) -> float:
    return odds / (1.0 + odds) if math.isfinite(odds) else 1.0
