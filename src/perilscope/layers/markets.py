# SPDX-License-Identifier: Apache-2.0
"""Where what is held would be sold: each instrument in its own market or by its hedge.

Units of an asset, staked coins, shares of pools and collateral are sold on the spot market of the
asset, all of them together; perpetuals and dated futures are closed in their own markets, where
longs of one venue do not close shorts of another. Options are not sold: their delta is hedged on
the spot market of the asset, apart from what is held of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from perilscope.beliefs.law import point
from perilscope.evidence.positions import Position
from perilscope.layers.desk import Desk

PARTICIPATION = 0.1
"""Share of a day's volume that can be sold without moving the price much."""
VOLUME_DAYS = 30
REFILLS = 24.0
"""Times a day that order books fill up again, where only their depth is known."""
SPOT, HEDGE = "spot", "hedge"
MARKETS: Mapping[str, str] = {
    "perpetual": "perpetual",
    "future": "future",
    "call": HEDGE,
    "put": HEDGE,
}
"""Market of an instrument where it is not the spot market."""


@dataclass(frozen=True)
class Market:
    """What would be sold in one market.

    Parameters
    ----------
    asset, kind : str
        ``spot``, ``perpetual``, ``future``, or ``hedge`` of options.
    long, short : float
        Money exposed to the price, of lots that gain and of those that lose when it rises.
    volume : float or None
        Money that changes hands on a usual day; None where it is not known.
    source : str
        Where the volume is from.
    lots : tuple of Position
        Of this market; lots that only owe the asset are not among them.
    """

    asset: str
    kind: str
    long: float
    short: float
    volume: float | None
    source: str
    lots: tuple[Position, ...]

    @property
    def name(self) -> str:
        """``ETH``, or ``ETH perpetual``."""
        return self.asset if self.kind == SPOT else f"{self.asset} {self.kind}"

    @property
    def value(self) -> float:
        """Net exposure, money."""
        return self.long + self.short

    @property
    def size(self) -> float:
        """Money that has to be traded: on the spot market the net, else the larger side."""
        return abs(self.value) if self.kind == SPOT else max(self.long, -self.short)


def market_of(lot: Position) -> str:
    """The kind of market that a lot is sold in."""
    return MARKETS.get(lot.instrument, SPOT)


def markets(desk: Desk, scope: str = "") -> tuple[Market, ...]:
    """Every market in which something of a scope that moves would be sold."""
    sides: dict[tuple[str, str], list[float]] = {}
    lots: dict[tuple[str, str], list[Position]] = {}
    still = desk.still()
    for lot in desk.priced(scope):
        kind = market_of(lot)
        for asset, money in desk.exposures(lot).items():
            if asset in still or asset not in desk.prices:
                continue
            key = asset, kind if asset == lot.asset else SPOT  # what is owed is bought back
            pair = sides.setdefault(key, [0.0, 0.0])
            pair[int(money < 0.0)] += money
            if asset == lot.asset:
                lots.setdefault(key, []).append(lot)
    return tuple(
        Market(*key, long, short, *_volume(desk, *key, lots.get(key, [])), tuple(lots.get(key, ())))
        for key, (long, short) in sides.items()
        if long or short
    )


def _volume(desk: Desk, asset: str, kind: str, lots: list[Position]) -> tuple[float | None, str]:
    """Money that changes hands on a usual day: stated of the contract, else of the asset."""
    stated = [lot.terms.volume for lot in lots if lot.terms.volume is not None]
    if kind not in (SPOT, HEDGE) and stated:
        return max(stated), "positions"
    volume, source = _spot_volume(desk, asset)
    if volume is not None and kind not in (SPOT, HEDGE):
        source = f"spot, {source}"
    return volume, source


def _spot_volume(desk: Desk, asset: str) -> tuple[float | None, str]:
    """Of the asset: declared, from the depth, or from the prices."""
    token = desk.book.tokens.get(asset)
    if token is not None and token.daily_volume is not None:
        return point(token.daily_volume), "declared"
    if token is not None and token.depth is not None:
        return REFILLS * point(token.depth), "depth"
    table = desk.history.others.get("volume") if desk.history is not None else None
    if table is not None and desk.history is not None and asset in desk.history.assets:
        recent = table[-VOLUME_DAYS:, desk.history.assets.index(asset)]
        if np.isfinite(recent).any() and float(np.nanmedian(recent)) > 0.0:
            return float(np.nanmedian(recent)), "price file"
    return None, ""
