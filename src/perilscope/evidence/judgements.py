# SPDX-License-Identifier: Apache-2.0
"""What several experts said: quantiles for questions, some of which have a known answer.

A question with a known answer is a *seed*: it shows how good the experts' quantiles are. The others
are *targets*: what is wanted. :mod:`perilscope.evidence.answers` reads files of them.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from perilscope.errors import MisuseError

Scale = Literal["uniform", "log"]
Kind = Literal["money", "rate", "probability", "number"]
Answer = tuple[float, ...]


@dataclass(frozen=True)
class Item:
    """One question and what each expert answered.

    Parameters
    ----------
    name : str
        Short name.
    answers : tuple of (tuple of float or None)
        For each expert of the study, in order, the quantiles; None where there is no answer.
    truth : float or None
        The known answer of a seed question; None for a target.
    scale : "uniform" or "log"
        The background law that says nothing: flat over the range, or flat over its logarithms.
    kind : "money", "rate", "probability" or "number"
        What is asked for; a rate is per year.
    question : str
        The question in words.

    Raises
    ------
    MisuseError
        For quantiles that do not rise, and numbers that the scale or the kind does not allow.
    """

    name: str
    answers: tuple[Answer | None, ...]
    truth: float | None = None
    scale: Scale = "uniform"
    kind: Kind = "money"
    question: str = ""

    def __post_init__(self) -> None:
        for given in (*self.answers, None if self.truth is None else (self.truth,)):
            said = given and wrong(given, self.scale, self.kind)
            if said:
                raise MisuseError(f"{self.name}: {said}")


@dataclass(frozen=True)
class Study:
    """A panel of experts, the quantiles they were asked for, and the questions.

    Parameters
    ----------
    experts : tuple of str
    levels : tuple of float
        The probabilities of the quantiles, rising, each between 0 and 1.
    items : tuple of Item
    weights : tuple of float
        What a moderator gives each expert, for pooling without seeds; empty means equal.

    Raises
    ------
    MisuseError
        Without an expert, a level or an item; where an answer has another number of quantiles than
        there are levels; where names occur twice.

    Examples
    --------
    >>> item = Item("losses", ((1.0, 2.0, 4.0), None), truth=3.0)
    >>> Study(("ciso", "quant"), (0.05, 0.5, 0.95), (item,)).seeds[0].truth
    3.0
    """

    experts: tuple[str, ...]
    levels: tuple[float, ...]
    items: tuple[Item, ...]
    weights: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        rising = all(a < b for a, b in zip((0.0, *self.levels), (*self.levels, 1.0), strict=True))
        if not (self.experts and self.items and self.levels and rising):
            raise MisuseError(
                "a study has experts, questions, and levels that rise between 0 and 1"
            )
        names = [*self.experts], [item.name for item in self.items]
        if any(len(set(each)) < len(each) for each in names):
            raise MisuseError("two experts or two questions of a study have the same name")
        if self.weights and (
            len(self.weights) != len(self.experts)
            or not all(0 <= w < math.inf for w in self.weights)
            or not sum(self.weights) > 0
        ):
            raise MisuseError("one weight for each expert, none negative and not all zero")
        for item in self.items:
            sizes = {len(answer) for answer in item.answers if answer is not None}
            if len(item.answers) != len(self.experts) or not sizes <= {len(self.levels)}:
                raise MisuseError(f"{item.name}: one quantile for each level from each expert")
            if not sizes:
                raise MisuseError(f"{item.name}: nobody answered")

    @property
    def seeds(self) -> tuple[Item, ...]:
        """The questions whose answer is known."""
        return tuple(item for item in self.items if item.truth is not None)

    @property
    def targets(self) -> tuple[Item, ...]:
        """The questions whose answer is wanted."""
        return tuple(item for item in self.items if item.truth is None)


def wrong(values: Sequence[float], scale: str, kind: str) -> str:
    """What is wrong with quantiles, or with one known answer; empty where they are good.

    Examples
    --------
    >>> wrong((1.0, 3.0, 2.0), "uniform", "number")
    'the quantiles of an answer rise: each is above the one before'
    """
    if not all(math.isfinite(value) for value in values):
        return "an answer is a finite number"
    if any(not a < b for a, b in itertools.pairwise(values)):
        return "the quantiles of an answer rise: each is above the one before"
    low, high = values[0], values[-1]
    if scale == "log" and not low > 0:
        return f"on a log scale every number is above zero; here {low:g}"
    if kind != "number" and low < 0:
        return f"a {kind} is not negative; here {low:g}"
    if kind == "probability" and high > 1:
        return f"a probability is at most 1; here {high:g}"
    return ""
