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

from perilscope.engines.aggregate.capped import periods
from perilscope.engines.aggregate.capped_covers import work
from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.cover_layers import Counted
from perilscope.engines.aggregate.register import Register
from perilscope.engines.aggregate.terms import Cover, Terms, each, layered, retained
from perilscope.engines.covers import net as by_year
from perilscope.engines.covers.clusters import clusters, opened
from perilscope.engines.covers.dated import has_years
from perilscope.engines.covers.net import of_year
from perilscope.engines.grids.loss import LossLaw
from perilscope.errors import AssessmentError, InexactError

__all__ = ["Ceded", "Cover", "Terms", "ceded", "net"]

_USUAL, _TOO_COARSE = 0.99, 0.25
_FINE_ENOUGH = 1e-2
"""Error up to which what terms of the year leave of a holding is not simulated instead."""
_MOST_WORK = 128
"""Laws of what events take from a holding in turn that are computed at most for one figure."""
_BOTH = (
    "the year's loss of {} is capped by a holding, and what a cover with terms of the year leaves "
    "of it is not computed by transforms"
)


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
    InexactError
        Terms of the year over several years where the counts of a line are not those of its years;
        holdings that are capped by the year where it would take very long.
    """
    _check(register, cover)
    lines = [register.lines[key] for key in cover.keys]
    spans = periods(lines[0].years) if cover.terms.annual else ((lines[0].years, 1),)
    if spans[0][1] == 1 and len(spans) == 1:
        return _period(register, cover)
    keys = _together(register, cover.keys)
    lines = [register.lines[key] for key in keys]
    whole = register.subset(keys)
    years = [(n, _period(_lasting(whole, lines, length), cover)) for length, n in spans]
    nothing = within = 0.0
    known = {key: opened(line) for key, line in register.lines.items()}
    (cluster,) = clusters(register, [cover])
    for weight, case, _ in cluster.cases(known, 1):
        given = [case[key] for key in keys]
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
    if _by_sum(register, cover):
        gross = register.subset(cover.keys).law()
        left = of_year(gross, terms)
        some = gross.exceed(terms.annual_deductible / terms.share)
        return Ceded(left.ceded, some, _beyond(gross, top / terms.share))
    law = _counting(register, [cover], pays=True).law()
    if not terms.annual:
        return Ceded(law.mean, 1.0 - law.none, 0.0)
    upper = law.mean if math.isinf(top) else law.limited(min(top, law.grid.range))
    return Ceded(
        pays=upper - law.limited(min(terms.annual_deductible, law.grid.range)),
        pays_something=law.exceed(terms.annual_deductible),
        exhausted=_beyond(law, top),
    )


def _by_sum(register: Register, cover: Cover) -> bool:
    """Whether what is paid in a year follows from the sum of its lines alone."""
    whole = set(_together(register, cover.keys)) == set(cover.keys)
    return cover.terms.annual and cover.terms.by_sum and whole


def _capped(register: Register, key: str) -> bool:
    return any(unit.capped and key in unit.keys for unit in register.component_of(key).units)


def _together(register: Register, keys: Sequence[str]) -> list[str]:
    """Lines, with all that take from the same capped holdings."""
    units = [unit for key in keys for unit in register.component_of(key).units if key in unit.keys]
    return list(dict.fromkeys(key for unit in units for key in unit.keys))


def _counting(register: Register, covers: Sequence[Cover], *, pays: bool) -> Register:
    """Lines with what covers pay of each event, or all lines with what these leave.

    What one event takes from a capped holding is not there for the next, whatever is paid of it, so
    such lines keep their losses and have what counts of them beside.
    """
    terms = {key: cover.terms for cover in covers for key in cover.keys}
    held = [key for key in terms if _capped(register, key)]
    asked = _together(register, list(terms)) if pays else list(register.lines)
    spent = set(_together(register, held))
    lines = []
    for key in asked:
        line, own = register.lines[key], terms.get(key)
        if key in spent:
            line = replace(line, counted=_counted(own, pays))
        elif own is not None:
            line = each(line, layered(own) if pays else retained(own))
        lines.append(line)
    if spent:
        _refuse_long(register, spent)
        return Register(lines, mixtures=register.mixtures, caps=register.caps)
    mine = register.subset(asked) if pays else register
    return mine.with_(lines) if terms else mine


def _counted(terms: Terms | None, pays: bool) -> Counted:
    """What counts of a line that takes from a holding; of the year what is left alone."""
    if terms is None:
        return Counted(pays=pays)
    event = terms.deductible, terms.limit, terms.share, pays
    year = () if pays else (terms.annual_deductible, terms.annual_limit)
    return Counted(*event, *year)


def _any_capped(register: Register, cover: Cover) -> bool:
    return any(_capped(register, key) for key in cover.keys)


def _refuse_beside(register: Register, cover: Cover, covers: Sequence[Cover]) -> None:
    """Refuse terms of the year of a holding but of one cover, which pays for nothing else."""
    mates = set(_together(register, cover.keys))
    one = any(mates == set(u.keys) for u in register.component_of(cover.keys[0]).units)
    others = {key for other in covers if other is not cover for key in other.keys}
    terms = cover.terms
    full = terms.deductible == terms.annual_deductible == 0.0 and terms.share == 1.0
    if full or not one or mates & others:
        raise InexactError(_BOTH.format(cover.keys[0]))


def _refuse_long(register: Register, spent: set[str]) -> None:
    """Refuse holdings of which what counts would have to be found very often."""
    for part in dict.fromkeys(map(register.component_of, spent)):
        if work(part, register.lines) > _MOST_WORK:
            raise InexactError(
                f"what is paid for {', '.join(part.keys)}, of which some take from one holding in "
                "turn, would take very long to compute"
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
    annual = [cover for cover in covers if cover.terms.annual and cover.terms.share > 0.0]
    held = [c for c in annual if not _by_sum(register, c) and _any_capped(register, c)]
    for cover in held:
        _refuse_beside(register, cover, covers)
    annual = [cover for cover in annual if cover not in held]
    once = [cover for cover in covers if not cover.terms.annual]
    left = _counting(register, [*once, *held], pays=False)
    if not annual:
        found = left.law()
        if held and not found.error_at(_USUAL) <= _FINE_ENOUGH:
            raise InexactError("a holding is worth too much against what is lost of it")
        return found
    whole = len(annual) == 1 and set(annual[0].keys) == set(left.lines)
    short = all(line.years <= 1.0 for line in left.lines.values())
    if whole and short and annual[0].terms.by_sum:
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
    for key in cover.keys:
        driven = key in register.component_of(key).driven
        if cover.terms.annual and register.lines[key].years > 1.0:
            if _capped(register, key):
                raise InexactError(_BOTH.format(key))
            if not has_years(register.lines[key], driven):
                raise InexactError(
                    f"how often {key} happens is one draw for the whole horizon, which does not "
                    "say in which year, and a cover with terms of the year pays year by year"
                )
