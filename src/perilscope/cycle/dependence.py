# SPDX-License-Identifier: Apache-2.0
"""What scenarios have in common: the list of it, and what a copula would make of the total."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from perilscope.book import Book
from perilscope.book.quantity import spell
from perilscope.cycle.settings import LEVELS, Settings
from perilscope.engines.grids.loss import LossLaw
from perilscope.engines.simulation import copula as copulas
from perilscope.engines.simulation.draws import Draws
from perilscope.errors import AssessmentError, MisuseError
from perilscope.layers.dependence import beliefs, copula, worded

if TYPE_CHECKING:
    from perilscope.cycle.measures import Document

MOST_DRAWS = 2**18


@dataclass(frozen=True)
class Tied:
    """Annual losses tied by the book's copula, and the same without it, both simulated alike."""

    tied: Draws
    free: Draws


def tie(book: Book, laws: dict[str, LossLaw], settings: Settings) -> Tied | None:
    """Simulate the total under the copula that a book declares; None where it declares none.

    Raises
    ------
    AssessmentError
        Correlations that cannot hold together.
    """
    if book.copula is None or len(laws) < 2:
        return None
    draws = min(settings.years, MOST_DRAWS)
    try:
        tied, free = copula(book.copula, tuple(laws))
    except MisuseError as error:
        raise AssessmentError(str(error)) from None
    found = (copulas.simulate(laws, c, draws=draws, seed=settings.seed) for c in (tied, free))
    return Tied(*found)


def shared(book: Book) -> list[Document]:
    """Beliefs, factors and shocks, with what each does."""
    rows: list[Document] = []
    for key, belief in book.beliefs.items():
        users = [
            f"{path.replace('_', ' ').replace('.', ', ')} of {scenario}"
            for scenario, declared in book.scenarios.items()
            for path in beliefs(declared).get(key, ())
        ]
        rows.append(
            {
                "id": key,
                "kind": "belief",
                "name": belief.name,
                "law": belief.value,
                "does": f"is one value of {', '.join(users)}" if users else "is not used",
            }
        )
    for key, factor in book.factors.items():
        does = [
            f"multiplies the {what} of {', '.join(keys)}"
            for what, keys in (("frequency", factor.frequency), ("magnitude", factor.magnitude))
            if keys
        ]
        rows.append(
            {
                "id": key,
                "kind": "factor",
                "name": factor.name,
                "law": worded(factor),
                "does": " and ".join(does),
            }
        )
    for key, shock in book.shocks.items():
        hits = ", ".join(f"{name} with {spell(chance)}" for name, chance in shock.hits.items())
        law = spell(shock.frequency.estimate.value)
        rows.append(
            {"id": key, "kind": "shock", "name": shock.name, "law": law, "does": f"hits {hits}"}
        )
    return rows


def under_copula(book: Book, found: Tied | None) -> Document | None:
    """Measures of the total under the copula, with their standard errors."""
    if found is None or book.copula is None:
        return None
    degrees = book.copula.degrees
    return {
        "kind": book.copula.kind,
        "degrees": None if degrees is None else spell(degrees),
        "years": found.tied.count,
        "var": {f"{a:g}": found.tied.var(a) for a in LEVELS},
        "cvar": {f"{a:g}": found.tied.cvar(a) for a in LEVELS},
        "var_se": {f"{a:g}": found.tied.var_error(a) for a in LEVELS},
        "cvar_se": {f"{a:g}": found.tied.cvar_error(a) for a in LEVELS},
        "without": {
            "var": {f"{a:g}": found.free.var(a) for a in LEVELS},
            "cvar": {f"{a:g}": found.free.cvar(a) for a in LEVELS},
        },
    }
