# SPDX-License-Identifier: Apache-2.0
"""What a cover pays for the losses of some lines, and what is left: the law of the net total.

Per event a cover pays y = share x min((x - deductible)+, limit); of the sum Y of a year it pays
R = min((Y - annual deductible)+, annual limit). What it pays is a law in one dimension, and so is
what is left where it acts on each event alone or on the sum alone; `net` handles both together.

Terms of the year hold for each year of the horizon by itself, and for a part of a year as they are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from perilscope.engines import net as by_year
from perilscope.engines.capped import periods
from perilscope.engines.clusters import clusters, opened
from perilscope.engines.compound import Compound
from perilscope.engines.dated import has_years
from perilscope.engines.loss import LossLaw
from perilscope.engines.net import of_year
from perilscope.engines.register import Register
from perilscope.engines.terms import Cover, Terms, each, layered, retained
from perilscope.errors import AssessmentError, InexactError

__all__ = ["Ceded", "Cover", "Terms", "ceded", "net"]

_USUAL, _TOO_COARSE = 0.99, 0.25


@dataclass(frozen=True)
class Ceded:
    """What a cover pays over the horizon.

    Parameters
    ----------
    pays : float
        Expected payments.
    pays_something, exhausted : float
        Probability of any payment, and that the annual limit is reached, in any year.
    """

    pays: float
    pays_something: float
    exhausted: float


def ceded(register: Register, cover: Cover) -> Ceded:
    """What one cover pays of the losses of its lines.

    Raises
    ------
    AssessmentError
        Terms on lines of a capped holding that do not act on its sum alone; terms of the year over
        several years where the counts of a line are not those of its years.
    """
    _check(register, cover)
    lines = [register.lines[key] for key in cover.keys]
    spans = periods(lines[0].years) if cover.terms.annual else ((lines[0].years, 1),)
    if spans[0][1] == 1 and len(spans) == 1:
        return _period(register, cover)
    whole = register.subset(cover.keys)
    years = [(n, _period(_lasting(whole, lines, length), cover)) for length, n in spans]
    nothing = within = 0.0
    known = {key: opened(line) for key, line in register.lines.items()}
    (cluster,) = clusters(register, [cover])
    for weight, case, _ in cluster.cases(known, 1):
        given = [case[key] for key in cover.keys]
        found = [(n, _period(_lasting(whole, given, length), cover)) for length, n in spans]
        nothing += weight * math.prod((1.0 - year.pays_something) ** n for n, year in found)
        within += weight * math.prod((1.0 - year.exhausted) ** n for n, year in found)
    return Ceded(math.fsum(n * year.pays for n, year in years), 1.0 - nothing, 1.0 - within)


def _lasting(register: Register, lines: Sequence[Compound], years: float) -> Register:
    return register.with_([replace(line, years=years) for line in lines])


def _period(register: Register, cover: Cover) -> Ceded:
    """The same where terms of the year apply once."""
    terms = cover.terms
    top = terms.annual_deductible + terms.annual_limit
    if terms.annual and terms.by_sum:
        gross = register.subset(cover.keys).law()
        left = of_year(gross, terms)
        some = gross.exceed(terms.annual_deductible / terms.share)
        return Ceded(left.ceded, some, _beyond(gross, top / terms.share))
    lines = [each(register.lines[key], layered(terms)) for key in cover.keys]
    law = register.subset(cover.keys).with_(lines).law()
    if not terms.annual:
        return Ceded(law.mean, 1.0 - law.none, 0.0)
    upper = law.mean if math.isinf(top) else law.limited(min(top, law.grid.range))
    return Ceded(
        pays=upper - law.limited(min(terms.annual_deductible, law.grid.range)),
        pays_something=law.exceed(terms.annual_deductible),
        exhausted=_beyond(law, top),
    )


def _beyond(law: LossLaw, top: float) -> float:
    """P(a sum reaches a limit)."""
    return 0.0 if math.isinf(top) else law.exceed(max(top - 1e-6 * law.step_at(top), 0.0))


def net(register: Register, covers: Sequence[Cover]) -> LossLaw:
    """Law of the sum of all lines, net of several covers together.

    Parameters
    ----------
    register : Register
        All lines, gross.
    covers : sequence of Cover
        No line has two.

    Raises
    ------
    AssessmentError
        As `ceded`; a line that two covers pay for.
    """
    once_each(covers)
    for cover in covers:
        _check(register, cover)
    kept = [
        each(register.lines[key], retained(cover.terms))
        for cover in covers
        if not cover.terms.annual
        for key in cover.keys
    ]
    left = register.with_(kept) if kept else register
    annual = [cover for cover in covers if cover.terms.annual and cover.terms.share > 0.0]
    if not annual:
        return left.law()
    whole = len(annual) == 1 and set(annual[0].keys) == set(left.lines)
    once = all(line.years <= 1.0 for line in left.lines.values())
    if whole and once and annual[0].terms.by_sum:
        return of_year(left.law(), annual[0].terms)
    paid = [ceded(left, cover) for cover in annual]
    pays = math.fsum(one.pays for one in paid)
    found = by_year.net(left, annual, pays, [one.exhausted for one in paid])
    if not found.error_at(_USUAL) <= _TOO_COARSE:
        raise InexactError(
            "no grid is both fine and wide enough for what is left of a year: cover scenarios of "
            "like size by themselves, or name holdings with `at_most`"
        )
    return found


def once_each(covers: Sequence[Cover]) -> None:
    """Refuse a line that two covers pay for."""
    seen: set[str] = set()
    for cover in covers:
        for key in cover.keys:
            if key in seen:
                raise AssessmentError(
                    f"two covers pay for {key}, and nothing says which comes first: write one "
                    "cover with the terms of both"
                )
            seen.add(key)


def _check(register: Register, cover: Cover) -> None:
    keys, terms = cover.keys, cover.terms
    for key in keys:
        part, line = register.component_of(key), register.lines[key]
        capped = any(unit.capped and key in unit.keys for unit in part.units)
        by_sum = terms.annual and terms.by_sum and set(part.keys) <= set(keys)
        if capped and not (by_sum and line.years <= 1.0):
            raise InexactError(
                f"the year's loss of {key} is capped by a holding, and what a cover pays beside "
                "that cap is not computed by transforms"
            )
        if terms.annual and line.years > 1.0 and not has_years(line, key in part.driven):
            raise InexactError(
                f"how often {key} happens is one draw for the whole horizon, which does not say in "
                "which year, and a cover with terms of the year pays year by year"
            )
