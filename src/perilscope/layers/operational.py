# SPDX-License-Identifier: Apache-2.0
"""From a declared scenario to a line of loss: the FAIR factors as laws.

A factor is a quantity or a mapping of its children. Every leaf brings its own beliefs (what we do
not know, one value for the whole horizon); the tree says how they combine. What comes out is a
:class:`~aggregate.compound.Compound`: a law of counts and a law of loss per event, given
the beliefs.

The count law belongs to the topmost event that is declared (loss events, threat events or
contacts); vulnerability and probability of action *thin* it, which holds for the law of counts and
not only for its mean.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from perilscope.beliefs.law import reading
from perilscope.book import (
    Book,
    Counts,
    Forms,
    Frequency,
    From,
    Leaf,
    Magnitude,
    Scenario,
    ThreatEvents,
    Vulnerability,
)
from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.shared import Shared
from perilscope.engines.laws.added import Added
from perilscope.engines.laws.counts import (
    Binomial,
    CountLaw,
    NegativeBinomial,
    Poisson,
    ZeroModifiedPoisson,
)
from perilscope.engines.laws.distributions import (
    Capped,
    Constant,
    Distribution,
    Scaled,
    Sometimes,
    Total,
)
from perilscope.engines.laws.mixed import MixedPoisson, ZeroInflated
from perilscope.engines.laws.overcome import overcome
from perilscope.errors import AssessmentError, MisuseError
from perilscope.layers import dependence
from perilscope.layers.drivers import Drivers
from perilscope.layers.term import Term, Theta, believed, tied
from perilscope.layers.valuation import Valuation

FREQUENCY_FACTORS = (
    "frequency",
    "threat_event_frequency",
    "contact_frequency",
    "probability_of_action",
    "vulnerability",
)
"""Factors whose cut removes events. They multiply, so a cut on any of them keeps the same share."""

SHARES = {
    **dict.fromkeys(FREQUENCY_FACTORS, "keep"),
    "magnitude": "scale",
    "primary": "primary",
    "threat_capability": "capability",
    "secondary_probability": "secondary_probability",
    "secondary_magnitude": "secondary_magnitude",
}
"""Factor that a control cuts -> the field of :class:`Effect` that says what survives."""


@dataclass(frozen=True)
class Context:
    """What a scenario is read against: one horizon, one valuation, what was learned and observed.

    Parameters
    ----------
    learned : callable
        ``(scenario id, factor) -> Distribution or None``: the posterior that replaces the declared
        belief.
    factor : callable
        ``(scenario id, path, term) -> term``: sees every factor that is declared or read from a
        network as it goes into a line, and may put another in its place (sensitivities do).
    """

    book: Book
    valuation: Valuation
    drivers: Drivers
    prior: Drivers
    years: float
    learned: Callable[[str, str], Distribution | None] = lambda _scenario, _factor: None
    factor: Callable[[str, str, Term], Term] = lambda _scenario, _path, term: term


WHOLE = Constant(1.0)


@dataclass(frozen=True)
class Effect:
    """What one control does to one scenario, as beliefs about the share that survives it.

    ``keep`` is the share of events, ``scale`` of every loss, the others of the factor they name.
    ``rate_factor`` multiplies the frequency when a control in place is taken away.
    """

    keep: Distribution = WHOLE
    scale: Distribution = WHOLE
    primary: Distribution = WHOLE
    capability: Distribution = WHOLE
    secondary_probability: Distribution = WHOLE
    secondary_magnitude: Distribution = WHOLE
    rate_factor: float = 1.0


NO_EFFECT = Effect()


def line(scenario: Scenario, context: Context, effect: Effect = NO_EFFECT) -> Compound:
    """The line of loss of one scenario over the horizon.

    Raises
    ------
    AssessmentError
        A law that cannot be (``pert`` with the mode outside its ends), a token without a price, a
        holding without a value, a driver that does not exist.
    """
    counts = _struck(scenario, context, _counts(scenario, context, effect))
    holding = scenario.magnitude.at_most
    cap = context.valuation.loss(holding) if holding else math.inf
    severity = _severity(scenario, context, cap, effect)
    both = tied(Term.joined((counts, severity), lambda *parts: parts))

    def build(theta: Theta, years: float) -> tuple[CountLaw, Distribution]:
        (law, hits), loss = both.at(theta)
        # A driven line keeps its trigger (several lines may share one), so that here vulnerability
        # is a chance of losing nothing at each event: the same law of loss.
        return law(years), loss if hits is None else Sometimes(hits, loss)

    return Compound(
        key=scenario.id,
        build=build,
        beliefs=both.beliefs,
        years=context.years,
        keep=effect.keep,
        scale=effect.scale,
        group=holding if holding and not scenario.refilled else "",
    )


def factors(scenario: Scenario, context: Context) -> dict[str, Term]:
    """Every factor of a scenario by its path, just as it goes into the line.

    Not the node of a network that drives the counts themselves: see :func:`trigger`.
    """
    found: dict[str, Term] = {}

    def seen(key: str, path: str, term: Term) -> Term:
        found[path] = context.factor(key, path, term)
        return found[path]

    line(scenario, replace(context, factor=seen))
    return found


def trigger(scenario: Scenario) -> From | None:
    """The network node that drives how often the scenario happens, if one does."""
    frequency: Any = scenario.frequency
    while isinstance(frequency, Frequency):
        frequency = frequency.threat_event_frequency
    return frequency if isinstance(frequency, From) else None


def drivers_of(scenario: Scenario) -> tuple[From, ...]:
    """Every network node that the scenario asks for."""
    frequency = scenario.frequency
    found = [frequency] if isinstance(frequency, From) else []
    if isinstance(frequency, Frequency):
        for part in (frequency.threat_event_frequency, frequency.vulnerability):
            if isinstance(part, From):
                found.append(part)
    return tuple(found)


# --- how often ------------------------------------------------------------------------------------


def _counts(scenario: Scenario, context: Context, effect: Effect) -> Term:
    """Term whose value is ``(years -> CountLaw, chance that an event hits or None)``."""
    top: Any = scenario.frequency
    thin: list[Term] = []
    path = "frequency"
    if isinstance(top, Frequency):
        thin.append(_vulnerability(scenario, top.vulnerability, context, effect.capability))
        top, path = top.threat_event_frequency, "frequency.threat_event_frequency"
    if isinstance(top, ThreatEvents):
        thin.append(
            _number(scenario, top.probability_of_action, context, f"{path}.probability_of_action")
        )
        top, path = top.contact_frequency, f"{path}.contact_frequency"
    passes = Term.joined(thin, lambda *parts: math.prod(parts)) if thin else Term.fixed(None)
    if isinstance(top, From):
        return _driven(scenario, top, passes, context, effect.rate_factor)
    rate = _rate(scenario, top, context, path)
    common = dependence.on_frequency(context, scenario.id)
    if common:
        rate = _multiplied(scenario, rate, common)

    def combine(per_year: Any, hits: Any) -> tuple[Callable[[float], CountLaw], None]:
        counted = partial(count_law, scenario, per_year * effect.rate_factor)
        return _thinned(counted, hits), None

    return Term.joined((rate, passes), combine)


def _multiplied(scenario: Scenario, rate: Term, common: Sequence[Shared]) -> Term:
    """A rate times the factors that it has in common with other scenarios.

    Where a period has only so many chances the rate is held to them; a factor that reaches beyond
    more often than 1 in 1,000 is refused.
    """
    most = math.inf
    if scenario.counts.law in ("bernoulli", "binomial"):
        most = 1.0 if scenario.counts.size is None else float(scenario.counts.size)
        usual = float(rate.at(tuple(float(belief.mean) for belief in rate.beliefs)))
        for shared in common:
            if usual > 0.0 and 1.0 - float(shared.cdf(most / usual)) > 1e-3:
                raise AssessmentError(
                    f"{shared.name} times {usual:g} events a year is more than {most:g} too often: "
                    "use `counts: poisson`, or a factor that varies less"
                )
    return Term.joined(
        (rate, *map(believed, common)), lambda *values: np.minimum(math.prod(values), most)
    )


def _struck(scenario: Scenario, context: Context, counts: Term) -> Term:
    """Counts with the events that shocks bring: each incident hits with its own chance."""
    found = list(dependence.shocks(context.book, scenario.id, context.years))
    common = dependence.on_frequency(context, scenario.id)
    if (found or common) and trigger(scenario) is not None:
        raise AssessmentError(
            "a network drives its frequency, so a factor or a shock cannot: give the common cause "
            "a node in the network"
        )
    if not found:
        return counts
    if context.years > 1.0 and scenario.magnitude.at_most and not scenario.refilled:
        raise AssessmentError(
            "a shock does not say in which year it happens, and its holding is capped year by "
            "year: look one year ahead, or say `refilled: yes`"
        )

    def combine(own: Any, *numbers: Any) -> Any:
        law, hits = own
        chances = [chance for _, chance in found]
        events = tuple(map(_hits, numbers, chances))
        return lambda years: Added((law(years), *events)), hits

    return Term.joined((counts, *(believed(number) for number, _ in found)), combine)


def _hits(incidents: Any, chance: float) -> Binomial:
    """Events that so many incidents bring; of none, none."""
    some = np.asarray(incidents) >= 1
    number = np.maximum(np.asarray(incidents, dtype=np.int64), 1)
    if np.ndim(incidents) == 0:
        return Binomial(int(number), chance * float(some))
    return Binomial(number, chance * some)  # type: ignore[arg-type]


def _thinned(law: Callable[[float], CountLaw], hits: Any) -> Callable[[float], CountLaw]:
    return law if hits is None else lambda years: law(years).thin(hits)


def count_law(scenario: Scenario, per_year: Any, years: float) -> CountLaw:
    """The declared law of counts for a period.

    Poisson and negative binomial: mean and size grow with the period. Binomial and Bernoulli are
    one draw for the whole period: each of n chances happens with 1-(1-p)^years. Zero-inflated and
    mixed Poisson: every year has a draw of its own, and so has a part of a year.
    """
    law = scenario.counts
    size = 1.0 if law.size is None else float(law.size)
    match law.law:
        case "poisson":
            return Poisson(per_year * years)
        case "negative-binomial":
            return NegativeBinomial(size * years, per_year * years)
        case "zero-inflated":
            return ZeroInflated(size, per_year * years, years)
        case "mixed-poisson":
            return _mixed_poisson(law, per_year, years)
    chance = per_year / size
    if np.any(np.asarray(chance) > 1.0):
        raise AssessmentError(
            f"{float(np.max(per_year)):g} events a year cannot come from at most {size:g} chances "
            f"a year: use `counts: poisson`, or lower the frequency"
        )
    return Binomial(int(size), 1.0 - (1.0 - chance) ** years)


def _mixed_poisson(counts: Counts, per_year: Any, years: float) -> CountLaw:
    law = reading(counts.years).value(()) if counts.years is not None else Constant(1.0)
    mean = float(law.mean)
    if abs(mean - 1.0) > 1e-9:
        raise AssessmentError(
            f"`counts: {counts}`: its law has the mean {mean:.6g}, not 1; the frequency says how "
            "many events an average year has, the law only how years differ from it, so write one "
            "with the mean 1, such as lognormal(mean=1, sd=0.5)"
        )
    try:
        return MixedPoisson(law, per_year * years, years)
    except MisuseError as refused:
        raise AssessmentError(f"`counts: {counts}`: {refused}") from None


def _driven(
    scenario: Scenario, source: From, passes: Term, context: Context, rate_factor: float
) -> Term:
    """Counts when a network says whether anything happens at all within the horizon.

    Given that the node happens, the number of events is Poisson conditioned on at least one, with
    the rate that the node's own prior probability implies; exactly one where the book says
    ``counts: at most one a year``.
    """
    if rate_factor != 1.0:
        raise AssessmentError(
            "a control that is in place cannot be taken away from a frequency that a network "
            "gives: put the control into the network as a node"
        )
    if scenario.counts.law not in ("poisson", "bernoulli"):
        raise AssessmentError(
            f"`counts: {scenario.counts.law}` does not go with a frequency that a network gives: "
            "use `counts: at most one a year`, or leave it out"
        )
    chance = context.drivers.horizon_probability(
        source.network, source.node, source.state, context.years
    )
    prior = context.prior.horizon_probability(source.network, source.node, source.state, 1.0)
    if prior >= 1.0:
        raise AssessmentError(
            f"{source.network}.{source.node} is certain before any evidence: it gives no rate"
        )
    rate = -math.log1p(-prior)

    def law(years: float) -> CountLaw:
        some = 1.0 - (1.0 - chance) ** (years / context.years)
        if scenario.counts.law == "bernoulli":
            return Binomial(1, some)
        return ZeroModifiedPoisson(some, rate * years)

    return Term(passes.beliefs, lambda theta: (law, passes.at(theta)))


def _rate(scenario: Scenario, leaf: Leaf, context: Context, path: str) -> Term:
    law = reading(leaf.estimate.value)
    alone = context.learned(scenario.id, path) or law.alone
    if alone is not None:
        term = Term((alone,), lambda theta: theta[0], alone=True)
    else:
        term = Term(law.beliefs, law.number)
    return context.factor(scenario.id, path, term)


def _number(scenario: Scenario, factor: Any, context: Context, path: str) -> Term:
    """A probability: declared, learned, or read from a network."""
    if isinstance(factor, From):
        chance = context.drivers.probability(factor.network, factor.node, factor.state)
        return context.factor(scenario.id, path, Term.fixed(chance))
    return _rate(scenario, factor, context, path)


def _vulnerability(
    scenario: Scenario, factor: Any, context: Context, capability: Distribution
) -> Term:
    if not isinstance(factor, Vulnerability):
        if capability is not WHOLE:
            raise AssessmentError("a cut of threat capability needs a declared threat_capability")
        return _number(scenario, factor, context, "frequency.vulnerability")
    path, price = "frequency.vulnerability", context.valuation.price
    able, strong = (
        _read(scenario, leaf, context, price, f"{path}.{name}")
        for name, leaf in (
            ("threat_capability", factor.threat_capability),
            ("resistance_strength", factor.resistance_strength),
        )
    )
    able = _scaled(able, capability)
    both = Term.joined((able, strong), overcome)
    return both if both.beliefs else Term.fixed(both.at(()))


# --- how much -------------------------------------------------------------------------------------


def _severity(scenario: Scenario, context: Context, cap: float, effect: Effect) -> Term:
    magnitude: Magnitude = scenario.magnitude
    price = _priced(scenario, context)
    primary = _loss(scenario, magnitude.primary, context, price, primary_path(scenario))
    parts = [_scaled(primary, effect.primary)]
    if magnitude.secondary is not None:
        path = "magnitude.secondary.probability"
        chance = _number(scenario, magnitude.secondary.probability, context, path)
        size = _loss(
            scenario, magnitude.secondary.magnitude, context, price, "magnitude.secondary.magnitude"
        )
        parts.append(
            Term.joined(
                (
                    Term.joined((chance, _surviving(effect.secondary_probability)), operator.mul),
                    _scaled(size, effect.secondary_magnitude),
                ),
                Sometimes,
            )
        )
    elif effect.secondary_probability is not WHOLE or effect.secondary_magnitude is not WHOLE:
        raise AssessmentError("a cut of secondary loss needs a declared secondary loss")

    common = dependence.on_magnitude(context, scenario.id)
    if common:
        parts = [Term.joined((part, *map(believed, common)), _grown) for part in parts]
    return tied(Term.joined(parts, partial(per_event, cap)))


def _grown(law: Distribution, *factors: Any) -> Distribution:
    return Scaled(law, math.prod(factors))


def per_event(cap: float, *laws: Distribution) -> Distribution:
    """What one event costs: its parts together, but no more than the holding it takes from."""
    whole = laws[0] if len(laws) == 1 else Total(laws)
    return whole if math.isinf(cap) else Capped(whole, cap)


def _scaled(term: Term, survives: Distribution) -> Term:
    """A law times the share that survives a control."""
    if survives is WHOLE:
        return term
    return Term.joined((term, _surviving(survives)), Scaled)


def _surviving(law: Distribution) -> Term:
    if isinstance(law, Constant):
        return Term.fixed(law.value)
    return believed(law)


def _priced(scenario: Scenario, context: Context) -> Callable[[str], float]:
    """What one token taken costs us: its price, or of clients' tokens the part we must make good.

    Magnitudes in money are what an event costs us and are taken as they stand.
    """
    share = context.valuation.liable(scenario.asset)

    def price(unit: str) -> float:
        return context.valuation.price(unit) * (1.0 if unit == context.book.currency else share)

    return price


def primary_path(scenario: Scenario) -> str:
    """Path of the primary loss, as :meth:`Scenario.factors` gives it."""
    magnitude = scenario.magnitude
    alone = isinstance(magnitude.primary, Leaf) and magnitude.secondary is None
    return "magnitude" if alone else "magnitude.primary"


def _loss(
    scenario: Scenario,
    part: Leaf | Forms,
    context: Context,
    price: Callable[[str], float],
    path: str,
) -> Term:
    if isinstance(part, Leaf):
        return _read(scenario, part, context, price, path)
    forms = [
        _read(scenario, leaf, context, price, f"{path}.{form}") for form, leaf in part.parts.items()
    ]
    return Term.joined(forms, lambda *laws: laws[0] if len(laws) == 1 else Total(laws))


def _read(
    scenario: Scenario, leaf: Leaf, context: Context, price: Callable[[str], float], path: str
) -> Term:
    law = reading(leaf.estimate.value, price=price, worth=context.valuation.loss)
    return context.factor(scenario.id, path, Term(law.beliefs, law.value))
