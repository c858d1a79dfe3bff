# SPDX-License-Identifier: Apache-2.0
"""Kinds of field the models are written with: amounts, references, ids, dates, alternatives.

Each is a marker for ``Annotated``. A marker turns the text of the book into a value or refuses
it in our own words; what it must know of the rest of the book comes in the validation context.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, ClassVar, Literal, get_args

from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from .expression import Belief, Node, Num, OneIn, ShareOf, walk
from .quantity import LIKE, NAMED, Quantity, QuantityError, parse, plain, spell
from .words import listed, near, shown

ID = re.compile(r"[a-z][a-z0-9-]{0,63}")
SYMBOL = re.compile(r"[A-Za-z0-9][A-Za-z0-9.]{0,19}")
NODE = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
STATE = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _+.%<>-]{0,63}")
HOLDINGS = ("asset", "venue", "protocol")
# Names that are not ids but may be the whole of a share.
WHOLES = ("net_assets", "positions")


@dataclass(frozen=True)
class Context:
    """What a field must know of the rest of the book, gathered from the raw tree."""

    currency: str = "USD"
    tokens: frozenset[str] | None = None
    ids: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    # network -> node -> states; None where the network could not be read
    nodes: Mapping[str, Mapping[str, tuple[str, ...]] | None] = field(default_factory=dict)
    # names that are not ids but may be the whole of a share
    wholes: tuple[str, ...] = ("net_assets", "positions")

    def known(self, kinds: tuple[str, ...]) -> list[str]:
        """Return the ids declared in some kinds of entry."""
        return [i for kind in kinds for i in self.ids.get(kind, ())]


def context(info: ValidationInfo) -> Context | None:
    """Return the context of a book that is being read; None for a value built in Python."""
    found = info.context
    return found if isinstance(found, Context) else None


def refuse(kind: str, what: str, mend: str = "") -> PydanticCustomError:
    """Return a fault in finished words; braces in the book's text cannot disturb it."""
    return PydanticCustomError(kind, "{what}", {"what": what, "mend": mend})


@dataclass(frozen=True)
class Broken:
    """A quantity that could not be read, carried to the field that reports it."""

    error: PydanticCustomError


Stands = Literal["chance", "belief", "valuation", "plain"]


