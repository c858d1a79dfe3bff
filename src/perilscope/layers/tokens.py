# SPDX-License-Identifier: Apache-2.0
"""Which losses are counted in a token, so that its price in a market scenario is theirs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from perilscope.book import Scenario
from perilscope.engines.aggregate.compound import Compound
from perilscope.layers import operational
from perilscope.layers.context import Context
from perilscope.layers.valuation import Valuation

Note = Callable[[str, str], None]
"""Told (where, what) a reader must know."""

_ALIKE = 1e-9


def counted(
    scenarios: Mapping[str, Scenario],
    lines: Mapping[str, Compound],
    caps: Mapping[str, float],
    context: Context,
    note: Note = lambda _where, _what: None,
) -> dict[str, str]:
    """Scenarios whose losses are counted in one token, and which.

    A scenario is one if its magnitude names a token, and would cost twice as much, with its
    holding, were the token twice as dear. One that is partly in money stays at today's price.

    Parameters
    ----------
    scenarios, lines : mapping
        By id.
    caps : mapping of float
        Of holdings.
    context : Context
    note : callable
        Told of what is only partly in a token.

    Returns
    -------
    dict of scenario to token
    """
    found = {}
    for key, line in lines.items():
        named = _named(scenarios[key], context)
        if not named:
            continue
        token = named[0]
        if len(named) == 1 and _twice(scenarios[key], line, caps, context, token):
            found[key] = token
        else:
            note(
                f"scenarios.{key}",
                f"its loss is only partly counted in {', '.join(named)}: it is taken at today's "
                "price, not at the price of the market scenario it happens in",
            )
    return found


@dataclass(frozen=True)
class _Watched(Valuation):
    """A valuation that tells which tokens a magnitude names; shares of holdings name none."""

    base: Valuation | None = None
    seen: Callable[[str], None] = lambda _token: None

    def price(self, token: str) -> float:
        assert self.base is not None
        if token != self.book.currency:
            self.seen(token)
        return self.base.price(token)

    def worth(self, what: str):  # type: ignore[no-untyped-def]
        assert self.base is not None
        return self.base.worth(what)


@dataclass(frozen=True)
class _Dearer(Valuation):
    """A valuation in which one token costs more."""

    token: str = ""
    times: float = 1.0

    def price(self, token: str) -> float:
        return super().price(token) * (self.times if token == self.token else 1.0)


def _named(scenario: Scenario, context: Context) -> list[str]:
    found: dict[str, None] = {}
    v = context.valuation
    watched = _Watched(
        v.book,
        v.closes,
        v.portfolio,
        v.ceilings,
        v.placed,
        v,
        lambda token: found.setdefault(token),
    )
    operational.line(scenario, replace(context, valuation=watched))
    return list(found)


def _twice(
    scenario: Scenario,
    line: Compound,
    caps: Mapping[str, float],
    context: Context,
    token: str,
) -> bool:
    v = context.valuation
    dearer = _Dearer(v.book, v.closes, v.portfolio, v.ceilings, v.placed, token, 2.0)
    other = operational.line(scenario, replace(context, valuation=dearer))
    other = replace(other, happens=line.happens)
    one, two = line.moments()[0], other.moments()[0]
    if not (math.isfinite(one) and abs(two - 2.0 * one) <= _ALIKE * two):
        return False
    if not line.group or line.group not in caps:
        return True
    return abs(dearer.loss(line.group) - 2.0 * caps[line.group]) <= _ALIKE * caps[line.group]
