# SPDX-License-Identifier: Apache-2.0
"""DeFi protocols that are used, with the facts their chance of being exploited is scored by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import GetJsonSchemaHandler
from pydantic_core import CoreSchema

from .assets import Valuation
from .checked import Checked
from .estimate import Entry
from .fields import HOLDINGS, Amount, refuse
from .names import Count, Ref, YesNo
from .quantity import PERIODS, Quantity, QuantityError, parse, plain
from .words import near, shown


@dataclass(frozen=True)
class Duration:
    """A delay in hours."""

    hours: Decimal


class Delay(Checked):
    """Reads a delay: ``48 hours``, or ``none``."""

    def check(self, value: Any) -> Duration:
        """Return the delay a text states."""
        if isinstance(value, Duration):
            return value
        if value == "none":
            return Duration(Decimal(0))
        try:
            length = plain(parse(value, "years").node) if isinstance(value, str) else None
        except QuantityError:
            length = None
        if length is None:
            raise refuse(
                "delay",
                f"a delay is wanted here, found {shown(value)}",
                "Like `48 hours` or `none`.",
            )
        hours = Decimal(f"{length * PERIODS['hour']:.15g}")
        return Duration(hours.normalize() + 0)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": "string", "description": "Like `48 hours` or `none`."}


@dataclass(frozen=True)
class Findings:
    """What a scanner of code found in a protocol's own contracts, by severity.

    Parameters
    ----------
    high, medium, low : float
        Counts; from a scanner's file weighed by the scanner's confidence.
    bare : int or None
        A count without severities, of which nothing can be said.
    file : str
        The scanner's file that is still to be read, relative to the book.
    note : str
        What was left out, and why.
    """

    high: float = 0.0
    medium: float = 0.0
    low: float = 0.0
    bare: int | None = None
    file: str = ""
    note: str = ""

    def __str__(self) -> str:
        if self.file:
            return self.file
        if self.bare is not None:
            return f"{self.bare} without severities"
        counts = f"{self.high:.3g} high, {self.medium:.3g} medium, {self.low:.3g} low"
        return f"{counts} ({self.note})" if self.note else counts


_SEVERITIES = ("high", "medium", "low")


class Scanned(Checked):
    """Reads findings: counts by severity, a bare count, or the name of a scanner's file."""

    def check(self, value: Any) -> Findings:
        """Return the findings."""
        mend = "Like `{high: 0, medium: 2, low: 11}`, or the file of a scanner (Slither, SARIF)."
        if isinstance(value, Findings):
            return value
        if isinstance(value, Mapping):
            counts = dict.fromkeys(_SEVERITIES, 0)
            for key, each in value.items():
                count = self._count(each)
                if key not in _SEVERITIES:
                    what = f"no severity is called `{key}`"
                    raise refuse("unknown", what, f"{near(str(key), _SEVERITIES)}{mend}")
                if count is None:
                    raise refuse("count", f"a whole number is wanted for `{key}`", mend)
                counts[key] = count
            high, medium, low = (float(counts[key]) for key in _SEVERITIES)
            return Findings(high, medium, low)
        count = self._count(value)
        if count is not None:
            return Findings(bare=count)
        if isinstance(value, str) and value.lower().endswith((".json", ".sarif")):
            return Findings(file=value)
        raise refuse("findings", f"findings are wanted here, found {shown(value)}", mend)

    @staticmethod
    def _count(value: Any) -> int | None:
        text = str(value)
        return (
            int(text) if not isinstance(value, bool) and text.isascii() and text.isdigit() else None
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {
            "type": ["object", "integer", "string"],
            "description": "Counts by severity, `{high: 0, medium: 2, low: 11}`, or the name of a "
            "scanner's file (Slither JSON or SARIF).",
        }


class Protocol(Entry):
    """A DeFi protocol that is used, with the facts its exploit probability is scored by."""

    deposit: Valuation | None = None
    earns: Annotated[Quantity, Amount("rate", percent=True)] | None = None
    chain: str = ""
    audits: Annotated[int, Count()] | None = None
    live_for: Annotated[Quantity, Amount("years", "plain")] | None = None
    admin: str | None = None
    timelock: Annotated[Duration, Delay()] | None = None
    tvl: Annotated[Quantity, Amount("money", "valuation")] | None = None
    oracle: str | None = None
    oracle_updates: Annotated[Duration, Delay()] | None = None
    liquidity: str | None = None
    upgradeable: Annotated[bool, YesNo()] | None = None
    lines_of_code: Annotated[int, Count()] | None = None
    findings: Annotated[Findings, Scanned()] | None = None
    bounty: Annotated[Quantity, Amount("money", "valuation")] | None = None
    unaudited_change: Annotated[bool, YesNo()] | None = None
    keys: str | None = None
    voting: str | None = None
    bridge: str | None = None
    pausable: Annotated[bool, YesNo()] | None = None
    fork_of: str = ""
    exits: Literal["first", "pro rata", "last"] = "pro rata"
    base_rate: str = ""
    depends_on: tuple[Annotated[str, Ref(*HOLDINGS, "token")], ...] = ()