@dataclass(frozen=True)
class Amount:
    """A quantity of one dimension; stands on Quantity, Estimate or Leaf.

    ``law`` says what a law means here: ``chance`` (events differ), ``belief`` (only
    ``belief(...)`` may stand), ``valuation`` (any law is a belief), ``plain`` (a number).
    """

    dimension: str
    law: Stands = "belief"
    percent: bool = False
    low: Decimal | None = None

    def read(self, value: Any, info: ValidationInfo) -> Quantity:
        """Return the quantity a text states."""
        if isinstance(value, Quantity):
            return value
        like = f"{NAMED[self.dimension].capitalize()} is written like {LIKE[self.dimension]}."
        if not isinstance(value, str):
            raise refuse(
                "quantity", f"{NAMED[self.dimension]} is wanted here, found {shown(value)}", like
            )
        known = context(info)
        try:
            quantity = parse(
                value,
                self.dimension,
                known.currency if known else "USD",
                known.tokens if known else None,
                percent=self.percent,
            )
        except QuantityError as error:
            raise refuse(error.kind, error.what, error.mend) from None
        self._stands(quantity)
        self._whole(quantity, known)
        return quantity

    def _stands(self, quantity: Quantity) -> None:
        number = plain(quantity.node)
        if self.low is not None and number is not None and number < self.low:
            raise refuse("range", f"{spell(quantity)} is below {self.low}")
        inner = quantity.node.share if isinstance(quantity.node, ShareOf) else quantity.node
        if isinstance(inner, Num | OneIn) or self.law in ("chance", "valuation"):
            return
        if self.law == "plain":
            raise refuse("law", f"a plain number is wanted here, found {shown(spell(quantity))}")
        if not isinstance(inner, Belief):
            raise both_readings(quantity)

    def _whole(self, quantity: Quantity, known: Context | None) -> None:
        node = quantity.node
        if known is None or not isinstance(node, ShareOf):
            return
        names = [*known.known(HOLDINGS), *known.wholes]
        if node.of == "net_assets" and node.of not in names:
            raise refuse(
                "reference", "the net assets are not declared", "Add `net_assets` to `institution`."
            )
        if node.of not in names:
            mend = f"{near(node.of, names)}Known: {listed(names)}."
            raise refuse("reference", f"nothing here is called `{node.of}`", mend)

    def _estimate(self, value: Any, info: ValidationInfo) -> Any:
        """Return the mapping of an estimate with its quantity read, or marked broken."""
        if isinstance(value, BaseModel):
            return value
        written = dict(value) if isinstance(value, dict) else {"value": value}
        if "value" in written:
            try:
                written["value"] = self.read(written["value"], info)
            except PydanticCustomError as error:
                written["value"] = Broken(error)
        return written

    def _leaf(self, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, BaseModel) and "estimate" in type(value).model_fields:
            return value
        return {"estimate": self._estimate(value, info)}

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        if source is Quantity:
            return core_schema.with_info_plain_validator_function(self.read)
        read = self._leaf if "estimate" in source.model_fields else self._estimate
        return core_schema.with_info_before_validator_function(read, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        text = {
            "type": ["string", "number"],
            "title": NAMED[self.dimension],
            "description": f"Written like {LIKE[self.dimension]}.",
        }
        if schema["type"] == "function-plain":
            return text
        return {"anyOf": [text, handler(schema)]}


def both_readings(quantity: Quantity) -> PydanticCustomError:
    """Return the fault for a bare law on a rate or probability, with both readings offered."""
    law = spell(quantity)
    written = law.split(" per ")[0]
    tail = f" per {quantity.per}" if quantity.per else ""
    what = f"a bare law on {NAMED[quantity.dimension]}: `{law}` can mean two things"
    mend = f"Not known, one value for the whole horizon: write `belief({written}){tail}`."
    if quantity.dimension == "rate":
        mend += (
            " Years that differ by chance: write a plain rate and `counts: negative-binomial(2)`."
        )
    else:
        mend += " Events that differ by chance: give `threat_capability` and `resistance_strength`."
    return refuse("law", what, mend)


class Parsed:
    """The quantity inside an estimate, already read by the marker around the estimate."""

    def check(self, value: Any) -> Quantity:
        """Return the quantity, or report why it could not be read."""
        if isinstance(value, Broken):
            raise value.error
        if isinstance(value, Quantity):
            return value
        raise refuse("quantity", f"a quantity is wanted here, found {shown(value)}")

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.check)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": ["string", "number"]}


class Ref:
    """The id of another entry; which ids exist comes in the context."""

    def __init__(self, *kinds: str, also: tuple[str, ...] = ()) -> None:
        self.kinds = kinds
        self.also = also

    def check(self, value: Any, info: ValidationInfo) -> str:
        """Return the id, if there is such an entry."""
        kinds = " or ".join(filter(None, (", ".join(self.kinds[:-1]), self.kinds[-1])))
        if not isinstance(value, str):
            raise refuse("reference", f"the id of one {kinds} is wanted here, found {shown(value)}")
        known = context(info)
        if known is None:
            return value
        names = [*known.known(self.kinds), *self.also]
        if value in names:
            return value
        kind = next((k for k, ids in known.ids.items() if value in ids), "")
        mend = f"{near(value, names)}Declared: {listed(names)}."
        what = f"no {kinds} is called `{value}`" + (f" (that is a {kind})" if kind else "")
        raise refuse("reference", what, mend)

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(self.check)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": "string", "description": f"Id of one {' or '.join(self.kinds)}."}


@dataclass(frozen=True)
class Name:
    """The key of an entry: an id, a token symbol, a node, a state."""

    what: str
    pattern: re.Pattern[str]
    mend: str

    def check(self, value: Any) -> str:
        """Return the name if it is written as such names are."""
        if isinstance(value, str) and self.pattern.fullmatch(value):
            return value
        raise refuse("name", f"{shown(value)} is not {self.what}", self.mend)

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.check)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": "string", "pattern": f"^{self.pattern.pattern}$"}


