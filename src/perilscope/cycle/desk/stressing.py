# SPDX-License-Identifier: Apache-2.0
"""Stresses of a book: episodes, shocks of one's own, the worst stretch, and what would hurt."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from perilscope.book.quantity import QuantityError, parse, plain
from perilscope.cycle.desk.desk import Opened, head
from perilscope.cycle.desk.morning import told
from perilscope.errors import MisuseError
from perilscope.evidence.episodes import episodes
from perilscope.layers import stress
from perilscope.layers.desk import Desk
from perilscope.layers.revaluation import Paths

if TYPE_CHECKING:
    from perilscope.cycle.measures import Document  # it knows the whole walk


Floats = NDArray[np.float64]
WINDOW = 10
"""Days of the worst stretch that is looked for."""


def stresses(
    found: Opened,
    loss: float | None = None,
    *,
    shocks: Sequence[str] = (),
    vol: str = "",
    skew: str = "",
    window: int = WINDOW,
) -> Document:
    """Every episode replayed, shocks of one's own, the worst stretch, and the mildest that hurts.

    Parameters
    ----------
    found : Opened
    loss : float, optional
        What the reverse stress is to cost; a tenth of the net assets (or of what is held) without.
    shocks : sequence of ``ASSET=-40%``
        Moved together; ``*`` is every asset that keeps no peg and is not named.
    vol : str
        Relative change of implied volatilities under these shocks, like ``+50%``.
    skew : str
        Volatility added under these shocks at a strike a factor e below the price, like ``10%``.
    window : int
        Days of the worst stretch.

    Raises
    ------
    MisuseError
        A shock that cannot be read or of something that is not held.
    """
    desk = found.desk
    values = desk.values()
    gross = math.fsum(abs(v) for v in values.values())
    wanted = loss or 0.1 * (desk.net_assets or gross)
    own = None
    if shocks or vol or skew:
        said = [part.strip() for each in shocks for part in each.split(",")]
        both = _share(vol, "--vol") if vol else 0.0, _share(skew, "--skew") if skew else 0.0
        own = told(_shocked(desk, said, *both))
    return {
        **head(found),
        "shocked": own,
        "episodes": [told(each) for each in desk.stresses()],
        "worst_window": worst_window(desk, window),
        "reverse": _reverse(desk, wanted),
        "seen": _seen(desk, wanted),
        "findings": list(found.findings),
    }


def _shocked(desk: Desk, said: Sequence[str], vol: float, skew: float) -> stress.Stressed:
    """Shocks of one's own, every position revalued under them."""
    moves = parse_shocks(said, desk)
    names = [f"volatilities {100.0 * vol:+g} %"] if vol else []
    names += [f"skew {100.0 * skew:+g} points"] if skew else []
    name = ", ".join([*said, *names])
    lost = desk.under(moves, marks=replace(desk.marks, vol_shock=vol, skew_shock=skew))
    return stress.shocked(name, moves, dict.fromkeys(desk.assets, 0.0), lambda _moves: lost)


def parse_shocks(texts: Sequence[str], desk: Desk) -> dict[str, float]:
    """Moves as they are said: ``BTC=-40%``, ``*=-0.5``."""
    said: dict[str, float] = {}
    for text in texts:
        name, equals, share = (piece.strip() for piece in text.partition("="))
        if not equals or (name != "*" and name not in desk.assets):
            held = ", ".join(desk.assets)
            raise MisuseError(f"--shock {text!r}: write ASSET=-40% or *=-40%; held: {held}")
        said[name] = _share(share, f"--shock {name}")
    rest, still = said.pop("*", 0.0), desk.still()
    return {a: said.get(a, 0.0 if a in still else rest) for a in desk.assets}


def _share(text: str, what: str) -> float:
    percent = text.endswith("%")
    try:
        value = float(text.rstrip("% ")) / (100.0 if percent else 1.0)
    except ValueError:
        value = math.nan
    if not -1.0 <= value < 100.0:
        raise MisuseError(f"{what} {text!r}: a relative change like -40% or 0.5, not below -100 %")
    return value


