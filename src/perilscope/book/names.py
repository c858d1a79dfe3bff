# SPDX-License-Identifier: Apache-2.0
"""Names, references and plain scalars: ids, dates, yes or no, whole numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, ClassVar, get_args

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, core_schema

from .checked import Checked, CheckedInContext
from .fields import context, refuse
from .quantity import QuantityError, parse, plain
from .words import listed, near, shown

ID = re.compile(r"[a-z][a-z0-9-]{0,63}")
SYMBOL = re.compile(r"[A-Za-z0-9][A-Za-z0-9.]{0,19}")
NODE = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
STATE = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _+.%<>-]{0,63}")


class Ref(CheckedInContext):
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

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": "string", "description": f"Id of one {' or '.join(self.kinds)}."}


@dataclass(frozen=True)
class Name(Checked):
    """The key of an entry: an id, a token symbol, a node, a state."""

    what: str
    pattern: re.Pattern[str]
    mend: str

    def check(self, value: Any) -> str:
        """Return the name if it is written as such names are."""
        if isinstance(value, str) and self.pattern.fullmatch(value):
            return value
        raise refuse("name", f"{shown(value)} is not {self.what}", self.mend)

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
        keys = handler.generate_schema(Annotated[str, self.name])
        inner = core_schema.dict_schema(keys, handler.generate_schema(entry))
        frozen = core_schema.no_info_after_validator_function(source.__origin__, inner)
        return core_schema.no_info_after_validator_function(self._with_ids, frozen)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        (entry,) = handler(schema)["patternProperties"].values()
        return {
            "type": "object",
            "patternProperties": {f"^{self.name.pattern.pattern}$": entry},
            "additionalProperties": False,
        }


class Day(Checked):
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

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": "string", "format": "date"}


class YesNo(Checked):
    """``yes`` or ``no``."""

    WORDS: ClassVar = {"yes": True, "true": True, "no": False, "false": False}

    def check(self, value: Any) -> bool:
        """Return the truth a word states."""
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in self.WORDS:
            return self.WORDS[value.lower()]
        raise refuse("yes-no", f"`yes` or `no` is wanted here, found {shown(value)}")

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"enum": ["yes", "no", True, False]}


class Count(Checked):
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

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": ["integer", "string"]}
