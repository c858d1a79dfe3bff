# SPDX-License-Identifier: Apache-2.0
"""How often protocols are exploited: counts over protocol-years, with their sources.

The package brings a small table (``base_rates.csv`` beside this file); a book can name one of its
rows, or give counts of its own.
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from perilscope.errors import AssessmentError

USUAL = "institutional"
_COUNTS = re.compile(r"([0-9.]+) in ([0-9][0-9,_ ]*(?:\.[0-9]+)?)(k?)(?: protocol-years)?")


@dataclass(frozen=True)
class BaseRate:
    """Exploits seen in so many protocol-years.

    Parameters
    ----------
    id : str
        Of the table, or ``own``.
    what : str
        Which protocols and which losses were counted.
    events : float
        Protocol-years with an exploit; a judgement weighs as much as so many.
    exposure : float
        Protocol-years.
    """

    id: str
    what: str
    events: float
    exposure: float
    period: str = ""
    source: str = ""

    @property
    def probability(self) -> float:
        """Chance per year that a protocol of which nothing is known is exploited."""
        return self.events / self.exposure


@cache
def base_rates() -> dict[str, BaseRate]:
    """The table of the package, by id.

    Examples
    --------
    >>> round(base_rates()["listed-1m"].probability, 5)
    0.02156
    """
    text = (files("perilscope.evidence") / "base_rates.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(io.StringIO(text))
    return {
        row["id"]: BaseRate(
            row["id"],
            row["what"],
            float(row["events"]),
            float(row["protocol_years"]),
            row["period"],
            row["source"],
        )
        for row in rows
    }


def base_rate(text: str = "") -> BaseRate:
    """A row of the table by its id, or counts such as ``3 in 120 protocol-years``.

    Raises
    ------
    AssessmentError
        Neither; or a rate that is no probability.

    Examples
    --------
    >>> base_rate("3 in 120 protocol-years").probability
    0.025
    """
    known = base_rates()
    if text in known or not text:
        return known[text or USUAL]
    counts = _COUNTS.fullmatch(text.strip())
    if counts is None:
        raise AssessmentError(
            f"base_rate {text!r}: write counts like `3 in 120 protocol-years`, or one of "
            f"{', '.join(known)}"
        )
    events = float(counts[1])
    exposure = float(re.sub("[,_ ]", "", counts[2])) * (1000.0 if counts[3] else 1.0)
    if not 0.0 < events < 0.5 * exposure:
        raise AssessmentError(
            f"base_rate {text!r}: more than no exploit and fewer than one in two protocol-years"
        )
    return BaseRate("own", "as the book says", events, exposure, "", "the book")
