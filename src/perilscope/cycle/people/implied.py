# SPDX-License-Identifier: Apache-2.0
"""What a person's interval or quantiles imply: the law, its mean, its tail, a line for a book."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from perilscope.beliefs.law import notes, point, reading
from perilscope.book.quantity import Quantity, QuantityError, parse, spell
from perilscope.engines.laws.distributions import Constant, Distribution, Lognormal
from perilscope.errors import AssessmentError, MisuseError

KINDS = ("money", "rate", "probability", "number")
#: The factor of a scenario that a quantity of each kind usually is.
FACTORS = {"money": "magnitude", "rate": "frequency", "probability": "vulnerability"}
_LEVELS = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
#: The picture shows what lies between these levels, in so many columns.
_ENDS, _COLUMNS = (0.002, 0.998), 60
#: A 90 % interval with a smaller ratio of its ends is asked about once more.
_NARROW = 1.5
#: Ends further apart than this factor are no estimate.
_WIDEST = 1e12


def kind_of(text: str) -> str:
    """What a text measures, as far as it can be seen.

    Examples
    --------
    >>> kind_of("1 in 5 years"), kind_of("4 %"), kind_of("1 in 25"), kind_of("200k")
    ('rate', 'probability', 'probability', 'money')
    """
    try:
        parse(text, "rate")
    except QuantityError:
        return "probability" if "%" in text or " in " in text else "money"
    return "rate"


def value_of(text: str, kind: str) -> float:
    """The number in a text of a known kind; per year for a rate, also where it says no period.

    Raises
    ------
    MisuseError
        If it is not one plain number of that kind.

    Examples
    --------
    >>> value_of("1 in 5 years", "rate"), value_of("200k", "money")
    (0.2, 200000.0)
    """
    if kind == "rate" and _BARE.fullmatch(text.strip()):
        text += " per year"
    quantity = _parsed(text, kind, "")
    law = reading(quantity).value(()) if not reading(quantity).beliefs else None
    if not isinstance(law, Constant):
        raise MisuseError(f"{text}: one plain number is wanted here, like {_LIKE[kind]}")
    return point(quantity)


def interval(
    low: str, high: str, *, kind: str = "", what: str = "", currency: str = "USD",
    by: str = "", on: str = "",
) -> dict[str, Any]:  # fmt: skip
    """What a 90 % interval implies.

    Parameters
    ----------
    low, high : str
        The ends as written: 5 % lies below the one and 5 % above the other.
    kind : str
        ``money``, ``rate``, ``probability`` or ``number``; guessed from the text unless given.
    what : str
        What is estimated, in words.
    currency : str
        Of money written without a unit.
    by, on : str
        Who says so, and when; for the line of the book.

    Returns
    -------
    dict
        What the faces show; see :func:`quantiles`.

    Raises
    ------
    MisuseError
        Where the ends are not of one kind, do not rise, or make no law.

    Examples
    --------
    >>> found = interval("200k", "2.5M", by="ciso", on="2026-11-20")
    >>> round(found["mean"]), found["line"]
    (949480, 'magnitude: {value: 200k to 2.5M, by: ciso, on: 2026-11-20}')
    """
    return _shown({0.05: low, 0.95: high}, kind, what, currency, by, on)


def quantiles(
    given: Mapping[float, str], *, kind: str = "", what: str = "", currency: str = "USD",
    by: str = "", on: str = "",
) -> dict[str, Any]:  # fmt: skip
    """What quantiles imply: the law that fits them best.

    Parameters
    ----------
    given : mapping of level to text
        Two or more levels between 0 and 1.

    Returns
    -------
    dict
        ``text`` and ``line`` for a book; ``law``, ``mean``, ``median`` and ``quantiles`` of the
        law; ``fit``: the largest relative distance of the law's quantiles from those given;
        ``mean_at``: how much of the law lies below its mean; ``notes``, ``warnings``: sentences;
        ``picture``: the probability in each column of an axis.

    Raises
    ------
    MisuseError
        As :func:`interval`.
    """
    if len(given) < 2:
        raise MisuseError("give two quantiles or more, like --p 5=50k --p 50=200k --p 95=2M")
    return _shown(dict(sorted(given.items())), kind, what, currency, by, on)


def levels(texts: Sequence[str]) -> dict[float, str]:
    """Quantiles as typed, ``95=2M``: value by level.

    Raises
    ------
    MisuseError
        For a text of another form, and for a level that stands twice.

    Examples
    --------
    >>> levels(["5=50k", "95=2M"])
    {0.05: '50k', 0.95: '2M'}
    """
    found: dict[float, str] = {}
    for text in texts:
        written = _QUANTILE.fullmatch(text.strip())
        if written is None:
            raise MisuseError(f"{text!r} is no quantile: write the percentage and the value, 95=2M")
        level = float(Decimal(written[1]) / 100)
        if level in found:
            raise MisuseError(f"the {written[1]} % quantile is given twice")
        found[level] = written[2]
    return found


def line(factor: str, text: str, by: str, on: str) -> str:
    """A line that can be pasted into a scenario.

    Examples
    --------
    >>> line("magnitude", "pert(1k, 2k, 9k)", "ciso, quant", "2026-11-20")
    'magnitude: {value: "pert(1k, 2k, 9k)", by: "ciso, quant", on: 2026-11-20}'
    """
    fields = {"value": text, "by": by or "your name", "on": on}
    inner = ", ".join(f"{key}: {_scalar(value)}" for key, value in fields.items() if value)
    return f"{factor}: {{{inner}}}"


_LIKE = {"money": "200k or 1.5M USD", "rate": "0.2 per year or 1 in 5 years",
         "probability": "4 % or 1 in 25", "number": "12 or 0.5"}  # fmt: skip
_QUANTILE = re.compile(r"p?(\d{1,2}(?:\.\d{1,6})?) ?%? ?= ?(\S.*)")
_BARE = re.compile(r"\d+(\.\d+)?")
_PLAIN = re.compile(r"[A-Za-z0-9][\w .%()+/-]*")


def _scalar(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def _parsed(text: str, kind: str, currency: str) -> Quantity:
    if kind not in KINDS:
        raise MisuseError(f"{kind!r} is no kind; there are {', '.join(KINDS)}")
    try:
        return parse(text, kind, currency)
    except QuantityError as error:
        raise MisuseError(f"{error.what}\n    {error.mend}".rstrip()) from None


def _shown(
    given: Mapping[float, str], kind: str, what: str, currency: str, by: str, on: str
) -> dict[str, Any]:
    texts = list(given.values())
    kind = kind or kind_of(texts[0])
    values = [value_of(text, kind) for text in texts]
    _rising(list(given), values, texts)
    quantity = _quantity(given, values, kind, currency)
    text = spell(quantity)
    if quantity.unit == currency:  # what a book takes an amount without a unit to be in
        text = text.removesuffix(f" {currency}")
    law = _law(quantity)
    found = {level: float(law.ppf(level)) for level in _LEVELS}
    mean = float(law.mean)
    return {
        "what": what,
        "kind": kind,
        "currency": quantity.unit,
        "given": [[level, value] for level, value in zip(given, values, strict=True)],
        "text": text,
        "law": type(law).__name__.lower(),
        "fit": max(abs(float(law.ppf(p)) / v - 1) if v else 0.0
                   for p, v in zip(given, values, strict=True)),
        "mean": mean if math.isfinite(mean) else None,
        "mean_at": float(law.cdf(mean)) if math.isfinite(mean) else 1.0,
        "median": found[0.5],
        "quantiles": {f"{level:g}": value for level, value in found.items()},
        "notes": list(notes(quantity)),
        "warnings": _warnings(law, found, mean, kind),
        "picture": _picture(law),
        "line": line(FACTORS.get(kind, "value"), text, by, on),
    }  # fmt: skip


def _rising(levels: Sequence[float], values: Sequence[float], texts: Sequence[str]) -> None:
    for level in levels:
        if not 0 < level < 1:
            raise MisuseError(f"a quantile must lie between 0 % and 100 %; here {100 * level:g} %")
    for n in range(len(values) - 1):
        if not values[n] < values[n + 1]:
            raise MisuseError(
                f"{texts[n]} and {texts[n + 1]} do not rise: the smaller end stands first, and "
                "the two differ"
            )
    if not values[0] > 0:
        raise MisuseError(
            f"{texts[0]} is not above zero: say how small it is when it is small; that nothing may "
            "happen at all belongs into the frequency"
        )
    if values[-1] / values[0] > _WIDEST:
        raise MisuseError(
            f"{texts[0]} to {texts[-1]} leaves everything open: the ends are more than "
            f"{_WIDEST:.0e} times apart; ask first whether it is one kind of case"
        )


def _quantity(
    given: Mapping[float, str], values: Sequence[float], kind: str, currency: str
) -> Quantity:
    """The estimate as a book would have it; what is not an amount is a belief."""
    texts = list(given.values())
    if kind == "rate":
        texts = [f"{value:.12g}" for value in values]
    if tuple(given) == (0.05, 0.95):
        body = f"{texts[0]} to {texts[1]}"
    else:
        named = (f"p{100 * level:.10g}={text}" for level, text in zip(given, texts, strict=True))
        body = f"quantiles({', '.join(named)})"
    if kind in ("rate", "probability"):
        body = f"belief({body})" + (" per year" if kind == "rate" else "")
    return _parsed(body, kind, currency)


def _law(quantity: Quantity) -> Distribution:
    try:
        read = reading(quantity)
    except AssessmentError as error:
        raise MisuseError(str(error)) from None
    return read.alone or read.value(())


def _warnings(law: Distribution, found: Mapping[float, float], mean: float, kind: str) -> list[str]:
    said = []
    low, high = found[0.05], found[0.95]
    if not mean <= high and not isinstance(law, Lognormal):  # of a lognormal the notes say it
        said.append(
            "Too wide: the mean lies above the 95 % point, so fewer than 1 case in 20 carries the "
            "whole of it. Split the case in two (usual and extreme), or lower the upper end to "
            "what cannot be exceeded (a balance, a limit)."
        )
    ratio = high / low
    if kind == "probability" and high < 1:
        ratio *= (1 - low) / (1 - high)
    if ratio < _NARROW:
        said.append(
            "Narrow: the ends are closer than most people can know. Ask what would have to happen "
            "for the truth to lie outside, and whether that is really only 1 case in 10."
        )
    return said


def _picture(law: Distribution) -> dict[str, Any]:
    """Probability of each column of an axis, on a logarithmic scale where the law spans decades."""
    low, high = (float(law.ppf(end)) for end in _ENDS)
    log = low > 0 and high / low > 20
    edges = np.geomspace(low, high, _COLUMNS + 1) if log else np.linspace(low, high, _COLUMNS + 1)
    masses = np.diff([float(law.cdf(edge)) for edge in edges])
    return {"low": low, "high": high, "log": log, "masses": masses.tolist()}
