# SPDX-License-Identifier: Apache-2.0
"""The laws a book may use: their arguments, and what makes one impossible."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from .expression import Belief, Call, Node, Num, OneIn, Outcomes, Sample, To, level, levels, plain
from .words import near


class QuantityError(ValueError):
    """A text is not a quantity, or not one that may stand here."""

    def __init__(self, what: str, mend: str = "", kind: str = "quantity") -> None:
        super().__init__(what)
        self.what = what
        self.mend = mend
        self.kind = kind


@dataclass(frozen=True)
class Law:
    """Argument lists a law may be written with.

    ``forms`` are the allowed sets of names, ``positional`` the arguments that need no names,
    ``optional`` what may be added with its name. ``fitted`` laws may also be given by two or more
    quantiles, ``p10=.., p90=..``.
    """

    forms: tuple[tuple[str, ...], ...] = ()
    positional: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    named: bool = False  # printed with names even where it could be positional
    fitted: bool = False

    def like(self, name: str) -> str:
        """Show how the law is written."""
        quantiles = ["p5=..", "p95=.."] if self.forms else ["p5=..", "p50=..", "p95=.."]
        shown = [quantiles] if self.fitted else []
        for form in self.forms:
            bare = () if self.named else self.positional
            shown.append([a if a in bare else f"{a}=.." for a in form])
        texts = [f"`{name}({', '.join(form)})`" for form in shown]
        more = f"; may be added: {', '.join(self.optional)}" if self.optional else ""
        return " or ".join(texts) + more


_SPREAD = ("low", "mode", "high")
LAWS: dict[str, Law] = {
    "pert": Law((_SPREAD,), _SPREAD, ("lambda",)),
    "triangular": Law((_SPREAD,), _SPREAD),
    "uniform": Law((("low", "high"),), ("low", "high")),
    "normal": Law((("mean", "sd"),), ("mean", "sd")),
    "lognormal": Law((("mean", "sd"), ("median", "p95"), ("mu", "sigma")), fitted=True),
    "beta": Law((("a", "b"), ("mean", "sd")), ("a", "b"), fitted=True),
    "gamma": Law(
        (("mean", "sd"), ("shape", "scale"), ("shape", "rate")),
        ("shape", "rate"),
        named=True,
        fitted=True,
    ),
    "exponential": Law((("mean",),), ("mean",)),
    "weibull": Law((("shape", "scale"),), ("shape", "scale"), fitted=True),
    "pareto": Law((("shape", "minimum"),), ("shape", "minimum")),
    "gpd": Law((("shape", "scale"),), optional=("threshold",)),
    "spliced": Law((("body", "tail", "at"),), ("body", "tail"), ("above",)),
    "metalog": Law(optional=("low", "high", "terms"), fitted=True),
    "quantiles": Law(fitted=True),
}
# Laws written in pairs of outcome and probability.
PAIRED = {
    "discrete": "discrete(0: 50 %, 1M: 50 %)",
    "mixture": "mixture(uniform(1k, 9k): 70 %, pert(10k, 50k, 1M): 30 %)",
}
NAMES = (*LAWS, *PAIRED, "empirical")
# Arguments that are themselves laws, and those that are probabilities.
INNER = ("body", "tail")
SHARES = frozenset({"above"})
# Laws that stay between 0 and 1 when their numbers do.
BOUNDED = frozenset({"pert", "triangular", "uniform", "beta", "quantiles", "spliced"})
_POSITIVE = frozenset({"lognormal", "gamma", "weibull", "exponential", "quantiles"})

Argument = tuple[str | None, Node]


def law(name: str, arguments: Sequence[Argument]) -> Call | Sample:
    """Return a law with its arguments named and in order, or refuse it.

    Raises
    ------
    QuantityError
        If there is no such law, the arguments do not belong to it, or no such law can exist.
    """
    if name == "empirical":
        return _sample(arguments)
    known = LAWS.get(name)
    if known is None:
        raise QuantityError(
            f"no law is called `{name}`", f"{near(name, NAMES)}Known: {', '.join(NAMES)}."
        )
    given = _named(name, known, arguments)
    return _check(Call(name, _in_order(name, known, given)))


def _named(name: str, law: Law, arguments: Sequence[Argument]) -> dict[str, Node]:
    """Arguments by name; those without one come first and have it by their place."""
    like = f"Write {law.like(name)}."
    bare = [value for key, value in arguments if key is None]
    named = [(_canonical(key), value) for key, value in arguments if key is not None]
    if bare and not law.positional:
        raise QuantityError(f"`{name}` needs the names of its arguments", like)
    first = [key is None for key, _ in arguments]
    if bare and (first != sorted(first, reverse=True) or {k for k, _ in named} & {*law.positional}):
        raise QuantityError(f"`{name}` mixes arguments with and without names", like)
    if bare and len(bare) != len(law.positional):
        wanted = len(law.positional)
        number = "one number" if wanted == 1 else f"{wanted} numbers"
        number = number.replace("number", "law") if name == "spliced" else number
        raise QuantityError(f"`{name}` takes {number}, not {len(bare)}", like)
    given = dict(zip(law.positional, bare, strict=True)) if bare else {}
    if len({*given, *(key for key, _ in named)}) < len(arguments):
        raise QuantityError(f"`{name}` gives an argument twice", like)
    return given | dict(named)


def _in_order(name: str, law: Law, given: dict[str, Node]) -> tuple[tuple[str, Node], ...]:
    """Arguments in canonical order: a form, or quantiles by probability; then what is optional."""
    rest = given.keys() - {*law.optional}
    form: Iterable[str] | None = next((f for f in law.forms if {*f} == rest), None)
    if form is None and law.fitted and rest and all(level(key) is not None for key in rest):
        if len(rest) < 2:
            raise QuantityError(f"`{name}` needs two quantiles or more", f"Write {law.like(name)}.")
        form = sorted(rest, key=lambda key: level(key) or 0)
    if form is None:
        wrong = [key for key in given if re.fullmatch(r"p\d+_\d+", key)]
        like = f"Write `{wrong[0].replace('_', '.')}`. " if wrong else ""
        given_text = ", ".join(given)
        raise QuantityError(
            f"`{name}` does not take {given_text} together"
            if len(given) > 1
            else f"`{name}` does not take {given_text} alone",
            f"{like}Write {law.like(name)}.",
        )
    order = [*form, *(key for key in law.optional if key in given)]
    usual = name == "pert" and plain(given.get("lambda", Belief(Num(Decimal(0))))) == 4
    return tuple((key, given[key]) for key in order if not (usual and key == "lambda"))


def _canonical(key: str) -> str:
    """``p05`` and ``p50.0`` as they are spelled: ``p5``, ``p50``."""
    p = level(key)
    return key if p is None else f"p{p.normalize() + 0:f}"


def _sample(arguments: Sequence[Argument]) -> Sample:
    mend = "Write the values that were seen: `empirical(12k, 40k, 55k)`."
    if any(key is not None for key, _ in arguments):
        raise QuantityError("`empirical` takes no names", mend)
    values = tuple(value for _, value in arguments)
    if any(plain(value) is None for value in values):
        raise QuantityError("`empirical` takes plain numbers", mend)
    return Sample(values)


def outcomes(pairs: Sequence[tuple[Node, Node]], name: str = "discrete") -> Outcomes:
    """Return a discrete law or a mixture, or refuse it when its probabilities do not sum to 1."""
    chances = [plain(p) for _, p in pairs]
    known = [c for c in chances if c is not None]
    if len(known) < len(chances):
        raise QuantityError(
            f"a probability in `{name}` is not a plain number", f"Write `{PAIRED[name]}`."
        )
    if any(not 0 <= c <= 1 for c in known):
        raise QuantityError(f"a probability in `{name}` is outside 0 to 1")
    if abs(sum(known, Decimal(-1))) > Decimal("1e-9"):
        raise QuantityError(
            f"the probabilities in `{name}` sum to {float(sum(known)):.9g}, not 1",
            f"Write every outcome with its probability: `{PAIRED[name]}`.",
        )
    stray = [x for x, _ in pairs if not isinstance(x, Num | OneIn | Belief)]
    if name == "discrete" and stray:
        raise QuantityError(
            "an outcome of `discrete` is a law; a number or `belief(...)` stands there",
            f"Laws with their probabilities are written `{PAIRED['mixture']}`.",
        )
    return Outcomes(tuple(pairs), name)


def between(low: Node, high: Node) -> To:
    """Return ``low to high``, or refuse it when the two are in the wrong order."""
    a, b = plain(low), plain(high)
    if a is not None and b is not None and not a < b:
        raise QuantityError(
            "in `a to b` the first must be below the second",
            "5 % of what happens lies below the first, 5 % above the second.",
        )
    return To(low, high)


def _check(law: Call) -> Call:
    """Refuse a law that cannot exist, as far as its plain numbers tell."""
    _kinds(law)
    n = {k: v for k, node in law.args if (v := plain(node)) is not None}
    signed = {"shape"} if law.law == "gpd" else set()
    for k in {"a", "b", "shape", "scale", "rate", "minimum", "sigma", "lambda"} - signed:
        if k in n and n[k] <= 0:
            raise QuantityError(f"`{k}` of `{law.law}` must be above zero")
    if "sd" in n and n["sd"] <= 0:
        raise QuantityError(
            f"`sd` of `{law.law}` must be above zero", "For a single value write the number."
        )
    if law.law in _POSITIVE:
        for k, value in n.items():
            if (k in ("mean", "median") or level(k) is not None) and value <= 0:
                raise QuantityError(f"`{k}` of `{law.law}` must be above zero")
    _ordered(law, n)
    match law.law:
        case "beta" if "mean" in n:
            _beta(n)
        case "metalog":
            _metalog(law, n)
        case "spliced":
            _spliced(law, n)
    if law.law == "normal" and n.keys() >= {"mean", "sd"} and n["mean"] < 3 * n["sd"]:
        raise QuantityError(
            "this normal law reaches below zero too often (more than 1 in 1000)",
            "Use `lognormal(mean=.., sd=..)` or `gamma(mean=.., sd=..)`.",
        )
    return law


def _kinds(law: Call) -> None:
    """Refuse a law where a number belongs, and a belief where a plain number does."""
    known = LAWS[law.law]
    fitted = levels(law) and [k for k, _ in law.args] not in (["p5", "p95"], ["median", "p95"])
    for key, value in law.args:
        if key in INNER:
            if isinstance(value, Num | OneIn | Belief):
                raise QuantityError(f"the {key} of `spliced` is a law", _LIKE_SPLICED)
            continue
        if not isinstance(value, Num | OneIn | Belief):
            raise QuantityError(
                f"`{key}` of `{law.law}` is a law; a number or `belief(...)` stands there",
                f"Write {known.like(law.law)}.",
            )
        if isinstance(value, Belief) and (fitted or law.law == "spliced" or key == "lambda"):
            raise QuantityError(
                f"`{key}` of `{law.law}` is a belief; a plain number stands there",
                "A lognormal by p5 and p95, and laws by their parameters, take beliefs."
                if fitted
                else "Put the belief into the body or the tail."
                if law.law == "spliced"
                else "",
            )


def _ordered(law: Call, n: dict[str, Decimal]) -> None:
    name = law.law
    for low, high in (("low", "mode"), ("mode", "high"), ("low", "high")):
        if low in n and high in n and n[low] > n[high]:
            raise QuantityError(f"in `{name}` the {low} is above the {high}")
    if "low" in n and "high" in n and n["low"] == n["high"]:
        raise QuantityError(
            f"in `{name}` low and high are the same", "For a single value write the number."
        )
    rising = [key for key, _ in law.args if level(key) is not None or key == "median"]
    for key in rising:
        p = level(key)
        if p is not None and not 0 < p < 100:
            raise QuantityError(
                f"`{key}` of `{name}` is no quantile",
                "Quantiles lie between p0 and p100: `p5`, `p50`, `p99.9`.",
            )
    for low, high in itertools.pairwise(rising):
        if low in n and high in n and n[low] >= n[high]:
            raise QuantityError(f"in `{name}` the {low} must be below the {high}")


def _beta(n: dict[str, Decimal]) -> None:
    mean = n["mean"]
    if not 0 < mean < 1:
        raise QuantityError("the mean of a beta must lie between 0 and 1")
    if "sd" in n and n["sd"] ** 2 >= mean * (1 - mean):
        raise QuantityError(
            "no beta has so large an sd with this mean", "The sd must be below sqrt(mean (1-mean))."
        )


def _metalog(law: Call, n: dict[str, Decimal]) -> None:
    given = [key for key in n if level(key) is not None]
    if "low" in n and n["low"] >= n[given[0]]:
        raise QuantityError(f"in `metalog` the low must be below the {given[0]}")
    if "high" in n and n["high"] <= n[given[-1]]:
        raise QuantityError(f"in `metalog` the high must be above the {given[-1]}")
    if "high" in n and "low" not in n:
        raise QuantityError("a `metalog` with a high end has a low end too", "Add `low=..`.")
    terms = n.get("terms", Decimal(2))
    if terms != int(terms) or not 2 <= terms <= len(given):
        raise QuantityError(
            f"`terms` of `metalog` is a whole number from 2 to {len(given)}, the number of "
            "quantiles",
            "Leave it out to meet every quantile.",
        )


_LIKE_SPLICED = "Write `spliced(lognormal(p5=10k, p95=800k), pareto(1.5, 1M), at=1M)`."


def _spliced(law: Call, n: dict[str, Decimal]) -> None:
    parts = dict(law.args)
    at, above = n["at"], n.get("above")
    if above is not None and not 0 < above < 1:
        raise QuantityError("`above` of `spliced` must lie between 0 and 1", "Write `above=5 %`.")
    low, high = _reach(parts["body"])
    if low is not None and at <= low:
        raise QuantityError(
            "the body of `spliced` has nothing below `at`",
            "Raise `at`, or take a body that begins lower.",
        )
    if above is None and high is not None and at >= high:
        raise QuantityError(
            "the body of `spliced` has nothing above `at`, so the tail would never happen",
            "Lower `at`, or say how often it happens: `above=5 %`.",
        )
    _, far = _reach(parts["tail"])
    if far is not None and at >= far:
        raise QuantityError(
            "the tail of `spliced` has nothing above `at`",
            "Lower `at`, or take a tail that reaches further.",
        )


def _reach(node: Node) -> tuple[Decimal | None, Decimal | None]:
    """Least and greatest value of a law as far as plain numbers tell; None where they do not."""
    match node:
        case Call("pert" | "triangular" | "uniform" | "metalog", args):
            ends = dict(args)
            low, high = (plain(ends[end]) if end in ends else None for end in ("low", "high"))
            return low, high
        case Call("pareto", args):
            return plain(dict(args)["minimum"]), None
        case Call("gpd", args):
            return plain(dict(args).get("threshold", Num(Decimal(0)))), None
        case Call("spliced", args):
            return _reach(dict(args)["body"])[0], _reach(dict(args)["tail"])[1]
        case Call("normal"):
            return None, None
        case Call() | To():
            return Decimal(0), None
        case Sample(values):
            known = [v for value in values if (v := plain(value)) is not None]
            return min(known), max(known)
        case _:
            return None, None
