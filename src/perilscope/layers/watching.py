# SPDX-License-Identifier: Apache-2.0
"""Alerts and silences -> what they say of a node, as a likelihood that its network takes in.

The likelihood is that of the observations alone: the filter's figure over what the same filter
says without its observations, so that the network's own prior is weighed and not overwritten.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import numpy as np

from perilscope.beliefs.law import point
from perilscope.book import Book, Watch
from perilscope.book.watch import Detector as Declared
from perilscope.engines.networks.alertfilter import Condition, Detector, Reading, Sign, reading
from perilscope.engines.networks.network import Network, Node
from perilscope.errors import AssessmentError, MisuseError
from perilscope.evidence.alerts import Alert
from perilscope.layers.networks import STATE_NOW, Driver

DAYS = 365.25
USUAL_START = 30
"""Days before the as-of date from which a condition is watched where the book does not say."""


@dataclass(frozen=True)
class Watched:
    """What is known of one watched condition.

    Parameters
    ----------
    id, network, node, state : str
        The watch, and the state of the node that is its condition.
    reading : Reading
        What the filter says at the end of the as-of date.
    signs : int
        Signs that count.
    """

    id: str
    network: str
    node: str
    state: str
    reading: Reading
    signs: int

    @property
    def sentence(self) -> str:
        """What moved it, for people."""
        p, q = self.reading.probability, self.reading.without
        moved = [
            f"{name} ×{factor:.3g}"
            for name, factor in self.reading.by_source.items()
            if abs(math.log(factor)) > 0.005
        ]
        return (
            f"{self.network}.{self.node}={self.state}: {self.signs} signs make it {100 * p:.3g} % "
            f"by themselves, {100 * q:.3g} % without them"
            + (f"; odds moved by {', '.join(moved)}" if moved else "")
        )


def watched(book: Book, alerts: Sequence[Alert]) -> tuple[Watched, ...]:
    """Filter the log for every watch of a book, up to the end of its as-of date.

    Raises
    ------
    MisuseError
        A sign of a watch or a detector that the book does not declare, or that does not fit it; a
        watched node that is no `state now`.
    AssessmentError
        Signs that cannot happen.
    """
    for alert in alerts:
        if alert.watch not in book.watches:
            known = ", ".join(book.watches) or "none is declared"
            where = f"alerts, line {alert.line}"
            raise MisuseError(f"{where}: no watch {alert.watch!r}; there is {known}")
    return tuple(
        _watched(watch, book, [a for a in alerts if a.watch == key])
        for key, watch in book.watches.items()
    )


def _watched(watch: Watch, book: Book, alerts: Iterable[Alert]) -> Watched:
    network, node, state = watch.node
    if book.networks[network].nodes[node].means != STATE_NOW:
        raise MisuseError(
            f"watches.{watch.id}: {network}.{node} is an event of a period, and a filter tells "
            "what is so now: give the node `means: state now`"
        )
    now = _midnight(book.as_of + timedelta(days=1))
    start = _midnight(watch.since or book.as_of - timedelta(days=USUAL_START))
    kept = [a for a in alerts if a.revoked is None or a.revoked > now]
    signs = [_sign(a, start) for a in kept]
    condition = Condition(_per_day(watch.begins), _per_day(watch.ends))
    detectors = {key: _detector(each) for key, each in watch.detectors.items()}
    try:
        found = reading(condition, detectors, signs, start=0.0, now=_days(now, start))
    except (MisuseError, AssessmentError) as error:
        raise type(error)(f"watches.{watch.id}: {error}") from None
    counted = sum(0.0 <= s.at <= _days(now, start) < s.until for s in signs)
    return Watched(watch.id, network, node, state, found, counted)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)


def _days(at: datetime, start: datetime) -> float:
    return (at - start).total_seconds() / 86400.0


def _per_day(rate: object) -> float:
    return point(rate) / DAYS  # type: ignore[arg-type]


def _sign(alert: Alert, start: datetime) -> Sign:
    finding = alert.kind == "finding"
    return Sign(
        at=_days(alert.at, start),
        source=alert.source,
        kind="likelihood" if alert.kind == "finding" else alert.kind,
        likelihood=(alert.when_false, alert.when_true) if finding else (1.0, 1.0),
        until=math.inf if alert.until is None else _days(alert.until, start),
    )


def _detector(declared: Declared) -> Detector:
    def days(value: object) -> float:
        return float(value.hours) / 24.0  # type: ignore[attr-defined]

    shows, alerts = declared.shows, declared.alerts
    if shows is not None:
        yes, no = point(shows.when_true), point(shows.when_false)
    else:
        assert alerts is not None
        yes, no = _per_day(alerts.when_true), _per_day(alerts.when_false)
    return Detector(
        when_true=yes,
        when_false=no,
        heartbeat=math.inf if declared.heartbeat is None else days(declared.heartbeat),
        cap=math.inf if declared.at_most is None else point(declared.at_most),
        correlation=0.0 if declared.alike is None else point(declared.alike),
        burst=0.0 if declared.burst is None else days(declared.burst),
    )


def with_signs(driver: Driver, found: Iterable[Watched]) -> Driver:
    """The network with what was watched as a node of its own below each condition, observed.

    Its table is the likelihood of the signs; so everything that is asked of the network takes them
    in, and a reader sees them.
    """
    nodes, seen, conditions = list(driver.network.nodes), {}, list(driver.conditions)
    for each in found:
        no, yes = each.reading.likelihood
        states = driver.states(each.node)
        chance = np.array([yes if state == each.state else no for state in states])
        name = f"signs of {each.node}"
        nodes.append(Node(name, ("no", "yes"), (each.node,), np.stack([1.0 - chance, chance], -1)))
        seen[name] = "yes"
        conditions.append(name)
    network = Network(tuple(nodes))
    return Driver(network, driver.years, tuple(conditions), {**driver.evidence, **seen})
