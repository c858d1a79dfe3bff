# SPDX-License-Identifier: Apache-2.0
"""What a control does to one scenario: which share of events and of losses survives it."""

from __future__ import annotations

from dataclasses import dataclass

from perilscope.engines.laws.distributions import Constant, Distribution, Scaled
from perilscope.layers.term import Term, believed

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


def scaled(term: Term, survives: Distribution) -> Term:
    """A law times the share that survives a control.

    Examples
    --------
    A loss of 100 of which a control leaves a quarter:

    >>> scaled(Term.fixed(Constant(100.0)), Constant(0.25)).at(()).mean
    25.0
    """
    if survives is WHOLE:
        return term
    return Term.joined((term, surviving(survives)), Scaled)


def surviving(law: Distribution) -> Term:
    """The share that survives, as a term: a number where it is known.

    Examples
    --------
    >>> surviving(Constant(0.25)).at(())
    0.25
    """
    if isinstance(law, Constant):
        return Term.fixed(law.value)
    return believed(law)
