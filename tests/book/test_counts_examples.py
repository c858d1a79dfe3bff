# SPDX-License-Identifier: Apache-2.0
"""Laws of counts as a book and a register write them, and what is refused."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from perilscope.book import Book, Counts, canonical, from_mapping, table
from perilscope.book.quantity import parse
from perilscope.errors import BookError


def book(counts: str, frequency: Any = "0.5 per year") -> Book:
    scenario = {"asset": "desk", "frequency": frequency, "counts": counts, "magnitude": "1M"}
    return from_mapping(
        {
            "institution": {"name": "Test"},
            "currency": "USD",
            "as_of": "2026-01-31",
            "assets": {"desk": {"kind": "other"}},
            "scenarios": {"s": scenario},
        }
    )


@pytest.mark.parametrize(
    ("text", "meant", "spelled"),
    [
        ("bernoulli", Counts("bernoulli"), "bernoulli"),
        ("at most one a year", Counts("bernoulli"), "bernoulli"),
        ("binomial(n=12)", Counts("binomial", Decimal(12)), "binomial(12)"),
        ("negative-binomial( 2.50 )", Counts("negative-binomial", Decimal("2.5")), None),
        ("zero-inflated(0.3)", Counts("zero-inflated", Decimal("0.3")), "zero-inflated(30 %)"),
        ("zero-inflated(barred=1 in 4)", Counts("zero-inflated", Decimal("0.25")), None),
        (
            "mixed-poisson(gamma(4,4))",
            Counts("mixed-poisson", years=parse("gamma(4, 4)", "number")),
            "mixed-poisson(gamma(shape=4, rate=4))",
        ),
    ],
)
def test_counts_have_one_spelling_that_reads_back(
    text: str, meant: Counts, spelled: str | None
) -> None:
    found = book(text)
    assert found.scenarios["s"].counts == meant
    assert spelled in (None, str(meant))
    assert canonical(book(str(meant))) == canonical(found)
    assert f'"counts":"{meant}"' in canonical(found)


@pytest.mark.parametrize(
    ("counts", "what", "mend"),
    [
        ("zero-inflated(1)", "nothing ever happens", "below 1"),
        ("zero-inflated(120 %)", "above 1", ""),
        ("zero-inflated(-0.1)", "negative", ""),
        ("negative-binomial(0)", "`size` of `negative-binomial` is above zero", ""),
        ("binomial(0)", "`n` of `binomial` is above zero", ""),
        ("binomial(uniform(1, 2))", "is above zero", ""),
        ("binomal(12)", "cannot read", "Did you mean `binomial`?"),
        ("mixed-poisson(1.5)", "takes a law, not a number", "lognormal(mean=1"),
        ("mixed-poisson(belief(gamma(4, 4)))", "chance, not belief", "frequency"),
        ("mixed-poisson(gamma(4))", "takes 2 numbers", ""),
    ],
)
def test_what_is_no_law_of_counts(counts: str, what: str, mend: str) -> None:
    with pytest.raises(BookError) as refused:
        book(counts)
    (fault,) = refused.value.faults
    assert fault.path == "scenarios.s.counts"
    assert what in fault.what
    assert mend in fault.mend


@pytest.mark.parametrize(
    ("counts", "frequency"),
    [
        ("at most one a year", "1.2 per year"),
        ("binomial(12)", "2 per month"),
        ("binomial(3)", {"threat_event_frequency": "4 per year", "vulnerability": "10 %"}),
    ],
)
def test_more_events_than_there_can_be_are_refused(counts: str, frequency: Any) -> None:
    with pytest.raises(BookError, match="cannot come from at most"):
        book(counts, frequency)
    assert book("poisson", frequency).scenarios["s"].counts == Counts()


def test_as_many_events_as_there_can_be_are_allowed() -> None:
    assert book("at most one a year", "1 per year").scenarios["s"].counts.most == 1


@pytest.mark.parametrize(
    ("text", "frequency", "counts"),
    [
        ("poisson(0.2)", "0.2 per year", "poisson"),
        ("poisson(mean=1 in 5 years)", "1 in 5 years", "poisson"),
        ("binomial(12, 0.5)", "0.5 per year", "binomial(12)"),
        ("negative-binomial(size=2, mean=0.5)", "0.5 per year", "negative-binomial(size=2)"),
        ("zero-inflated(30 %, 0.5)", "0.5 per year", "zero-inflated(30 %)"),
        (
            "mixed-poisson(lognormal(mean=1, sd=0.5), 0.5)",
            "0.5 per year",
            "mixed-poisson(lognormal(mean=1, sd=0.5))",
        ),
    ],
)
def test_the_shorthand_of_a_register(text: str, frequency: str, counts: str) -> None:
    assert table.frequency(text) == {"frequency": frequency, "counts": counts}


def test_faults_of_count_laws_stand_on_their_line() -> None:
    rows = [
        "a,bernoulli(1.2),5k",
        "b,poisson(-1),5k",
        "c,poisson(0),5k",
        'd,"binomial(2, 3)",5k',
        "e,binomial(0.5),5k",
        'f,"zero-inflated(1, 0.5)","pert(3, 2, 1)"',
        "g,mixed-poisson(0.5),5k",
        'h,"mixed-poisson(gama(4, 4), 0.5)",5k',
        "i,geometric(0.5),5k",
        'j,"poisson(0.5, 2)",5k',
    ]
    with pytest.raises(BookError) as refused:
        table.register(
            "r.csv",
            "\n".join(["id,frequency,severity", *rows]).encode(),
            currency="USD",
            as_of="2026-01-31",
        )
    places = [(fault.line, fault.path) for fault in refused.value.faults]
    assert places == [
        (2, "a.frequency"),
        (3, "b.frequency"),
        (5, "d.frequency"),
        (6, "e.frequency"),
        (7, "f.frequency"),
        (7, "f.severity"),
        (8, "g.frequency"),
        (9, "h.frequency"),
        (10, "i.frequency"),
        (11, "j.frequency"),
    ]
    assert all(fault.mend for fault in refused.value.faults)
