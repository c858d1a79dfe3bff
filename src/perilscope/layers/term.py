# SPDX-License-Identifier: Apache-2.0
"""A number or a law that depends on beliefs, and how several become one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from perilscope.engines.aggregate.shared import Shared
from perilscope.engines.laws.distributions import Distribution

Theta = tuple[Any, ...]
"""One value per belief: floats (exact engine) or arrays of one length (simulation)."""


@dataclass(frozen=True)
class Term:
    """A number or law that depends on some beliefs.

    Examples
    --------
    >>> from perilscope.engines.laws.distributions import Uniform
    >>> rate = Term((Uniform(0.0, 1.0),), lambda theta: theta[0], alone=True)
    >>> double = Term.joined((rate, Term.fixed(2.0)), lambda one, two: one * two)
    >>> double.at((0.25,)), len(double.beliefs)
    (0.5, 1)
    """

    beliefs: tuple[Distribution, ...]
    at: Callable[[Theta], Any]
    alone: bool = False
    """Whether the term is its one belief, with nothing done to it."""
    single: bool = False
    """Whether beliefs are taken one by one: a cap or floor of a sum takes no arrays of them."""

    @classmethod
    def fixed(cls, value: Any) -> Term:
        """A term without beliefs."""
        return cls((), lambda _theta: value)

    @classmethod
    def joined(
        cls, terms: Sequence[Term], combine: Callable[..., Any], *, single: bool = False
    ) -> Term:
        """Independent terms combined; each sees its own slice of the beliefs."""
        ends = np.cumsum([len(t.beliefs) for t in terms]).tolist()
        slices = [slice(end - len(t.beliefs), end) for t, end in zip(terms, ends, strict=True)]

        def at(theta: Theta) -> Any:
            return combine(*(t.at(theta[s]) for t, s in zip(terms, slices, strict=True)))

        beliefs = tuple(b for t in terms for b in t.beliefs)
        return cls(beliefs, at, single=single or any(t.single for t in terms))


def believed(law: Distribution) -> Term:
    """A number that is itself what is not known.

    Examples
    --------
    >>> from perilscope.engines.laws.distributions import Uniform
    >>> believed(Uniform(0.0, 1.0)).at((0.25,))
    0.25
    """
    return Term((law,), lambda theta: theta[0])


def tied(term: Term) -> Term:
    """The same term where a shared belief that it names twice has one value.

    Examples
    --------
    A belief with a name is the same in both places, so one value says both:

    >>> from perilscope.engines.laws.distributions import Uniform
    >>> once = believed(Shared("staff", Uniform(0.0, 1.0)))
    >>> both = Term.joined((once, once), lambda one, two: one * two)
    >>> len(both.beliefs), len(tied(both).beliefs), tied(both).at((0.5,))
    (2, 1, 0.25)
    """
    first: dict[Any, int] = {}
    places = [
        first.setdefault(belief if isinstance(belief, Shared) else i, len(first))
        for i, belief in enumerate(term.beliefs)
    ]
    if len(first) == len(places):
        return term
    kept = [term.beliefs[places.index(k)] for k in range(len(first))]
    return Term(
        tuple(kept), lambda theta: term.at(tuple(theta[k] for k in places)), single=term.single
    )
