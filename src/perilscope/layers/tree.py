# SPDX-License-Identifier: Apache-2.0
"""The FAIR tree of one scenario with a number at every node.

Annual loss <- loss events a year x loss per event; loss events <- threat events x vulnerability;
threat events <- contacts x probability of action; vulnerability <- does capability exceed
strength; loss per event <- primary + secondary, each the sum of its forms; secondary <- its
probability x its magnitude. The numbers come from the very terms that the engine's line is made of
(:func:`perilscope.layers.operational.factors`), so nothing is read twice.

Factors of different leaves are independent, so means multiply and add up the tree. Only two nodes
need more: vulnerability from capability and strength, and a loss that a holding caps; both are
integrated over their beliefs by the nodes that the engine takes.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from typing import Any, Protocol

from perilscope.beliefs import law as written
from perilscope.book import (
    Estimate,
    Forms,
    Frequency,
    From,
    Leaf,
    Scenario,
    ThreatEvents,
    Vulnerability,
)
from perilscope.book.counts import Counts
from perilscope.book.quantity import spell
from perilscope.engines.laws.distributions import Sometimes
from perilscope.engines.laws.floor import floored
from perilscope.engines.laws.overcome import overcome
from perilscope.layers import dependence, frequency, operational, severity, spread
from perilscope.layers.context import Context
from perilscope.layers.spread import HIGH, LOW
from perilscope.layers.term import Term, Theta, tied

NAMES = {
    "frequency": "Loss event frequency",
    "frequency.threat_event_frequency": "Threat event frequency",
    "frequency.threat_event_frequency.contact_frequency": "Contact frequency",
    "frequency.threat_event_frequency.probability_of_action": "Probability of action",
    "frequency.vulnerability": "Vulnerability",
    "frequency.vulnerability.threat_capability": "Threat capability",
    "frequency.vulnerability.resistance_strength": "Resistance strength",
    "magnitude": "Loss magnitude",
    "magnitude.primary": "Primary loss",
    "magnitude.secondary": "Secondary loss",
    "magnitude.secondary.probability": "Secondary loss event frequency",
    "magnitude.secondary.magnitude": "Secondary loss magnitude",
}
"""Open FAIR's names by path; a form of loss is called by its own name."""

PER_YEAR, PROBABILITY, SCALE = "per year", "probability", "0 to 1"


@dataclass(frozen=True)
class Node:
    """One factor with its number.

    Parameters
    ----------
    path : str
        As in the book, like ``frequency.vulnerability``; of the root ``annual_loss``.
    name : str
        What Open FAIR calls it.
    text : str
        What is declared, in its canonical spelling; empty for what follows from children.
    mean : float
        Mean over chance and beliefs.
    low, high : float
        90 % interval of what varies; both the mean where nothing does.
    kind : str
        ``number``, ``chance`` or ``belief`` as declared; ``network``; ``derived`` from children.
    varies : str
        What the interval is about: ``belief`` (credible), ``chance`` (differs from event to event
        or from year to year), or empty.
    unit : str
        ``per year``, ``probability``, ``0 to 1`` (the scale of capability and strength),
        a currency (per event), or a currency ``per year``.
    joins : str
        How the children make this node: ``times``, ``plus``, ``exceeds``, or empty for a leaf.
    uncapped : float or None
        Mean before the cap of ``at_most`` took hold, which is what the children make.
    notes : tuple of str
        What a reader should know about the number.
    source, by, on, grade : str, str, date, str
        Where an estimate comes from.
    children : tuple of Node
    """

    path: str
    name: str
    text: str
    mean: float
    low: float
    high: float
    kind: str
    varies: str
    unit: str
    joins: str = ""
    uncapped: float | None = None
    notes: tuple[str, ...] = ()
    source: str = ""
    by: str = ""
    on: date | None = None
    grade: str = ""
    children: tuple[Node, ...] = ()

    def walk(self) -> list[Node]:
        """The node and everything below it, parents first."""
        return [self, *(node for child in self.children for node in child.walk())]


class Law(Protocol):
    """What the root wants of the law of the scenario's loss over the horizon."""

    mean: float

    def var(self, level: float) -> float:
        """Smallest loss that is not exceeded with this probability."""
        ...