ENTRY_ID = Name(
    "an id", ID, "Lower-case letters, digits and hyphens, beginning with a letter: `hot-wallet`."
)
TOKEN_SYMBOL = Name("a token symbol", SYMBOL, "Letters, digits and dots, like `ETH` or `USDC.e`.")
NODE_NAME = Name("a node", NODE, "Letters, digits, `-` and `_`, beginning with a letter.")
STATE_NAME = Name("a state", STATE, "Letters, digits, spaces and hyphens, without `=` or `,`.")


@dataclass(frozen=True)
class Keyed:
    """A mapping of names to entries; each entry learns its own id."""

    name: Name = ENTRY_ID

    def _with_ids(self, entries: Mapping[str, Any]) -> Any:
        for key, entry in entries.items():
            if entry.id != key:
                # The entry was made a moment ago and nobody else has seen it.
                object.__setattr__(entry, "__dict__", {**entry.__dict__, "id": key})
        return entries

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        _, entry = get_args(source)
        keys = core_schema.no_info_plain_validator_function(self.name.check)
        inner = core_schema.dict_schema(keys, handler.generate_schema(entry))
        frozen = core_schema.no_info_after_validator_function(source.__origin__, inner)
        return core_schema.no_info_after_validator_function(self._with_ids, frozen)

    def __get_pydantic_json_schema__(
        self, schema: Any, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        entry = handler(schema["schema"]["schema"]["values_schema"])
        return {
            "type": "object",
            "patternProperties": {f"^{self.name.pattern.pattern}$": entry},
            "additionalProperties": False,
        }


class OneOf:
    """Alternatives told apart by their shape, so that a fault is told by one arm only.

    The union lists a Leaf first, then other arms. Text is a leaf (or, beginning with
    ``from``, a From); a mapping is an estimate when it has ``value`` or only the keys of an
    estimate, else it is the tree. Tags are class names in ``<...>`` and are dropped from paths.
    """

    KEYS = frozenset({"value", "source", "by", "on", "grade", "note"})

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        arms: dict[Any, CoreSchema] = {}
        for arm in get_args(source):
            cls = get_args(arm)[0] if get_args(arm) else arm
            arms[f"<{cls.__name__}>"] = handler.generate_schema(arm)
        names = [n for n in arms if n not in ("<Leaf>", "<From>")]
        return core_schema.tagged_union_schema(
            arms, discriminator=_pick("<From>" in arms, names[0] if names else "<Leaf>")
        )


def _pick(driven: bool, tree: str) -> Callable[[Any], str]:
    def pick(value: Any) -> str:
        if isinstance(value, BaseModel):
            return f"<{type(value).__name__}>"
        text = value.get("value") if isinstance(value, dict) else value
        if driven and isinstance(text, str) and text.split(" ")[0] == "from":
            return "<From>"
        if not isinstance(value, dict) or "value" in value or value.keys() <= OneOf.KEYS:
            return "<Leaf>"
        return tree

    return pick


class Day:
    """A date, written as ISO 8601 says."""

    def check(self, value: Any) -> date:
        """Return the date a text states."""
        if isinstance(value, date):
            return value
        try:
            if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value):
                return date.fromisoformat(value)
        except ValueError:
            pass
        raise refuse(
            "date", f"a date is wanted here, found {shown(value)}", "Write it like `2026-11-20`."
        )

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.check)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": "string", "format": "date"}


class YesNo:
    """``yes`` or ``no``."""

    WORDS: ClassVar = {"yes": True, "true": True, "no": False, "false": False}

    def check(self, value: Any) -> bool:
        """Return the truth a word states."""
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in self.WORDS:
            return self.WORDS[value.lower()]
        raise refuse("yes-no", f"`yes` or `no` is wanted here, found {shown(value)}")

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.check)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"enum": ["yes", "no", True, False]}


class Count:
    """A whole number of things, zero or more; `k` and `M` are understood."""

    def check(self, value: Any) -> int:
        """Return the whole number a text states."""
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
        try:
            number = plain(parse(value, "number").node) if isinstance(value, str) else None
        except QuantityError:
            number = None
        if number is None or number < 0 or number != int(number):
            raise refuse(
                "count",
                f"a whole number is wanted here, found {shown(value)}",
                "Like `40` or `120k`.",
            )
        return int(number)

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.check)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": ["integer", "string"]}


def beliefs_in(node: Node) -> bool:
    """Whether anything in an expression is a belief."""
    return any(isinstance(part, Belief) for part in walk(node))
