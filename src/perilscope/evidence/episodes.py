# SPDX-License-Identifier: Apache-2.0
"""Days that markets remember: what each price did between two closes.

The figures stand in ``episodes.csv`` beside this file: moves between daily closes at 23:59 UTC.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class Episode:
    """One episode.

    Parameters
    ----------
    id, name : str
    first, last : date
        The moves are from the close of the first to that of the last.
    moves : mapping of asset to relative move
        Of the assets that had a price on both days.
    """

    id: str
    name: str
    first: date
    last: date
    moves: Mapping[str, float]

    @property
    def days(self) -> int:
        """Days between the two closes."""
        return (self.last - self.first).days


@cache
def episodes() -> tuple[Episode, ...]:
    """All episodes, the earliest first.

    Examples
    --------
    >>> {e.id: e for e in episodes()}["2020-03-12"].moves["BTC"]
    -0.3717
    """
    text = (files("perilscope.evidence") / "episodes.csv").read_text(encoding="utf-8")
    lines = (line for line in io.StringIO(text) if not line.startswith("#"))
    found: dict[str, Episode] = {}
    for row in csv.DictReader(lines):
        key = row["id"]
        before = found[key].moves if key in found else {}
        found[key] = Episode(
            key,
            row["name"],
            date.fromisoformat(row["from"]),
            date.fromisoformat(row["to"]),
            {**before, row["asset"]: float(row["move"])},
        )
    return tuple(found.values())
