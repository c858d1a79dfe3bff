# SPDX-License-Identifier: Apache-2.0
"""The grammar of quantities: text -> expression plus the units that were written in it.

A small LALR grammar, built when the first quantity is read. Every text is read once: the
outcome is kept by text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any

from . import laws
from .expression import Belief, Named, Node, Num, OneIn, ShareOf, named, rescale, walk
from .laws import QuantityError

GRAMMAR = r"""
start: body ("of" REF)?
body: range ("per" TIME)?
range: atom ("to" atom)?
?atom: number | odds | law | belief

number: SIGN? NUMBER scale? suffix?
      | MONEY NUMBER scale?       -> signed
odds: NUMBER "in" NUMBER TIME?
belief: "belief" "(" body ")" suffix?
      | "belief" "(" NAME ")"     -> shared
law: NAME "(" argument ("," argument)* ")" suffix?
argument: NAME "=" body           -> named
        | body ":" body           -> pair
        | body                    -> bare
!scale: "k" | "M" | "bn"
suffix: "%"                       -> percent
      | UNIT                      -> unit
      | TIME                      -> time

SIGN: "-" | "+"
MONEY: "$" | "€" | "£"
TIME.2: /(year|quarter|month|week|day|hour)s?(?![A-Za-z0-9])/
NUMBER: /(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?(?!\d)/
NAME: /[a-z][a-z0-9_-]*(\.\d+)?/
UNIT: /\d*[A-Za-z][A-Za-z0-9]*(\.[A-Za-z0-9]+)*/
REF: /[A-Za-z][A-Za-z0-9_.-]*/
%ignore " "
"""
SCALES = {"k": 3, "M": 6, "bn": 9}
SIGNS = {"$": "USD", "€": "EUR", "£": "GBP"}
MAX_LENGTH = 8000
MAX_LAWS = 32
MAX_DIGITS = 18
# Words people write for a scale, and what to write instead.
WRONG_SCALES = {
    "m": "`m` could be milli or million: write `M`.",
    "mm": "Write `M` for millions.",
    "mn": "Write `M` for millions.",
    "mio": "Write `M` for millions.",
    "million": "Write `M` for millions.",
    "K": "Write `k` for thousands.",
    "thousand": "Write `k` for thousands.",
    "b": "Write `bn` for billions.",
    "B": "Write `bn` for billions.",
    "billion": "Write `bn` for billions.",
    "t": "Write `1000bn` for a trillion.",
    "T": "Write `1000bn` for a trillion.",
}
Note = tuple[str, str]  # ("unit", "ETH"), ("time", "year"), ("per", "year"), ("percent", "")


@dataclass(frozen=True)
class Written:
    """An expression with the units that stood in it, in the order they were written."""

    node: Node
    notes: tuple[Note, ...]

    def noted(self, kind: str) -> list[str]:
        """Return the different units of one kind."""
        return list(dict.fromkeys(value for what, value in self.notes if what == kind))


def _decimal(text: str, scale: int = 0) -> Decimal:
    value = Decimal(text)
    _, digits, exponent = value.as_tuple()
    too_long = len(str(int("".join(map(str, digits)))).rstrip("0")) > MAX_DIGITS
    if too_long or not isinstance(exponent, int) or abs(exponent) > 30 or value.adjusted() > 30:
        raise QuantityError(f"the number {text[:24]} has too many digits")
    return value.scaleb(scale).normalize() + 0


class _Build:
    """Turns the pieces the parser finds into expressions; names follow the grammar."""

    def start(self, body: Written, of: Any = None) -> Written:
        if of is None:
            return body
        return Written(ShareOf(body.node, str(of)), body.notes)

    def body(self, inner: Written, per: Any = None) -> Written:
        if per is None:
            return inner
        return Written(inner.node, (*inner.notes, ("per", str(per).rstrip("s"))))

    def range(self, low: Written, high: Written | None = None) -> Written:
        if high is None:
            return low
        return Written(laws.between(low.node, high.node), low.notes + high.notes)

    def number(self, *pieces: Any) -> Written:
        text, scale, note = "", 0, None
        for piece in pieces:
            if isinstance(piece, tuple):
                note = piece
            elif isinstance(piece, int):
                scale = piece
            else:
                text += str(piece)
        return _suffixed(Written(Num(_decimal(text, scale)), ()), note)

    def signed(self, sign: Any, number: Any, scale: int = 0) -> Written:
        return Written(Num(_decimal(str(number), scale)), (("unit", SIGNS[str(sign)]),))

    def odds(self, count: Any, of: Any, time: Any = None) -> Written:
        a, n = _decimal(str(count)), _decimal(str(of))
        if n <= 0 or a <= 0:
            raise QuantityError("odds are written with numbers above zero, like `1 in 25`")
        notes: tuple[Note, ...] = () if time is None else (("per", str(time).rstrip("s")),)
        if a == 1:
            return Written(OneIn(n), notes)
        return Written(Num(Decimal(f"{a / n:.15g}").normalize() + 0), notes)

    def belief(self, body: Written, note: Note | None = None) -> Written:
        if any(isinstance(part, Belief | Named) for part in walk(body.node)):
            raise QuantityError(
                "a belief stands inside a belief", "One `belief(...)` around the whole is enough."
            )
        return _suffixed(Written(Belief(body.node), body.notes), note)

    def shared(self, name: Any) -> Written:
        return Written(Named(str(name)), ())

    def law(self, name: Any, *pieces: Any) -> Written:
        note = pieces[-1] if isinstance(pieces[-1], tuple) and pieces[-1][0] in _NOTES else None
        arguments = pieces[:-1] if note else pieces
        pairs = [a for a in arguments if isinstance(a[0], Written)]
        if str(name) in laws.PAIRED or pairs:
            return _suffixed(_paired(str(name), arguments, len(pairs)), note)
        node = laws.law(str(name), [(k, written.node) for k, written in arguments])
        notes = [n for k, written in arguments for n in written.notes if k not in laws.SHARES]
        if any(kind != "percent" for k, w in arguments if k in laws.SHARES for kind, _ in w.notes):
            raise QuantityError(f"a probability in `{name}` has a unit")
        return _suffixed(Written(node, tuple(notes)), note)

    def named(self, name: Any, body: Written) -> tuple[str | None, Written]:
        return str(name), body

    def bare(self, body: Written) -> tuple[str | None, Written]:
        return None, body

    def pair(self, outcome: Written, chance: Written) -> tuple[Written, Written]:
        return outcome, chance

    def scale(self, word: Any) -> int:
        return SCALES[str(word)]

    def percent(self) -> Note:
        return "percent", ""

    def unit(self, word: Any) -> Note:
        return "unit", str(word)

    def time(self, word: Any) -> Note:
        return "time", str(word).rstrip("s")


_NOTES = ("percent", "unit", "time")


def _paired(name: str, arguments: Any, pairs: int) -> Written:
    if name not in laws.PAIRED or pairs != len(arguments):
        like = laws.PAIRED.get(name, laws.PAIRED["discrete"])
        raise QuantityError(
            f"`{name}` is written with the wrong kind of arguments",
            f"Outcomes and their probabilities are written `{like}`.",
        )
    if any(kind != "percent" for _, chance in arguments for kind, _ in chance.notes):
        raise QuantityError(f"a probability in `{name}` has a unit")
    node = laws.outcomes([(outcome.node, chance.node) for outcome, chance in arguments], name)
    return Written(node, tuple(n for outcome, _ in arguments for n in outcome.notes))


def _suffixed(written: Written, note: Note | None) -> Written:
    """Apply a unit that stands behind a number or a closing bracket."""
    if note is None:
        return written
    if named(written.node):
        raise QuantityError(
            f"a unit stands behind the belief `{named(written.node)[0]}`",
            "Its unit stands where it is declared, under `beliefs:`.",
        )
    if note[0] == "percent":
        if written.notes:
            raise QuantityError("`%` stands both inside and behind the bracket, or with a unit")
        node = rescale(written.node, lambda v: v.scaleb(-2).normalize() + 0)
        return Written(node, (note,))
    return Written(written.node, (*written.notes, note))


@cache
def _parser() -> Any:
    """Build the parser once, at the first quantity; importing lark costs 30 ms."""
    from lark import Lark, Transformer, v_args

    build = _Build()
    rules = {n: getattr(build, n) for n in dir(build) if not n.startswith("_")}
    wrapped = {n: staticmethod(f) for n, f in rules.items()}
    transformer = v_args(inline=True)(type("Build", (Transformer,), wrapped))()
    return Lark(GRAMMAR, parser="lalr", transformer=transformer, maybe_placeholders=False)


@lru_cache(maxsize=16384)
def read(text: str) -> Written:
    """Read one quantity.

    Parameters
    ----------
    text : str
        The quantity as written; white space is folded.

    Raises
    ------
    QuantityError
        If it cannot be read; the message says where and what to write instead.
    """
    from lark.exceptions import UnexpectedInput, VisitError

    folded = " ".join(text.split())
    if len(folded) > MAX_LENGTH or folded.count("(") > MAX_LAWS:
        raise QuantityError("this is too long or too deep to be a quantity")
    if re.search(r"(?<![\d.])[1-9]\d{0,2}(,\d{3})+(?!\d)", folded):
        raise QuantityError(
            f"{folded!r} has a comma inside a number",
            "Thousands commas are not read: write `1.5M` or `1500000`; "
            "between two numbers put a space after the comma.",
        )
    try:
        written = _parser().parse(folded)
    except UnexpectedInput as error:
        raise _unreadable(folded, error) from None
    except VisitError as error:
        raise error.orig_exc from None
    return written  # type: ignore[no-any-return]


def _unreadable(text: str, error: Any) -> QuantityError:
    at = getattr(error, "pos_in_stream", None)
    token = getattr(error, "token", None)
    if at is None or at < 0 or getattr(token, "type", "") == "$END":
        return QuantityError(f"cannot read {text!r} as a quantity: it stops too early")
    found = text[at : at + 12]
    if found[:1] == "," and text[:at].count("(") == text[:at].count(")"):
        mend = "Thousands commas are not read: write `1.5M`; a decimal comma is a point here."
        return QuantityError(f"{text!r} has a comma inside a number", mend)
    return QuantityError(
        f"cannot read {text!r} as a quantity: {found!r} is not expected at character {at + 1}"
    )
