# SPDX-License-Identifier: Apache-2.0
"""Networks to start from, for what most institutions fear: filled in, and then the user's own."""

from __future__ import annotations

import math
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

from perilscope.book.names import ID
from perilscope.book.quantity import QuantityError, parse, plain
from perilscope.errors import MisuseError

Filled = dict[str, str]


@dataclass(frozen=True)
class Template:
    """A network to start from.

    Parameters
    ----------
    says : str
        What it asks.
    settings : mapping of name to (what is used without it, what it is)
    fill : callable
        Settings as given -> what stands in the text.
    """

    says: str
    settings: Mapping[str, tuple[str, str]]
    fill: Callable[[Filled], Filled]


def _number(given: Filled, name: str, low: float, high: float, dimension: str) -> float:
    text = given[name]
    try:
        value = plain(parse(text, dimension).node)
    except QuantityError as error:
        raise MisuseError(f"{name}={text}: {error.what}. {error.mend}") from None
    if value is None or not low < value < high:
        raise MisuseError(f"{name}={text}: more than {low:g} and less than {high:g} is wanted")
    return float(value)


def _chance(given: Filled, name: str = "chance") -> float:
    return _number(given, name, 0.0, 1.0, "probability")


def _percent(p: float) -> str:
    return f"{100.0 * p:.3g} %"


_RATES = {"reserves": 0.17, "other": 0.28}
"""Years with a close more than 1 % below the peg, per coin and year."""


def depeg_rate(threshold: float, days: float, backing: str) -> float:
    """Coin-years with such a de-peg, per coin-year, smoothed.

    Counted on daily closes of five dollar coins over 21.5 coin-years, 2021 to 2025 (closes of
    CoinMarketCap): a close more than 0.5, 1, 2, 3, 5 and 10 % below the peg in 9, 6, 4, 2, 2 and 1
    of them, on two days running in 7, 2, 1, 1, 1 and 1. Coins with reserves alone: 2 of 20 at 2 %.

    Examples
    --------
    >>> [round(21.5 * depeg_rate(x / 100, 1, "other"), 1) for x in (0.5, 1, 2, 5, 10)]
    [10.1, 6.0, 3.6, 1.8, 1.1]
    """
    scale: float = (threshold / 0.01) ** -0.75 * days**-0.9
    return _RATES[backing] * scale


def _depeg(given: Filled) -> Filled:
    threshold = _number(given, "threshold", 0.0, 0.9, "probability")
    days = _number(given, "days", 0.99, 366.0, "number")
    if given["backing"] not in _RATES:
        raise MisuseError(f"backing={given['backing']}: {' or '.join(_RATES)}")
    if given["chance"]:
        overall, source = _chance(given), "as you gave it."
    else:
        overall = -math.expm1(-depeg_rate(threshold, days, given["backing"]))
        source = (
            "smoothed from counts on daily closes of five\n"
            "# dollar coins over 21.5 coin-years, 2021 to 2025 (CoinMarketCap): a close more\n"
            "# than 0.5, 1, 2, 3, 5, 10 % below a dollar in 9, 6, 4, 2, 2, 1 of them; on two\n"
            "# days running in 7, 2, 1, 1, 1, 1; with reserves alone 2 of 20 coin-years at 2 %."
        )
    said = "some day" if days < 1.5 else f"{days:g} days running"
    return {
        "threshold": _percent(threshold),
        "days_said": said,
        "overall": _percent(overall),
        "chance_source": source,
        "shock": f"-{_percent(min(2.0 * threshold, 0.95))}",
    }


def concentration(shares: Sequence[float]) -> tuple[float, int]:
    """Herfindahl index, and how many of the largest together hold more than a third (Nakamoto).

    Examples
    --------
    >>> concentration([30, 25, 20, 15, 10])
    (0.225, 2)
    """
    whole = math.fsum(shares)
    parts = sorted((share / whole for share in shares), reverse=True)
    held, count = 0.0, 0
    while held <= 1.0 / 3.0:
        held += parts[count]
        count += 1
    return round(math.fsum(part * part for part in parts), 12), count


def _shares(given: Filled, name: str) -> list[float]:
    try:
        found = [float(part.strip().rstrip("%")) for part in given[name].split(",")]
    except ValueError:
        what = f"{name}={given[name]}: numbers with commas between, like 30,25,20"
        raise MisuseError(what) from None
    if not found or not all(0.0 <= share < math.inf for share in found) or not sum(found) > 0.0:
        raise MisuseError(f"{name}={given[name]}: shares of 0 and more, not all of them 0")
    return found


