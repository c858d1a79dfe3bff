# SPDX-License-Identifier: Apache-2.0
"""Quantities as people write them: what they measure, and one canonical spelling.

A quantity is an expression (:mod:`perilscope.book.expression`) with its dimension and unit:
money, a rate, a probability, a plain number, a length of time, or money per period.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType

from .expression import (
    Belief,
    Call,
    Named,
    Node,
    Num,
    OneIn,
    Outcomes,
    Sample,
    ShareOf,
    To,
    children,
    is_measured,
    named,
    plain,
    resolve,
    walk,
)
from .grammar import WRONG_SCALES, Written, read
from .laws import BOUNDED, LAWS, SHARES, QuantityError
from .words import listed, near

__all__ = [
    "Belief",
    "Call",
    "Named",
    "Node",
    "Num",
    "OneIn",
    "Outcomes",
    "Quantity",
    "QuantityError",
    "Sample",
    "ShareOf",
    "To",
    "named",
    "parse",
    "per_year",
    "plain",
    "spell",
    "walk",
    "years",
]

# How many of a period make a year of 365.25 days.
PERIODS: dict[str, Decimal] = {
    "year": Decimal(1),
    "quarter": Decimal(4),
    "month": Decimal(12),
    "week": Decimal("365.25") / 7,
    "day": Decimal("365.25"),
    "hour": Decimal(8766),
}
LIKE: dict[str, str] = {
    "money": "`250k`, `1.2M USD`, `1200 ETH`, `250k to 8M`, `pert(50k, 400k, 1.55M)`",
    "rate": "`0.2 per year`, `1 in 5 years`, `belief(gamma(mean=0.2, sd=0.1)) per year`",
    "probability": "`4 %`, `0.04`, `1 in 25`, `belief(beta(2, 48))`",
    "number": "`12`, `0.5`, `40k`",
    "years": "`1 year`, `1 quarter`, `18 months`, `48 hours`",
    "money_rate": "`50k per year`, `4k per month`",
}
NAMED: dict[str, str] = {
    "money": "a sum of money",
    "rate": "a rate",
    "probability": "a probability",
    "number": "a number",
    "years": "a length of time",
    "money_rate": "a sum of money per period",
}


@dataclass(frozen=True)
class Quantity:
    """A number, law or belief together with what it measures.

    Parameters
    ----------
    node : Node
        The expression. Numbers of dimension ``years`` are in years whatever the unit written.
    dimension : str
        ``money``, ``rate``, ``probability``, ``number``, ``years`` or ``money_rate``.
    unit : str
        Currency or token symbol of money; the period written for a length of time.
    per : str
        ``year``, ``quarter``, ``month``, ``week``, ``day`` or ``hour`` for rates.

    Examples
    --------
    >>> q = parse("1 in 5 years", "rate")
    >>> q.node, q.per
    (OneIn(n=Decimal('5')), 'year')
    >>> spell(parse("250 k", "money", "USD"))
    '250k USD'
    """

    node: Node
    dimension: str
    unit: str = ""
    per: str = ""

    def __str__(self) -> str:
        return spell(self)


def per_year(quantity: Quantity) -> Decimal:
    """Return the factor that turns a rate of this quantity into a rate per year.

    Examples
    --------
    >>> per_year(parse("2 per month", "rate"))
    Decimal('12')
    """
    return PERIODS[quantity.per or "year"]


def years(quantity: Quantity) -> float:
    """Return a plain length of time in years.

    Examples
    --------
    >>> years(parse("18 months", "years"))
    1.5
    """
    value = plain(quantity.node)
    if value is None:
        raise QuantityError(f"{spell(quantity)} is not a plain length of time")
    return float(value)


@lru_cache(maxsize=16384)
def _parse(
    text: str,
    dimension: str,
    currency: str,
    tokens: frozenset[str] | None,
    percent: bool,
    beliefs: tuple[tuple[str, str], ...],
) -> Quantity:
    written = _resolved(read(text), dict(beliefs))
    try:
        return _measured(written, dimension, currency, tokens, percent)
    except QuantityError as error:
        mend = error.mend or f"{NAMED[dimension].capitalize()} is written like {LIKE[dimension]}."
        raise QuantityError(error.what, mend, error.kind) from None


def parse(
    text: str,
    dimension: str,
    currency: str = "USD",
    tokens: Collection[str] | None = None,
    *,
    percent: bool = False,
    beliefs: Mapping[str, str] = MappingProxyType({}),
) -> Quantity:
    """Read a quantity of a known dimension.

    Parameters
    ----------
    text : str
        As written in the book.
    dimension : str
        What it must measure.
    currency : str
        Reporting currency: the unit of money written without one.
    tokens : collection of str, optional
        Declared token symbols; None accepts any unit.
    percent : bool
        Whether a rate may be written in percent (a return, not a number of events).
    beliefs : mapping of str to str
        What is meant by ``belief(NAME)``, as written.

    Raises
    ------
    QuantityError
        With ``what`` and ``mend``.

    Examples
    --------
    >>> parse("pert(50k, 400k, 1.55M)", "money").node.law
    'pert'
    >>> parse("0.5", "rate")
    Traceback (most recent call last):
    perilscope.book.laws.QuantityError: '0.5' does not say per what
    """
    if dimension == "years" and text in PERIODS:  # the unit alone is one of it
        text = f"1 {text}"
    known = None if tokens is None else frozenset(tokens)
    meant = tuple(sorted(beliefs.items())) if "belief(" in text.replace(" ", "") else ()
    try:
        return _parse(text, dimension, currency, known, percent, meant)
    except QuantityError as error:
        if error.mend:
            raise
        like = f"{NAMED[dimension].capitalize()} is written like {LIKE[dimension]}."
        raise QuantityError(error.what, like, error.kind) from None


def definition(text: str) -> Written:
    """Read what is believed of something with a name.

    Raises
    ------
    QuantityError
        If it is no law, holds a belief, or is a range whose law depends on where it stands.

    Examples
    --------
    >>> definition("gamma(2, 10) per year").notes
    (('per', 'year'),)
    """
    written = read(text)
    if any(isinstance(part, Belief | Named) for part in walk(written.node)):
        raise QuantityError(
            "a belief stands inside a belief", "Write the law alone, like `beta(5, 2)`."
        )
    if isinstance(written.node, To) or getattr(written.node, "law", "") == "quantiles":
        raise QuantityError(
            "what this law is depends on where it stands",
            "Name the law: `beta(p5=.., p95=..)` for a probability, `lognormal(p5=.., p95=..)`.",
        )
    if not isinstance(written.node, Call | Outcomes | Sample):
        raise QuantityError("a law is wanted here", "Like `beta(5, 2)` or `gamma(2, 10) per year`.")
    return written


def _resolved(written: Written, beliefs: Mapping[str, str]) -> Written:
    """An expression with what the book says of every named belief in its place."""
    names = named(written.node)
    if not names:
        return written
    found: dict[str, Written] = {}
    for name in names:
        if name not in beliefs:
            known = f"Declared: {listed(beliefs)}." if beliefs else "None is declared."
            raise QuantityError(
                f"no belief is called `{name}`",
                f"{near(name, list(beliefs))}{known} They stand under `beliefs:`.",
                "reference",
            )
        found[name] = definition(beliefs[name])
    node = resolve(written.node, lambda name: found[name].node)
    return Written(node, written.notes + tuple(n for f in found.values() for n in f.notes))


def _measured(
    written: Written,
    dimension: str,
    currency: str,
    tokens: frozenset[str] | None,
    percent: bool,
) -> Quantity:
    """Say what an expression measures, or refuse it."""
    node, units = written.node, written.noted("unit")
    pers, times = written.noted("per"), written.noted("time")
    share = isinstance(node, ShareOf)
    for unit in units:
        if unit in WRONG_SCALES and unit not in (tokens or ()):
            raise QuantityError(f"`{unit}` is not a scale or a unit", WRONG_SCALES[unit])
    wants_per = dimension in ("rate", "money_rate")
    if len(units) > 1 or len(pers) > 1 or len(times) > 1:
        raise QuantityError(f"units are mixed: {', '.join(units + pers + times)}", kind="unit")
    if pers and not wants_per:
        raise QuantityError(f"{_text(written)} is a rate, not {NAMED[dimension]}", kind="unit")
    if wants_per and not pers:
        raise QuantityError(f"{_text(written)!r} does not say per what", kind="unit")
    if times and dimension != "years":
        raise QuantityError(
            f"{_text(written)!r} is a length of time, not {NAMED[dimension]}", kind="unit"
        )
    if units and (share or dimension not in ("money", "money_rate")):
        raise QuantityError(f"{NAMED[dimension]} has no unit like `{units[0]}`", kind="unit")
    if share and dimension not in ("money",):
        raise QuantityError(f"a share of something is not {NAMED[dimension]}", kind="unit")
    _percents(written, dimension, percent)
    _ranges(node, dimension)
    if dimension == "years":
        return _duration(node, times)
    unit = "" if share else _unit(units, dimension, currency, tokens)
    return Quantity(node, dimension, unit, pers[0] if pers else "")


def _percents(written: Written, dimension: str, percent: bool) -> None:
    if not written.noted("percent") or isinstance(written.node, ShareOf):
        return
    if dimension in ("money", "money_rate"):
        raise QuantityError(
            "a share of what?",
            "Name what it is a share of: `30 % of hot-wallet`, `5 % of net_assets`.",
            "unit",
        )
    if dimension == "years" or (dimension == "rate" and not percent):
        raise QuantityError(
            f"{NAMED[dimension]} is not written in percent",
            "A rate counts events: write `0.04 per year`." if dimension == "rate" else "",
            "unit",
        )


def _unit(units: list[str], dimension: str, currency: str, tokens: frozenset[str] | None) -> str:
    if dimension not in ("money", "money_rate"):
        return ""
    if not units:
        return currency
    if tokens is not None and units[0] != currency and units[0] not in tokens:
        known = [currency, *sorted(tokens)]
        raise QuantityError(
            f"the unit `{units[0]}` is neither the currency nor a declared token",
            f"{near(units[0], known)}Declared: {listed(known)}; others go under `tokens:`.",
            "unit",
        )
    return units[0]


def _duration(node: Node, times: list[str]) -> Quantity:
    if not isinstance(node, Num):
        raise QuantityError("a length of time is one plain number", kind="unit")
    if not times:
        raise QuantityError("a length of time names its unit", kind="unit")
    unit = "" if times[0] == "year" else times[0]
    return Quantity(Num(node.value / PERIODS[times[0]]), "years", unit)


def _ranges(node: Node, dimension: str) -> None:
    """Refuse what is negative, or a share or probability above one, however deep it stands."""
    share = isinstance(node, ShareOf)
    bounded = share or dimension == "probability"
    for part in _values(node):
        if isinstance(part, Call):
            if bounded and not _held(part):
                raise QuantityError(
                    f"a `{part.law}` law is not held between 0 and 1",
                    "Use beta, pert, triangular, uniform or discrete, or a metalog with "
                    "`low=0, high=1`.",
                    "range",
                )
            if not bounded and part.law == "beta" and dimension in ("money", "money_rate"):
                raise QuantityError(
                    "a beta lies between 0 and 1, which is no sum of money",
                    "Use pert, or a share: `beta(2, 3) of hot-wallet`.",
                    "range",
                )
        value = plain(part)
        if value is None:
            continue
        if value < 0 and dimension != "number":
            raise QuantityError(f"{_digits(value)} is negative", "Write zero or more.", "range")
        if bounded and value > 1:
            raise QuantityError(f"{_digits(value)} is above 1", kind="range")
        if dimension == "years" and value == 0:
            raise QuantityError("a length of time is above zero", kind="range")


def _held(law: Call) -> bool:
    """Whether a law stays between 0 and 1 when its numbers do."""
    return law.law in BOUNDED or (law.law == "metalog" and {*dict(law.args)} >= {"low", "high"})


def _values(node: Node) -> Iterator[Node]:
    yield node
    for part in children(node):
        yield from _values(part)


def spell(quantity: Quantity) -> str:
    """Return the one canonical text of a quantity.

    Examples
    --------
    >>> spell(parse("lognormal(p95=2500000, p5=200k)", "money"))
    'lognormal(p5=200k, p95=2.5M) USD'
    >>> spell(parse("0.3 to 0.5 of binance", "money"))
    '30 % to 50 % of binance'
    """
    node = quantity.node
    if quantity.dimension == "years" and isinstance(node, Num):
        unit = quantity.unit or "year"
        count = Decimal(f"{node.value * PERIODS[unit]:.15g}")
        return f"{_digits(count)} {unit}{'' if count == 1 else 's'}"
    if quantity.per and isinstance(node, OneIn):
        return f"{_node(node, 'rate')} {quantity.per}{'' if node.n == 1 else 's'}"
    text = _node(node, quantity.dimension)
    if quantity.unit:
        text += f" {quantity.unit}"
    return f"{text} per {quantity.per}" if quantity.per else text


def _node(node: Node, style: str) -> str:
    match node:
        case Num(value):
            return _number(value, style)
        case OneIn(n):
            return f"1 in {_digits(n)}"
        case Call(law, args):
            return f"{law}({', '.join(_argument(law, k, v, style) for k, v in args)})"
        case Outcomes(pairs, law):
            inner = (f"{_node(x, style)}: {_node(p, 'probability')}" for x, p in pairs)
            return f"{law}({', '.join(inner)})"
        case Sample(values, law):
            return f"{law}({', '.join(_node(value, style) for value in values)})"
        case To(low, high):
            return f"{_node(low, style)} to {_node(high, style)}"
        case Belief(of, name):
            return f"belief({name or _node(of, style)})"
        case Named(name):
            return f"belief({name})"
        case ShareOf(share, of):
            return f"{_node(share, 'probability')} of {of}"


def _argument(law: str, name: str, value: Node, style: str) -> str:
    own = "probability" if name in SHARES else "number"
    text = _node(value, style if is_measured(law, name) else own)
    written = LAWS[law]
    return text if name in written.positional and not written.named else f"{name}={text}"


def _number(value: Decimal, style: str) -> str:
    if style == "probability":
        return f"{_digits(value.scaleb(2))} %"
    if style in ("money", "money_rate"):
        for word, power in (("bn", 9), ("M", 6), ("k", 3)):
            scaled = value.scaleb(-power)
            if abs(scaled) >= 1 and scaled == scaled.quantize(Decimal("0.001")):
                return f"{_digits(scaled)}{word}"
    return _digits(value)


def _digits(value: Decimal) -> str:
    return f"{value.normalize() + 0:f}"


def _text(written: Written) -> str:
    return _node(written.node, "number")
