# SPDX-License-Identifier: Apache-2.0
"""What a reader of an estimate should know about its law: conventions, misfits, wide intervals,
amounts too small to be meant.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from perilscope.beliefs import fitted, named
from perilscope.book.expression import Call, Node, ShareOf, To, levels, plain, walk
from perilscope.book.quantity import Quantity, spell
from perilscope.engines.laws.distributions import Distribution, Lognormal
from perilscope.errors import AssessmentError

VERY_WIDE, WIDE = 3.29, 2.0
"""Sigma of a lognormal from which its mean lies above its 95th percentile, and an early word."""

MISS = 0.05
"""A fitted law that misses one of its quantiles by more asks for another look."""

Note = tuple[str, bool]
"""A sentence, and whether it is a warning."""

_EXACT = 1e-6
_Z = 1.6448536269514722  # 95 % quantile of the normal law


def notes(quantity: Quantity, currency: str = "") -> tuple[str, ...]:
    """Sentences about the laws in a quantity, each once, in the order they are written.

    Parameters
    ----------
    quantity : Quantity
        As declared.
    currency : str
        What an amount of less than one of is hardly meant; none by default.

    Returns
    -------
    tuple of str
        The PERT convention; how near a fitted law comes to its quantiles; an interval so wide that
        its mean is decided by events nobody has seen; a mean that is infinite, or less than one
        unit of the currency. Nothing about laws with beliefs about their arguments, and nothing
        where no law can be.

    Examples
    --------
    >>> from perilscope.book.quantity import parse
    >>> notes(parse("pert(50k, 400k, 1.55M)", "money"))
    ("PERT by Vose's form, lambda 4.",)
    >>> notes(parse("250k to 8M", "money"))
    ()
    """
    return tuple(dict.fromkeys(text for text, _ in _said(quantity, currency)))


def warnings(quantity: Quantity, currency: str = "") -> tuple[str, ...]:
    """Those of the notes that ask for another look: an interval too wide, a law that misses, a mean
    of less than one unit of the currency.

    Examples
    --------
    >>> from perilscope.book.quantity import parse
    >>> warnings(parse("100 to 100M", "money"))[0][:40]
    '`100 to 100M` is so wide that its mean i'
    >>> warnings(parse("pert(50k, 400k, 1.55M)", "money"))
    ()
    >>> warnings(parse("gamma(0.2, 50k)", "money", "USD"), "USD")[0][:65]
    '`gamma(shape=0.2, rate=50000)` has a mean of 4e-06 USD. Its two n'
    """
    return tuple(dict.fromkeys(text for text, grave in _said(quantity, currency) if grave))


def _said(quantity: Quantity, currency: str) -> Iterator[Note]:
    counted = bool(currency) and quantity.dimension == "money" and quantity.unit == currency
    for part in walk(quantity.node):
        yield from _about(part, quantity, currency if counted else "")


def _about(node: Node, quantity: Quantity, currency: str) -> Iterator[Note]:
    bounded = quantity.dimension == "probability" or isinstance(quantity.node, ShareOf)
    measured = "probability" if bounded else quantity.dimension
    text = spell(Quantity(node, measured))
    if isinstance(node, Call) and node.law == "pert":
        weight = plain(dict(node.args)["lambda"]) if "lambda" in dict(node.args) else 4
        yield f"PERT by Vose's form, lambda {weight}.", False
    try:
        law = _law(node, bounded)
    except AssessmentError:
        return  # the assessment says why
    if isinstance(node, Call) and levels(node) and law is not None:
        yield from _fit(node, text, bounded)
    if isinstance(law, Lognormal) and law.sigma > WIDE:
        yield _width(text, law.sigma), law.sigma > VERY_WIDE
    elif law is not None and math.isinf(float(law.mean)):
        yield (
            f"`{text}` has no finite mean: it can be assessed only where `at_most` names the "
            "holding that bounds the loss.",
            False,
        )
    elif law is not None and currency and 0.0 < float(law.mean) < 1.0:
        yield _small(node, text, float(law.mean), currency), True


def _small(node: Node, text: str, mean: float, currency: str) -> str:
    arguments = dict(node.args) if isinstance(node, Call) else {}
    read = f"`{text}` has a mean of {mean:.3g} {currency}. "
    if arguments.keys() == {"shape", "rate"}:
        scaled = Call("gamma", (("shape", arguments["shape"]), ("scale", arguments["rate"])))
        return read + (
            "Its two numbers are read as shape and rate, whose quotient is the mean; where the "
            f"second is an amount write `{spell(Quantity(scaled, 'number'))}`, or "
            "`gamma(mean=.., sd=..)`."
        )
    logs = " (`mu` and `sigma` are of its natural logarithm)" if "mu" in arguments else ""
    return read + (
        f"Check what its numbers are read as{logs}; amounts are written in {currency}, with k for "
        "thousands and M for millions."
    )


def _law(node: Node, bounded: bool) -> Distribution | None:
    """The law of a part with plain arguments; None for numbers and for what is made of laws."""
    match node:
        case To(low, high) if not bounded:
            law, numbers = "lognormal", _numbers((("p5", low), ("p95", high)))
        case Call(law, args):
            numbers = _numbers(args)
        case _:
            return None
    if numbers is None:
        return None
    if law == "quantiles":
        return fitted.fit(law, numbers, bounded=bounded).law
    return named.build(law, numbers)


def _numbers(arguments: Sequence[tuple[str, Node]]) -> dict[str, float] | None:
    """Arguments as numbers, or None where one is a belief or a law."""
    found = [(name, plain(value)) for name, value in arguments]
    return None if any(n is None for _, n in found) else {k: float(n or 0) for k, n in found}


def _fit(node: Call, text: str, bounded: bool) -> Iterator[Note]:
    numbers = _numbers(node.args)
    if numbers is None or not fitted.takes(node.law, numbers):
        return  # as `lognormal(median=.., p95=..)`, which is no fit
    if node.law == "lognormal" and [*levels(node)] == [5, 95]:
        return  # meets both by definition
    found = fitted.fit(node.law, numbers, bounded=bounded)
    law = f"the nearest law, {found.family}," if node.law == "quantiles" else "the fitted law"
    if found.error < _EXACT:
        yield f"`{text}`: {law} meets every quantile.", False
    else:
        most = f"{100 * found.error:.3g}" if found.error < 10 else f"{100 * found.error:,.0f}"
        yield f"`{text}`: {law} misses a quantile by up to {most} %.", found.error > MISS


def _width(text: str, sigma: float) -> str:
    if sigma > VERY_WIDE:
        times = math.exp(min(sigma * sigma / 2 - _Z * sigma, 700.0))  # as far as numbers go
        return (
            f"`{text}` is so wide that its mean is {times:.3g} times its 95th percentile: the "
            "average rests on events rarer than 1 in 20. Narrow it, bound it with `at_most`, or "
            "write small and large losses apart with `mixture(..)` or `spliced(..)`."
        )
    return (
        f"`{text}` is very wide: raising its low end lowers its mean. Check the mean it implies, "
        "or give more quantiles with `quantiles(..)`."
    )