def _chain(given: Filled) -> Filled:
    told, validators, clients, finality = "not given (--set shares=..)", "", "", ""
    if given["shares"]:
        hhi, nakamoto = concentration(_shares(given, "shares"))
        told = f"HHI {hhi:.3g}, {nakamoto} operators hold more than a third"
        state = "concentrated" if nakamoto < 4 or hhi > 0.1 else "spread"
        validators = f"observed: {state}"
    if given["clients"]:
        own = _shares(given, "clients")
        top = max(own) / math.fsum(own)
        state = "dominant" if top > 2 / 3 else "majority" if top > 1 / 3 else "diverse"
        clients = f"observed: {state}"
    if given["finality"]:
        if given["finality"] not in ("minutes", "hours", "never-certain"):
            raise MisuseError(f"finality={given['finality']}: minutes, hours or never-certain")
        finality = f"observed: {given['finality']}"
    token = given["token"]
    shocks = (
        f"\nshocks:\n  halt:\n    yes: {{{token}: -8 %}}\n  rewrite:\n    yes: {{{token}: -35 %}}"
    )
    return {
        "concentration": told,
        "validators_observed": validators,
        "clients_observed": clients,
        "finality_observed": finality,
        "halt": _percent(_chance(given, "halt")),
        "rewrite": _percent(_chance(given, "rewrite")),
        "shocks": shocks if token else "",
    }


_FAIL = {"exchange": "2 %", "custodian": "0.5 %", "bank": "0.5 %", "broker": "1 %"}


def _counterparty(given: Filled) -> Filled:
    if given["kind"] not in _FAIL:
        raise MisuseError(f"kind={given['kind']}: {', '.join(_FAIL)}")
    given = {**given, "chance": given["chance"] or _FAIL[given["kind"]]}
    days = _number(given, "days", 0.0, 366.0, "number")
    return {"overall": _percent(_chance(given)), "days": f"{days:g}"}


def _keys(given: Filled) -> Filled:
    return {"overall": _percent(_chance(given))}


def _staff(given: Filled) -> Filled:
    return {key: _percent(_chance(given, key)) for key in ("clicks", "transfers")}


TEMPLATES: Mapping[str, Template] = {
    "depeg": Template(
        "a stablecoin closes below its peg",
        {
            "coin": ("USDC", "symbol of the coin"),
            "threshold": ("2 %", "how far below its peg"),
            "days": ("1", "for how many days running"),
            "backing": ("reserves", "reserves, or other (crypto, algorithm)"),
            "chance": ("", "overall chance a year, in place of the counted one"),
        },
        _depeg,
    ),
    "chain": Template(
        "a chain stops or is rewritten",
        {
            "chain": ("ethereum", "its name"),
            "token": ("", "symbol of its token, for the shocks"),
            "shares": ("", "stake or hash rate of its operators, like 30,25,20,15,10"),
            "clients": ("", "shares of client software, like 55,30,15"),
            "finality": ("", "minutes, hours or never-certain"),
            "halt": ("5 %", "chance a year of a stop over an hour"),
            "rewrite": ("0.2 %", "chance a year that final blocks are undone"),
        },
        _chain,
    ),
    "counterparty": Template(
        "an exchange, custodian, broker or bank stops paying out",
        {
            "name": ("the exchange", "its name"),
            "kind": ("exchange", ", ".join(_FAIL)),
            "days": ("30", "after how many days closed withdrawals count"),
            "chance": ("", "overall chance a year, in place of that of its kind"),
        },
        _counterparty,
    ),
    "keys": Template(
        "keys are used by somebody else",
        {
            "wallet": ("hot-wallet", "id of the wallet"),
            "chance": ("1.5 %", "overall chance a year"),
        },
        _keys,
    ),
    "staff": Template(
        "training, click, credential, transfer",
        {
            "clicks": ("6 %", "messages that are followed, overall"),
            "transfers": ("0.5 %", "messages that end in a transfer, overall"),
        },
        _staff,
    ),
}


def scaffold(template: str, name: str = "", settings: Sequence[str] = ()) -> str:
    """A network as the text of a book's file.

    Parameters
    ----------
    template : str
        One of `TEMPLATES`.
    name : str
        Id of the network; the template's name without one.
    settings : sequence of ``KEY=VALUE``

    Raises
    ------
    MisuseError
        No such template or setting, or a value that makes no sense.

    Examples
    --------
    >>> "yes: {USDT: -4 %}" in scaffold("depeg", "usdt-peg", ["coin=USDT"])
    True
    """
    if template not in TEMPLATES:
        raise MisuseError(f"no template is called {template!r}: {', '.join(TEMPLATES)}")
    found = TEMPLATES[template]
    name = name or template
    if not ID.fullmatch(name):
        raise MisuseError(f"{name!r} is no id: lower-case letters, digits and hyphens")
    given = {key: usual for key, (usual, _) in found.settings.items()}
    for text in settings:
        key, equals, value = text.partition("=")
        if not equals or key.strip() not in given:
            raise MisuseError(f"{text!r}: {template} has the settings {', '.join(given)}")
        if any(mark in value for mark in "{}[]#:\n\"'$"):
            raise MisuseError(f"{text!r}: a plain word or number is wanted")
        given[key.strip()] = value.strip()
    source = resources.files("perilscope.cycle") / "network_templates" / f"{template}.yaml"
    blank = string.Template(source.read_text(encoding="utf-8"))
    whole = blank.substitute({**given, **found.fill(given), "id": name})
    lines = [line for line in whole.splitlines() if line.strip() or not line.startswith(" ")]
    return "\n".join(lines) + "\n"