def worst_window(desk: Desk, days: int) -> Document | None:
    """The stretch of the price history in which today's holdings would have lost most."""
    history = desk.history
    if history is None or len(history.days) <= days:
        return None
    # the first of the scenario sets is that of the networks at rest: the history itself
    losses = desk.losses(days)[: len(history.days) - days]
    at = int(np.argmax(losses))
    return {
        "first": history.days[at].isoformat(),
        "last": history.days[at + days].isoformat(),
        "days": days,
        "loss": float(losses[at]),
    }


def _moves(desk: Desk) -> tuple[Floats, Floats, list[str]]:
    """One-day moves of what moves, their probabilities, and its names."""
    scenarios = desk.scenarios(1)
    ends = scenarios.paths.end - 1.0
    names = [a for k, a in enumerate(desk.assets) if np.ptp(ends[:, k]) > 0.0]
    return ends[:, [desk.assets.index(a) for a in names]], scenarios.weights, names


def _lost(desk: Desk, names: list[str], moves: Floats, days: float = 0.0) -> Floats:
    ends = 1.0 + moves
    return desk.shifted(Paths(tuple(names), ends, ends, ends, days))


def _reverse(desk: Desk, loss: float) -> Document | None:
    """The mildest one-day move of all prices that costs so much."""
    moves, weights, names = _moves(desk)
    if not names:
        return None
    centred = moves - weights @ moves
    covariance = (centred.T * weights) @ centred
    found = stress.mildest(lambda x: _lost(desk, names, x), covariance, loss, names)
    if found is None:
        return None
    lost = desk.under(found.moves)
    return {
        "loss": found.loss,
        "distance": found.distance,
        "moves": [
            {"asset": a, "move": m, "loss": lost.get(a, 0.0)}
            for a, m in sorted(found.moves.items(), key=lambda pair: -lost.get(pair[0], 0.0))
        ],
    }


def _seen(desk: Desk, loss: float) -> Document | None:
    """By enumeration: of all days and episodes that cost so much, the mildest."""
    moves, weights, names = _moves(desk)
    if not names:
        return None
    centred = moves - weights @ moves
    covariance = (centred.T * weights) @ centred
    losses, history = desk.losses(1), desk.history
    found: list[tuple[float, str, float]] = []
    far = stress.distances(moves, covariance)
    count = 0 if history is None else len(history.days) - 1
    for at in np.flatnonzero(losses >= loss).tolist():
        day = "" if history is None else history.days[at % count + 1].isoformat()
        state = "" if at < count else " with a shock of the networks"
        found.append((float(far[at]), day + state, float(losses[at])))
    for episode in episodes():
        each = desk.replayed(episode)
        if each.loss >= loss:
            known = {m.asset: m.move for m in each.moved}
            row = np.array([[known.get(a, 0.0) for a in names]])
            found.append((float(stress.distances(row, covariance)[0]), each.name, each.loss))
    if not found:
        return {"count": 0, "name": None, "distance": None, "loss": None}
    distance, name, cost = min(found)
    return {"count": len(found), "name": name, "distance": distance, "loss": cost}


def parse_loss(text: str, worth: float | None = None) -> float | None:
    """An amount of money as a book writes it; None for nothing.

    Parameters
    ----------
    text : str
    worth : float, optional
        Worth of bare weights, of which a loss may be a share; without it ``text`` is money.

    Raises
    ------
    MisuseError
        No amount above zero; a bare number below 1 of weights, which looks like a share.

    Examples
    --------
    >>> parse_loss("5M"), parse_loss(""), parse_loss("20 %", 1e6)
    (5000000.0, None, 200000.0)
    """
    if not text:
        return None
    share = worth is not None and text.rstrip().endswith("%")
    try:
        amount = plain(parse(text, "probability" if share else "money").node)
    except QuantityError as error:
        raise MisuseError(f"--loss {text!r}: {error.what}. {error.mend}") from None
    if amount is None or not amount > 0:
        raise MisuseError(f"--loss {text!r}: an amount above zero is wanted")
    if worth is not None and share:
        return float(amount) * worth
    if worth is not None and amount < 1:
        raise MisuseError(
            f"--loss {text!r}: with weights, write a share as `{float(100 * amount):g} %`, "
            f"or an amount of the {worth:,.0f} that they are taken to be worth"
        )
    return float(amount)
