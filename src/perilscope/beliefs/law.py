# SPDX-License-Identifier: Apache-2.0
"""From a quantity of the book to a law: what is chance, given what is not known.

A *chance* (a bare law) differs from event to event; a *belief* is one value, unknown, for the whole
horizon. A reading keeps them apart: the laws of its beliefs, and a function that gives the law of
chance once each belief has a value. Rates come out per year, money in the reporting currency.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from scipy.special import ndtr

from perilscope.beliefs import fitted, named
from perilscope.beliefs.efficacy import kept, mirrored
from perilscope.beliefs.notes import notes
from perilscope.beliefs.scaling import times
from perilscope.book import quantity as written
from perilscope.book.quantity import Node, Quantity
from perilscope.engines.aggregate.shared import Shared
from perilscope.engines.laws import quadrature
from perilscope.engines.laws.distributions import (
    Beta,
    Constant,
    Discrete,
    Distribution,
    Mixture,
    Normal,
    Spliced,
)
from perilscope.engines.laws.law import plain
from perilscope.errors import AssessmentError, MisuseError

__all__ = [
    "Reading",
    "Theta",
    "kept",
    "mirrored",
    "notes",
    "point",
    "reading",
    "times",
    "together",
]

Theta = tuple[Any, ...]
"""One value for each belief: floats (exact engine), or arrays of one length n (simulation)."""

#: A law that its own beliefs make impossible more often than this is refused when it is read.
_RARE = 1e-3
#: The same where no edge can hold the law.
_NEVER = 1e-12


@dataclass(frozen=True)
class Reading:
    """A law of chance that depends on some beliefs.

    Parameters
    ----------
    beliefs : tuple of Distribution
        Independent laws of what is not known.
    value : callable
        ``value(theta)`` with one value for each belief, floats or arrays of shape (n,), gives the
        law of chance; a :class:`Constant` where nothing is left to chance.
    """

    beliefs: tuple[Distribution, ...]
    value: Callable[[Theta], Distribution]

    @property
    def alone(self) -> Distribution | None:
        """The law of the belief that *is* the value, as in ``belief(beta(2, 48))``; else None."""
        own = self.value is _itself and not isinstance(self.beliefs[0], Shared)
        return self.beliefs[0] if own else None

    def number(self, theta: Theta) -> Any:
        """The value as a number, given the beliefs: for rates and probabilities.

        Raises
        ------
        AssessmentError
            Something is left to chance, so there is no one number.
        """
        law = self.value(theta)
        if not isinstance(law, Constant):
            raise AssessmentError(
                "a number is wanted here; write belief(...) around what is unknown"
            )
        return law.value

    @property
    def mean(self) -> float:
        """Mean over chance and beliefs; infinite where the law has none.

        Exact for a chance and for a belief; for a law with beliefs about its arguments by Gauss
        nodes, exact where the mean is a polynomial of low degree in them.
        """
        if self.alone is not None:
            return float(self.alone.mean)
        points = quadrature.nodes(self.beliefs, effort=2)
        return math.fsum(weight * float(self.value(theta).mean) for weight, theta in points)


def reading(
    quantity: Quantity,
    *,
    price: Callable[[str], float] | None = None,
    worth: Callable[[str], float] | None = None,
    as_belief: bool = False,
) -> Reading:
    """The law that a quantity states.

    Parameters
    ----------
    quantity : Quantity
        As declared.
    price : callable, optional
        ``price(unit)``: the reporting currency for one unit of a token; 1 for the currency itself.
        Without it money stays in the unit it is written in.
    worth : callable, optional
        ``worth(id)``: what a declared thing is worth, for quantities like ``5 % of binance``.
    as_belief : bool
        Whether a bare law and ``a to b`` are meant as beliefs (valuations, ``sure``).

    Returns
    -------
    Reading
        Rates per year; money, and money per year, in the reporting currency.

    Raises
    ------
    AssessmentError
        Arguments that make no law, also where a belief inside a law makes it impossible with a
        probability of 1 in 1000 or so; a probability whose law reaches outside 0 to 1; a rate that
        can be negative; a share of something without a worth.

    Notes
    -----
    ``a to b`` is the lognormal law with those 5 and 95 % quantiles, for a probability or a share
    the beta law. A law that is itself a belief and has beliefs about its arguments enters by its
    quantile function: X = F^-1(Phi(Z) | arguments), Z one more belief, standard normal.

    Examples
    --------
    >>> from perilscope.book.quantity import parse
    >>> reading(parse("1 in 5 years", "rate")).value(())
    Constant(value=0.2)
    >>> rate = reading(parse("belief(gamma(2, 10)) per year", "rate"))
    >>> rate.beliefs, rate.value((0.3,))
    ((Gamma(shape=2.0, scale=0.1),), Constant(value=0.3))
    >>> loss = reading(parse("pert(30 %, 70 %, 100 %) of binance", "money"), worth=lambda _id: 1e6)
    >>> round(loss.value(()).mean)
    683333
    """
    bounded = quantity.dimension == "probability"
    read = _read(quantity.node, bounded, worth, as_belief)
    factor = 1.0
    if quantity.per:
        factor = float(written.per_year(quantity))
    if quantity.unit and price is not None and quantity.dimension.startswith("money"):
        factor *= 1.0 if isinstance(quantity.node, written.ShareOf) else float(price(quantity.unit))
    _in_range(read, quantity, as_belief)
    return _scaled(read, factor)


def point(
    quantity: Quantity,
    *,
    price: Callable[[str], float] | None = None,
    worth: Callable[[str], float] | None = None,
) -> float:
    """Mean of a quantity over chance and beliefs; infinite where its law has none.

    Examples
    --------
    >>> from perilscope.book.quantity import parse
    >>> point(parse("discrete(0: 75 %, 1M: 25 %)", "money"))
    250000.0
    """
    return reading(quantity, price=price, worth=worth).mean


def together(
    parts: Sequence[Reading], combine: Callable[[Sequence[Distribution]], Distribution]
) -> Reading:
    """Independent readings as one: each sees its own beliefs, ``combine`` joins their laws.

    Examples
    --------
    >>> from perilscope.book.quantity import parse
    >>> from perilscope.engines.laws.distributions import Total
    >>> forms = [reading(parse(text, "money")) for text in ("50k", "belief(100k to 300k)")]
    >>> both = together(forms, lambda laws: Total(tuple(laws)))
    >>> len(both.beliefs), both.value((200_000.0,)).mean
    (1, 250000.0)
    """
    beliefs = tuple(belief for part in parts for belief in part.beliefs)
    ends = list(itertools.accumulate((len(part.beliefs) for part in parts), initial=0))
    slices = [slice(a, b) for a, b in itertools.pairwise(ends)]

    def value(theta: Theta) -> Distribution:
        return combine([p.value(theta[own]) for p, own in zip(parts, slices, strict=True)])

    return Reading(beliefs, value)


# --- the expression -------------------------------------------------------------------------------


def _read(
    node: Node, bounded: bool, worth: Callable[[str], float] | None, as_belief: bool
) -> Reading:
    """A node in the unit it is written in. ``bounded``: it stands for a probability or a share."""
    match node:
        case written.Num() | written.OneIn():
            return _fixed(Constant(_digits(node)))
        case written.Belief(of=inner, name=""):
            return _believed(_read(inner, bounded, worth, False))
        case written.Belief(of=inner, name=name):
            return _shared(name, _read(inner, bounded, worth, False))
        case written.Named(name=name):
            raise AssessmentError(f"nothing says what the belief {name} is")
        case written.ShareOf(share=share, of=what):
            if worth is None:
                raise AssessmentError(f"a share of {what}: nothing says what {what} is worth")
            return _scaled(_read(share, True, worth, as_belief), float(worth(what)))
        case written.Call(law="spliced", args=arguments):
            chance = _spliced(dict(arguments), bounded)
        case written.Call(law=law, args=arguments):
            chance = _called(law, arguments, bounded)
        case written.To(low=low, high=high):
            chance = _between(low, high, bounded)
        case written.Outcomes(pairs=pairs, law="mixture"):
            chance = _mixture(pairs, bounded)
        case written.Outcomes(pairs=pairs):
            chance = _outcomes(pairs)
        case written.Sample(values=values):
            chance = _fixed(Discrete.empirical([_digits(value) for value in values]))
    return _believed(chance) if as_belief else chance


def _fixed(law: Distribution) -> Reading:
    return Reading((), lambda _theta: law)


def _digits(node: Node) -> float:
    number = written.plain(node)
    if number is None:
        raise AssessmentError("a plain number is wanted here, not a law or a belief")
    return float(number)


def _called(law: str, arguments: Sequence[tuple[str, Node]], bounded: bool) -> Reading:
    """A law by name; its arguments are numbers, or beliefs about them."""
    if law == "quantiles":
        given = {name: _digits(value) for name, value in arguments}
        return _fixed(fitted.fit(law, given, bounded=bounded).law)
    names = [name for name, _ in arguments]
    parts = [_argument(law, name, node) for name, node in arguments]
    joined = together(parts, lambda laws: laws[0])  # only for the beliefs in their order
    ends = list(itertools.accumulate((len(part.beliefs) for part in parts), initial=0))

    def values(theta: Theta) -> dict[str, Any]:
        own = zip(names, parts, itertools.pairwise(ends), strict=True)
        return {name: part.number(theta[a:b]) for name, part, (a, b) in own}

    if not joined.beliefs:
        return _fixed(named.build(law, values(())))
    for corner in itertools.product(*(_ends(belief) for belief in joined.beliefs)):
        named.build(law, values(corner))  # refuses what cannot be
    return Reading(joined.beliefs, lambda theta: named.build(law, named.tame(law, values(theta))))


def _argument(law: str, name: str, node: Node) -> Reading:
    if not isinstance(node, written.Num | written.OneIn | written.Belief):
        raise AssessmentError(
            f"{law}: {name} is a law; inside a law only a number or belief(...) can stand"
        )
    return _read(node, False, None, False)


def _spliced(arguments: dict[str, Node], bounded: bool) -> Reading:
    """A body and a tail, both laws; what the body has beyond the join is laid out as the tail."""
    parts = [_read(arguments[part], bounded, None, False) for part in ("body", "tail")]
    at = _digits(arguments["at"])
    above = _digits(arguments["above"]) if "above" in arguments else None

    def combine(laws: Sequence[Distribution]) -> Distribution:
        body, tail = laws
        try:
            if above is None:
                return Spliced.continued(body, tail, at)
            return Spliced(body, tail, at, above)
        except MisuseError as refused:
            raise AssessmentError(f"spliced at {at:.6g}: {refused}") from None

    joined = together(parts, combine)
    # beliefs about a body cannot be held at an edge, so they must leave it possible everywhere
    for corner in itertools.product(*(_ends(belief, _NEVER) for belief in joined.beliefs)):
        joined.value(corner)
    return joined if joined.beliefs else _fixed(joined.value(()))


def _mixture(pairs: Sequence[tuple[Node, Node]], bounded: bool) -> Reading:
    """One of several laws with its probability; a number is a law as well."""
    weights = tuple(_digits(chance) for _, chance in pairs)
    parts = [_read(node, bounded, None, False) for node, _ in pairs]
    joined = together(parts, lambda laws: Mixture(weights, tuple(laws)))
    return joined if joined.beliefs else _fixed(joined.value(()))


def _between(low: Node, high: Node, bounded: bool) -> Reading:
    below, above = _digits(low), _digits(high)
    if not bounded:
        return _fixed(named.build("lognormal", {"p5": below, "p95": above}))
    if not 0 < below < above < 1:
        raise AssessmentError(
            f"{below:.6g} to {above:.6g} is no range for a probability: the ends of `a to b` hold "
            "5 % of what happens outside each, so they rise and lie inside 0 and 1"
        )
    try:
        return _fixed(Beta.from_quantiles(below, above))
    except MisuseError as refused:
        raise AssessmentError(str(refused)) from None


def _outcomes(pairs: Sequence[tuple[Node, Node]]) -> Reading:
    """A discrete law; values may be believed, probabilities are plain."""
    chances = tuple(_digits(chance) for _, chance in pairs)
    if any(p < 0 for p in chances) or abs(math.fsum(chances) - 1) > 1e-9:
        raise AssessmentError(
            f"the probabilities of discrete add up to {math.fsum(chances):.9g}, not to 1"
        )
    values = [_argument("discrete", "an outcome", value) for value, _ in pairs]

    def combine(laws: Sequence[Distribution]) -> Distribution:
        return Discrete(tuple(law.mean for law in laws), chances)

    joined = together(values, combine)
    return joined if joined.beliefs else _fixed(joined.value(()))


def _believed(read: Reading) -> Reading:
    """What was chance becomes one unknown value for the whole horizon."""
    law = read.value(_middle(read.beliefs))
    if isinstance(law, Constant):
        return read
    if not read.beliefs:
        return Reading((law,), _itself)
    if isinstance(law, Discrete):
        raise AssessmentError("belief(discrete(...)) takes plain outcomes, not beliefs about them")

    def value(theta: Theta) -> Distribution:
        return Constant(plain(read.value(theta[:-1]).ppf(ndtr(theta[-1]))))

    # A normal mark, not a uniform one: Gauss nodes then reach the tails of the laws in use.
    return Reading((*read.beliefs, Normal(0.0, 1.0)), value)


def _shared(name: str, read: Reading) -> Reading:
    """The value of a belief that others name too; scaled by each for itself."""
    return Reading((Shared(f"belief {name}", read.value(())),), _itself)


def _scaled(read: Reading, factor: float) -> Reading:
    if factor == 1.0:
        return read
    if not read.beliefs:
        return _fixed(times(read.value(()), factor))
    if read.value is _itself and not isinstance(read.beliefs[0], Shared):
        return Reading((times(read.beliefs[0], factor),), read.value)
    return Reading(read.beliefs, lambda theta: times(read.value(theta), factor))


def _itself(theta: Theta) -> Distribution:
    """The one belief is the value, so that its law can carry the unit."""
    return Constant(theta[0])


def _in_range(read: Reading, quantity: Quantity, as_belief: bool) -> None:
    """Refuse a probability outside 0 to 1, and a rate or a loss below zero.

    A normal law of losses may reach below zero about as rarely as 1 in 1000, as the book allows it.
    """
    if quantity.dimension == "number":
        return
    for corner in itertools.product(*(_ends(belief) for belief in read.beliefs)):
        law = read.beliefs[0] if read.value is _itself else read.value(corner)
        low, high = law.support
        often = float(law.cdf(0.0)) > 2 * _RARE
        if low < 0 and (often or (read.value is _itself and not as_belief)):
            mend = "use gamma, lognormal or pert; a metalog takes `low=0`"
            raise AssessmentError(f"{written.spell(quantity)} can be negative: {mend}")
        if high > 1 and quantity.dimension == "probability":
            mend = "and is a probability: use beta, pert, triangular or uniform"
            raise AssessmentError(f"{written.spell(quantity)} can be above 1, {mend}")


def _ends(belief: Distribution, rare: float = _RARE) -> tuple[float, ...]:
    low, high = (float(belief.ppf(u)) for u in (rare / 2, 1 - rare / 2))
    return (low,) if low == high else (low, high)


def _middle(beliefs: Sequence[Distribution]) -> Theta:
    return tuple(float(belief.ppf(0.5)) for belief in beliefs)