@dataclass(frozen=True)
class _Part:
    """A node together with the term it stands for, for the nodes above it."""

    node: Node
    term: Term


def tree(
    scenario: Scenario,
    context: Context,
    law: Law,
    credible: tuple[float, float] | None = None,
) -> Node:
    """The tree of a scenario that could be assessed.

    Parameters
    ----------
    scenario : Scenario
    context : Context
        What its line was made of.
    law : LossLaw
        Law of its loss over the horizon.
    credible : tuple of float, optional
        90 % credible interval of the annualised loss, where it is known from elsewhere.

    Raises
    ------
    AssessmentError
        As :func:`perilscope.layers.operational.line` does.
    """
    maker = _Maker(scenario, context, operational.factors(scenario, context))
    often, much = maker.frequency(), maker.magnitude()
    years = context.years
    apart = _nothing_or(often.node.mean, much.node.mean)
    mean = law.mean / years
    grouped = scenario.magnitude.at_most and not scenario.refilled
    both = Term.joined((often.term, much.term), lambda n, x: n * spread.expected(x))
    if spread.loose(both.beliefs):
        low, high = credible or spread.interval(both, maker.stream("annual_loss"))[:2]
        varies = "belief"
    else:
        low, high, varies = law.var(LOW) / years, law.var(HIGH) / years, "chance"
    common = dependence.described(context.book, scenario.id)
    capped = _cap_of_the_year(scenario, context) if grouped else []
    return Node(
        path="annual_loss",
        name="Annual loss",
        text="",
        mean=mean,
        low=low,
        high=high,
        kind="derived",
        varies=varies,
        unit=f"{context.book.currency} {PER_YEAR}",
        joins="" if common else "times",  # what is common to several stands in no child
        uncapped=apart if grouped else None,
        notes=(*common, *capped),
        children=(often.node, much.node),
    )


def _cap_of_the_year(scenario: Scenario, context: Context) -> list[str]:
    """What a cap does that is of the year, and maybe shared with other scenarios."""
    holding = scenario.magnitude.at_most
    notes = [
        f"{holding} is lost at most once a year, however many events there are; the product of the "
        "two factors is without that."
    ]
    others = [
        key
        for key, other in context.book.scenarios.items()
        if key != scenario.id and other.magnitude.at_most == holding and not other.refilled
    ]
    if others:
        notes.append(
            f"These figures are of the scenario by itself. It shares {holding} with "
            f"{', '.join(others)}: in the total, as in simulated years, each bears its part of "
            "what can be lost there, which is less."
        )
    return notes


