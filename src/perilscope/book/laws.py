# SPDX-License-Identifier: Apache-2.0
"""The laws a book may use: their arguments, and what makes one impossible."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from .expression import Call, Node, Outcomes, To, plain
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

    ``forms`` are the allowed sets of names, ``positional`` the one that needs no names.
    """

    forms: tuple[tuple[str, ...], ...]
    positional: tuple[str, ...] = ()
    named: bool = False  # printed with names even where it could be positional

    def like(self, name: str) -> str:
        """Show how the law is written."""
        shown = [f"`{name}({', '.join(self.positional)})`"] if self.positional else []
        shown += [
            f"`{name}({', '.join(f'{a}=..' for a in form)})`"
            for form in self.forms
            if form != self.positional or self.named
        ]
        return " or ".join(shown)


_SPREAD = ("low", "mode", "high")
LAWS: dict[str, Law] = {
    "pert": Law((_SPREAD,), _SPREAD),
    "triangular": Law((_SPREAD,), _SPREAD),
    "uniform": Law((("low", "high"),), ("low", "high")),
    "normal": Law((("mean", "sd"),), ("mean", "sd")),
    "lognormal": Law((("p5", "p95"), ("mean", "sd"), ("median", "p95"), ("mu", "sigma"))),
    "beta": Law((("a", "b"), ("mean", "sd")), ("a", "b")),
    "gamma": Law(
        (("mean", "sd"), ("shape", "scale"), ("shape", "rate")), ("shape", "rate"), named=True
    ),
    "exponential": Law((("mean",),), ("mean",)),
    "weibull": Law((("shape", "scale"),), ("shape", "scale")),
    "pareto": Law((("shape", "minimum"),), ("shape", "minimum")),
}
NAMES = (*LAWS, "discrete")
# Laws that stay between 0 and 1 when their numbers do.
BOUNDED = frozenset({"pert", "triangular", "uniform", "beta", "discrete"})

Argument = tuple[str | None, Node]


def call(name: str, arguments: Sequence[Argument]) -> Call:
    """Return a law with its arguments named and in order, or refuse it.

    Raises
    ------
    QuantityError
        If there is no such law, the arguments do not belong to it, or no such law can exist.
    """
    law = LAWS.get(name)
    if law is None:
        raise QuantityError(
            f"no law is called `{name}`", f"{near(name, NAMES)}Known: {', '.join(NAMES)}."
        )
    given = [k for k, _ in arguments if k is not None]
    like = f"Write {law.like(name)}."
    if given and len(given) < len(arguments):
        raise QuantityError(f"`{name}` mixes arguments with and without names", like)
    if not given:
        return _check(Call(name, _in_order(name, law, arguments, like)))
    if len(set(given)) < len(given):
        raise QuantityError(f"`{name}` gives an argument twice", like)
    for form in law.forms:
        if set(form) == set(given):
            values = dict(arguments)
            return _check(Call(name, tuple((k, values[k]) for k in form)))
    raise QuantityError(f"`{name}` does not take {', '.join(given)} together", like)


def _in_order(
    name: str, law: Law, arguments: Sequence[Argument], like: str
) -> tuple[tuple[str, Node], ...]:
    if not law.positional:
        raise QuantityError(f"`{name}` needs the names of its arguments", like)
    if len(arguments) != len(law.positional):
        wanted = len(law.positional)
        number = "one number" if wanted == 1 else f"{wanted} numbers"
        raise QuantityError(f"`{name}` takes {number}, not {len(arguments)}", like)
    return tuple((k, v) for k, (_, v) in zip(law.positional, arguments, strict=True))


def outcomes(pairs: Sequence[tuple[Node, Node]]) -> Outcomes:
    """Return a discrete law, or refuse it when its probabilities do not sum to 1."""
    chances = [plain(p) for _, p in pairs]
    known = [c for c in chances if c is not None]
    if any(not 0 <= c <= 1 for c in known):
        raise QuantityError("a probability in `discrete` is outside 0 to 1")
    if len(known) == len(chances) and abs(sum(known, Decimal(-1))) > Decimal("1e-9"):
        raise QuantityError(
            f"the probabilities in `discrete` sum to {float(sum(known)):.9g}, not 1",
            "Write every outcome with its probability: `discrete(0: 50 %, 1M: 50 %)`.",
        )
    return Outcomes(tuple(pairs))


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
    n = {k: v for k, node in law.args if (v := plain(node)) is not None}
    for k in ("a", "b", "shape", "scale", "rate", "minimum", "sigma"):
        if k in n and n[k] <= 0:
            raise QuantityError(f"`{k}` of `{law.law}` must be above zero")
    if "sd" in n and n["sd"] <= 0:
        raise QuantityError(
            f"`sd` of `{law.law}` must be above zero", "For a single value write the number."
        )
    if law.law in ("lognormal", "gamma", "exponential"):
        for k in ("mean", "median", "p5", "p95"):
            if k in n and n[k] <= 0:
                raise QuantityError(f"`{k}` of `{law.law}` must be above zero")
    _ordered(law.law, n)
    if law.law == "beta" and "mean" in n:
        _beta(n)
    if law.law == "normal" and n.keys() >= {"mean", "sd"} and n["mean"] < 3 * n["sd"]:
        raise QuantityError(
            "this normal law reaches below zero too often (more than 1 in 1000)",
            "Use `lognormal(mean=.., sd=..)` or `gamma(mean=.., sd=..)`.",
        )
    return law


def _ordered(name: str, n: dict[str, Decimal]) -> None:
    for low, high in (("low", "mode"), ("mode", "high"), ("low", "high")):
        if low in n and high in n and n[low] > n[high]:
            raise QuantityError(f"in `{name}` the {low} is above the {high}")
    if "low" in n and "high" in n and n["low"] == n["high"]:
        raise QuantityError(
            f"in `{name}` low and high are the same", "For a single value write the number."
        )
    for low, high in (("p5", "p95"), ("median", "p95")):
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
