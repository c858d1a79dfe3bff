# SPDX-License-Identifier: Apache-2.0
"""How many events a year has, their mean being the frequency: ``counts`` of a scenario."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar, Literal

from pydantic import GetJsonSchemaHandler
from pydantic_core import CoreSchema

from .checked import Checked
from .expression import Belief, Num, OneIn, walk
from .fields import refuse
from .quantity import Quantity, QuantityError, parse, per_year, plain, spell
from .words import near, shown

Name = Literal[
    "poisson", "bernoulli", "binomial", "negative-binomial", "zero-inflated", "mixed-poisson"
]


@dataclass(frozen=True)
class Counts:
    """The law of how many events a period has, its mean being the frequency.

    Parameters
    ----------
    law : str
        Its name.
    size : Decimal, optional
        The most events of a binomial, the size of a negative binomial, the probability of a
        barred year of a zero-inflated law.
    years : Quantity, optional
        For ``mixed-poisson``: the law, with mean 1, of what a year's rate is multiplied by.
    """

    law: Name = "poisson"
    size: Decimal | None = None
    years: Quantity | None = None

    def __str__(self) -> str:
        if self.years is not None:
            return f"{self.law}({spell(self.years)})"
        if self.size is None:
            return self.law
        if self.law == "zero-inflated":
            return f"{self.law}({self.size.scaleb(2).normalize() + 0:f} %)"
        return f"{self.law}({self.size.normalize() + 0:f})"

    @property
    def most(self) -> Decimal | None:
        """The most events that a year can have; None where there is no such number."""
        return {"bernoulli": Decimal(1), "binomial": self.size}.get(self.law)

    def refuse_more(self, frequency: Quantity) -> None:
        """Refuse a plain frequency above the most events that a year can have."""
        rate = plain(frequency.node)
        if self.most is None or rate is None or frequency.dimension != "rate":
            return
        if rate * per_year(frequency) > self.most:
            most = f"{self.most.normalize() + 0:f}"
            raise refuse(
                "counts",
                f"{spell(frequency)} cannot come from at most {most} events a year",
                "Lower the frequency, or leave `counts` out: events then come as they come.",
            )


class CountsText(Checked):
    """Reads ``poisson``, ``binomial(12)``, ``zero-inflated(30 %)``, ``mixed-poisson(LAW)``..."""

    PLAIN: ClassVar[dict[str, Name]] = {
        "poisson": "poisson",
        "bernoulli": "bernoulli",
        "at most one a year": "bernoulli",
    }
    SIZED: ClassVar[dict[str, tuple[str, str]]] = {
        "binomial": ("n", "number"),
        "negative-binomial": ("size", "number"),
        "zero-inflated": ("barred", "probability"),
    }
    MEND = (
        "Allowed: `poisson`, `at most one a year`, `binomial(12)`, `negative-binomial(2)` "
        "(size: the smaller, the more years differ), `zero-inflated(30 %)` (so probable is a year "
        "in which it cannot happen), `mixed-poisson(lognormal(mean=1, sd=0.5))` (a law with mean "
        "1, drawn anew each year, times the frequency)."
    )

    def check(self, value: Any) -> Counts:
        """Return the law that a text names, or refuse it."""
        if isinstance(value, Counts):
            return value
        if not isinstance(value, str):
            raise refuse(
                "counts", f"a law of counts is wanted here, found {shown(value)}", self.MEND
            )
        text = " ".join(value.split())
        if text in self.PLAIN:
            return Counts(self.PLAIN[text])
        found = re.fullmatch(r"([a-z-]+) ?\((.+)\)", text)
        if found and found[1] == "mixed-poisson":
            return Counts("mixed-poisson", years=self._years(found[2].strip()))
        if found and found[1] in self.SIZED:
            return self._sized(found[1], found[2].strip())
        known = (*self.PLAIN, *self.SIZED, "mixed-poisson")
        close = near(found[1] if found else text, known)
        raise refuse(
            "counts", f"cannot read {shown(value)} as a law of counts", f"{close}{self.MEND}"
        )

    def _sized(self, law: str, text: str) -> Counts:
        key, dimension = self.SIZED[law]
        try:
            size = plain(parse(re.sub(rf"^{key} ?= ?", "", text), dimension).node)
        except QuantityError as error:
            raise refuse("counts", f"`{law}`: {error.what}", self.MEND) from None
        barred = law == "zero-inflated"
        if size is None or (size < 0 if barred else size <= 0):
            what = f"`{key}` of `{law}` is {'zero or more' if barred else 'above zero'}"
            raise refuse("counts", what, self.MEND)
        if barred and size >= 1:
            raise refuse(
                "counts",
                "in a `zero-inflated` law with probability 1 nothing ever happens",
                "Write a probability below 1: `zero-inflated(30 %)`.",
            )
        if law == "binomial" and size != int(size):
            raise refuse("counts", "the `n` of `binomial` is a whole number", self.MEND)
        return Counts(law, size)  # type: ignore[arg-type]

    def _years(self, text: str) -> Quantity:
        try:
            years = parse(text, "number")
        except QuantityError as error:
            raise refuse("counts", f"`mixed-poisson`: {error.what}", error.mend) from None
        if any(isinstance(part, Belief) for part in walk(years.node)):
            raise refuse(
                "counts",
                "`mixed-poisson` takes chance, not belief: years differ by themselves",
                "Leave `belief(...)` out; what is not known goes into the frequency.",
            )
        if isinstance(years.node, Num | OneIn):
            raise refuse(
                "counts",
                "`mixed-poisson` takes a law, not a number",
                "Write `mixed-poisson(lognormal(mean=1, sd=0.5))`, or `poisson`.",
            )
        return years

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": "string", "description": self.MEND}