@dataclass(frozen=True)
class _Maker:
    """Makes the nodes of one scenario."""

    scenario: Scenario
    context: Context
    terms: dict[str, Term]
    estimates: dict[str, Estimate] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "estimates", dict(self.scenario.estimates()))

    def stream(self, path: str) -> str:
        """Name of the random stream of a node."""
        return f"{self.scenario.id}.{path}"

    # --- how often

    def frequency(self) -> _Part:
        path, factor = "frequency", self.scenario.frequency
        if not isinstance(factor, Frequency):
            return self._events(path, factor)
        threats = self._threats(factor.threat_event_frequency)
        return self._product(path, PER_YEAR, (threats, self._vulnerability(factor.vulnerability)))

    def _threats(self, factor: Leaf | From | ThreatEvents) -> _Part:
        path = "frequency.threat_event_frequency"
        if not isinstance(factor, ThreatEvents):
            return self._events(path, factor)
        contacts = self._events(f"{path}.contact_frequency", factor.contact_frequency)
        acts = self._given(f"{path}.probability_of_action", factor.probability_of_action)
        return self._product(path, PER_YEAR, (contacts, acts))

    def _events(self, path: str, factor: Leaf | From) -> _Part:
        """The topmost event that is declared: the one whose law of counts is used."""
        if isinstance(factor, From):
            return self._network(path, factor, Term.fixed(self._driven()), PER_YEAR)
        part = self._leaf(path, factor, PER_YEAR)
        counts, years = self.scenario.counts, self.context.years
        if counts.law == "poisson":
            return part
        notes = (*part.node.notes, _counted(counts, part.node.mean))
        if counts.law not in ("binomial", "bernoulli") or years == 1.0:
            return replace(part, node=replace(part.node, notes=notes))

        def expected(theta: Theta) -> Any:
            law = frequency.count_law(self.scenario, part.term.at(theta), years)
            return law.mean / years

        stated, term = part.node.mean, Term(part.term.beliefs, expected)
        notes = (
            *notes,
            f"{stated:.6g} a year as stated; over {years:g} years the limit makes it fewer.",
        )
        return self._derived(replace(part.node, notes=notes), term, spread.mean(term))

    def _driven(self) -> float:
        """Mean events a year that a network brings about, before anything thins them."""
        line = operational.line(self.scenario, self.context)
        middle = tuple(float(belief.ppf(0.5)) for belief in line.beliefs)
        return float(line.build(middle, self.context.years)[0].mean) / self.context.years

    def _vulnerability(self, factor: Leaf | From | Vulnerability) -> _Part:
        path = "frequency.vulnerability"
        if not isinstance(factor, Vulnerability):
            return self._given(path, factor)
        able = self._leaf(f"{path}.threat_capability", factor.threat_capability, SCALE)
        strong = self._leaf(f"{path}.resistance_strength", factor.resistance_strength, SCALE)
        term = Term.joined((able.term, strong.term), overcome)
        node = self._above(path, PROBABILITY, "exceeds", (able, strong))
        return self._derived(node, term, spread.mean(term))

    # --- how much

    def magnitude(self) -> _Part:
        declared = self.scenario.magnitude
        path = severity.primary_path(self.scenario)
        parts = [self._loss(path, declared.primary)]
        if declared.secondary is not None:
            at = "magnitude.secondary"
            chance = self._given(f"{at}.probability", declared.secondary.probability)
            size = self._loss(f"{at}.magnitude", declared.secondary.magnitude)
            parts.append(self._secondary(at, chance, size))
        whole = parts[0] if path == "magnitude" else self._sum("magnitude", parts)
        return self._capped(whole) if declared.at_most else self._never_negative(whole)

    def _capped(self, whole: _Part) -> _Part:
        holding = str(self.scenario.magnitude.at_most)
        cap = self.context.valuation.loss(holding)
        currency = self.context.book.currency
        limit = Node("magnitude.at_most", "At most", holding, cap, cap, cap, "number", "", currency)
        capped = lambda law: floored(severity.per_event(cap, law))  # noqa: E731 - as a term
        term = Term.joined((whole.term,), capped, single=True)
        note = f"One event costs at most what {holding} is worth to us."
        node = replace(
            whole.node,
            uncapped=whole.node.mean,
            notes=(*whole.node.notes, note),
            children=(*whole.node.children, limit),
        )
        return self._derived(node, term, spread.mean(term))

    def _never_negative(self, whole: _Part) -> _Part:
        """A normal law that may fall below zero counts as nothing there, as in the engine."""
        value = whole.term.at(spread.middle(whole.term.beliefs))
        if value.support[0] >= 0.0:
            return whole
        term = Term.joined((whole.term,), floored, single=True)
        return self._derived(whole.node, term, spread.mean(term))

    def _loss(self, path: str, factor: Leaf | Forms) -> _Part:
        if isinstance(factor, Leaf):
            return self._leaf(path, factor, self.context.book.currency)
        forms = [
            self._leaf(f"{path}.{form}", leaf, self.context.book.currency)
            for form, leaf in factor.parts.items()
        ]
        return self._sum(path, forms)

    def _secondary(self, path: str, chance: _Part, size: _Part) -> _Part:
        term = Term.joined((chance.term, size.term), Sometimes)
        node = self._above(path, self.context.book.currency, "times", (chance, size))
        return self._derived(
            node, term, 0.0 if chance.node.mean == 0.0 else chance.node.mean * size.node.mean
        )

    def _sum(self, path: str, parts: Sequence[_Part]) -> _Part:
        term = Term.joined([part.term for part in parts], partial(severity.per_event, math.inf))
        node = self._above(path, self.context.book.currency, "plus", parts)
        return self._derived(node, term, math.fsum(part.node.mean for part in parts))

    # --- nodes

    def _given(self, path: str, factor: Leaf | From) -> _Part:
        """A probability: declared, or read from a network."""
        if isinstance(factor, From):
            return self._network(path, factor, self.terms[path], PROBABILITY)
        return self._leaf(path, factor, PROBABILITY)

    def _leaf(self, path: str, leaf: Leaf, unit: str) -> _Part:
        term, estimate = self.terms[path], self.estimates[path]
        low, high, varies = spread.interval(term, self.stream(path))
        node = Node(
            path=path,
            name=fair_name(path),
            text=spell(leaf.estimate.value),
            mean=spread.mean(term),
            low=low,
            high=high,
            kind=varies or "number",
            varies=varies,
            unit=unit,
            notes=self._notes(path, leaf),
            source=estimate.source,
            by=estimate.by,
            on=estimate.on,
            grade=estimate.grade,
        )
        return _Part(node, term)

    def _notes(self, path: str, leaf: Leaf) -> tuple[str, ...]:
        quantity, currency = leaf.estimate.value, self.context.book.currency
        notes = list(written.notes(quantity, currency))
        if self.context.learned(self.scenario.id, path) is not None:
            prior = written.reading(quantity)
            belief = prior.alone
            ends = "" if belief is None else f" ({belief.ppf(LOW):.4g} to {belief.ppf(HIGH):.4g})"
            notes.append(f"The log has changed it: what is declared means {prior.mean:.4g}{ends}.")
        unit = quantity.unit
        if quantity.dimension == "money" and unit not in ("", currency):
            price = self.context.valuation.price(unit)
            notes.append(f"One {unit} counts as {_figure(price)} {currency}.")
        return tuple(notes)

    def _network(self, path: str, factor: From, term: Term, unit: str) -> _Part:
        mean = float(term.at(()))
        scenario = self.scenario
        own = factor if factor.source or factor.by or factor.on or factor.grade else scenario
        state = "" if factor.state == "yes" else f" = {factor.state}"
        node = Node(
            path=path,
            name=fair_name(path),
            text=f"from {factor.network}.{factor.node}{state}",
            mean=mean,
            low=mean,
            high=mean,
            kind="network",
            varies="",
            unit=unit,
            source=own.source,
            by=own.by,
            on=own.on,
            grade=own.grade,
        )
        return _Part(node, term)

    def _product(self, path: str, unit: str, parts: Sequence[_Part]) -> _Part:
        term = Term.joined([part.term for part in parts], operator.mul)
        node = self._above(path, unit, "times", parts)
        return self._derived(node, term, math.prod(part.node.mean for part in parts))

    def _above(self, path: str, unit: str, joins: str, parts: Sequence[_Part]) -> Node:
        """A node above others; its numbers are still to come."""
        children = tuple(part.node for part in parts)
        return Node(
            path, fair_name(path), "", 0.0, 0.0, 0.0, "derived", "", unit, joins, children=children
        )

    def _derived(self, node: Node, term: Term, mean: float) -> _Part:
        one = tied(term)
        if len(one.beliefs) < len(term.beliefs):  # parts that share a belief are not independent
            mean = spread.mean(one)
        low, high, varies = spread.interval(one, self.stream(node.path))
        return _Part(replace(node, mean=mean, low=low, high=high, varies=varies), term)


def _nothing_or(often: float, much: float) -> float:
    """A product in which nothing of something infinite is nothing."""
    return 0.0 if often == 0.0 else often * much


def fair_name(path: str) -> str:
    """What Open FAIR calls the factor at a path.

    Examples
    --------
    >>> fair_name("frequency.vulnerability"), fair_name("magnitude.primary.response")
    ('Vulnerability', 'Response')
    """
    return NAMES.get(path) or path.rsplit(".", 1)[-1].replace("_", " ").capitalize()


def _counted(counts: Counts, mean: float) -> str:
    """The law; a shape has the mean beside it, in whose place others write a chance."""
    average = f", {mean:.6g} a year on average" if "(" in str(counts) else ""
    return f"Events of a year are counted by the law {counts}{average}."


def _figure(price: float) -> str:
    """A price in full, without an exponent.

    Examples
    --------
    >>> _figure(13_900_000.0), _figure(91_234.567), _figure(0.00001234567)
    ('13,900,000', '91,234.6', '0.0000123457')
    """
    digits = max(5 - math.floor(math.log10(price)), 0) if price > 0.0 else 0
    whole, dot, rest = f"{price:,.{digits}f}".partition(".")
    return (whole + dot + rest.rstrip("0")).rstrip(".")
