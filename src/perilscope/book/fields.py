# SPDX-License-Identifier: Apache-2.0
"""Kinds of field the models are written with: amounts, and alternatives of one factor.

Each is a marker for ``Annotated``. A marker turns the text of the book into a value or refuses
it in our own words; what it must know of the rest of the book comes in the validation context.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, get_args

from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from .checked import Checked
from .expression import Belief, Num, OneIn, ShareOf, named
from .quantity import LIKE, NAMED, Quantity, QuantityError, parse, plain, spell
from .words import listed, near, shown

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
    # name of a belief -> what is believed, as written, and its provenance
    beliefs: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

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
    ``named`` says whether a belief that has a name may stand.
    """

    dimension: str
    law: Stands = "belief"
    percent: bool = False
    low: Decimal | None = None
    named: bool = False

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
                beliefs=known.beliefs if known else {},
            )
        except QuantityError as error:
            raise refuse(error.kind, error.what, error.mend) from None
        self._stands(quantity)
        self._whole(quantity, known)
        return quantity

    def _stands(self, quantity: Quantity) -> None:
        number = plain(quantity.node)
        if named(quantity.node) and not self.named:
            name = named(quantity.node)[0]
            what = f"the belief `{name}` stands where none that is shared is taken"
            mend = "Frequencies and magnitudes of scenarios share beliefs; write its law here."
            raise refuse("law", what, mend)
        if self.low is not None and number is not None and number < self.low:
            least = f"At least {self.low} is possible: a fall of {-100 * self.low} %."
            mend = least if self.low < 0 else f"At least {self.low} is possible."
            raise refuse("range", f"{spell(quantity)} is below {self.low}", mend)
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
            else:
                self._sourced(written, info)
        return written

    @staticmethod
    def _sourced(written: dict[str, Any], info: ValidationInfo) -> None:
        """A named belief that says nothing of its own here rests on what it does elsewhere."""
        node, known = written["value"].node, context(info)
        if known is not None and isinstance(node, Belief) and node.name in known.sources:
            own = known.sources[node.name]
            if not written.keys() & own.keys():
                written.update(own)

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


class Parsed(Checked):
    """The quantity inside an estimate, already read by the marker around the estimate."""

    def check(self, value: Any) -> Quantity:
        """Return the quantity, or report why it could not be read."""
        if isinstance(value, Broken):
            raise value.error
        if isinstance(value, Quantity):
            return value
        raise refuse("quantity", f"a quantity is wanted here, found {shown(value)}")

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": ["string", "number"]}


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

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"anyOf": handler(schema)["oneOf"]}


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
