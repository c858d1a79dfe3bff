# SPDX-License-Identifier: Apache-2.0
"""How often a scenario happens: its law of counts over a horizon.

The law belongs to the topmost event that is declared (loss events, threat events or contacts);
vulnerability and probability of action *thin* it, which holds for the law of counts and not only
for its mean. Shocks bring events of their own; a network may say whether any happen at all.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from perilscope.beliefs.law import reading
from perilscope.book import Counts, Frequency, From, Scenario, ThreatEvents, Vulnerability
from perilscope.engines.aggregate.shared import Shared
from perilscope.engines.laws.added import Added
from perilscope.engines.laws.counts import (
    Binomial,
    CountLaw,
    NegativeBinomial,
    Poisson,
    ZeroModifiedPoisson,
)
from perilscope.engines.laws.distributions import Constant, Distribution
from perilscope.engines.laws.mixed import MixedPoisson, ZeroInflated
from perilscope.engines.laws.overcome import overcome
from perilscope.errors import AssessmentError, MisuseError
from perilscope.layers import dependence
from perilscope.layers.context import Context
from perilscope.layers.effect import WHOLE, Effect, scaled
from perilscope.layers.term import Term, believed


def counts(scenario: Scenario, context: Context, effect: Effect) -> Term:
    """Term whose value is ``(years -> CountLaw, chance that an event hits or None)``.

    Raises
    ------
    AssessmentError
        A law of counts, a factor, a shock or a control that does not go with the frequency.
    """
    return _with_shocks(scenario, context, _declared(scenario, context, effect))


def trigger(scenario: Scenario) -> From | None:
    """The network node that drives how often the scenario happens, if one does.

    Examples
    --------
    >>> from perilscope.book import load_text
    >>> text = '''
    ... institution: {name: x}
    ... currency: USD
    ... as_of: 2026-11-20
    ... assets: {safe: {kind: other}}
    ... networks: {net: {nodes: {fire: {table: [0.9, 0.1]}}}}
    ... scenarios:
    ...   burnt: {asset: safe, frequency: from net.fire, magnitude: 100}
    ...   robbed: {asset: safe, frequency: 1 in 20 years, magnitude: 100}
    ... '''
    >>> scenarios = load_text(text).scenarios
    >>> trigger(scenarios["burnt"]).node, trigger(scenarios["robbed"])
    ('fire', None)
    """
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


def _declared(scenario: Scenario, context: Context, effect: Effect) -> Term:
    """Counts without what shocks add to them."""
    top: Any = scenario.frequency
    thin: list[Term] = []
    path = "frequency"
    if isinstance(top, Frequency):
        thin.append(_vulnerability(scenario, top.vulnerability, context, effect.capability))
        top, path = top.threat_event_frequency, "frequency.threat_event_frequency"
    if isinstance(top, ThreatEvents):
        thin.append(
            context.probability(
                scenario, top.probability_of_action, f"{path}.probability_of_action"
            )
        )
        top, path = top.contact_frequency, f"{path}.contact_frequency"
    passes = Term.joined(thin, lambda *parts: math.prod(parts)) if thin else Term.fixed(None)
    if isinstance(top, From):
        return _driven(scenario, top, passes, context, effect.rate_factor)
    rate = context.number(scenario, top, path)
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


def _with_shocks(scenario: Scenario, context: Context, counts: Term) -> Term:
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

    Examples
    --------
    Of at most one event a year, with a chance of 10 % in each of two years:

    >>> from perilscope.book import from_mapping
    >>> tree = {"institution": {"name": "x"}, "currency": "USD", "as_of": "2026-11-20"}
    >>> theft = {"asset": "safe", "frequency": "1 in 10 years", "magnitude": "100"}
    >>> once = {"theft": {**theft, "counts": "at most one a year"}}
    >>> book = from_mapping({**tree, "assets": {"safe": {"kind": "other"}}, "scenarios": once})
    >>> round(count_law(book.scenarios["theft"], 0.1, 2.0).mean, 9)
    0.19
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


def _vulnerability(
    scenario: Scenario, factor: Any, context: Context, capability: Distribution
) -> Term:
    if not isinstance(factor, Vulnerability):
        if capability is not WHOLE:
            raise AssessmentError("a cut of threat capability needs a declared threat_capability")
        return context.probability(scenario, factor, "frequency.vulnerability")
    path, price = "frequency.vulnerability", context.valuation.price
    able, strong = (
        context.law(scenario, leaf, f"{path}.{name}", price)
        for name, leaf in (
            ("threat_capability", factor.threat_capability),
            ("resistance_strength", factor.resistance_strength),
        )
    )
    able = scaled(able, capability)
    both = Term.joined((able, strong), overcome)
    return both if both.beliefs else Term.fixed(both.at(()))
