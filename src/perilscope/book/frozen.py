# SPDX-License-Identifier: Apache-2.0
"""A mapping that cannot be changed once it stands in a book."""

from __future__ import annotations

from typing import Any, NoReturn, TypeVar, get_args

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

K = TypeVar("K")
V = TypeVar("V")


class FrozenDict(dict[K, V]):
    """A dict without the methods that change it: hashable, picklable, in the order written.

    Examples
    --------
    >>> d = FrozenDict({"a": 1})
    >>> d["a"]
    1
    >>> d["b"] = 2
    Traceback (most recent call last):
    TypeError: a book does not change; make a new one
    """

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("a book does not change; make a new one")

    __setitem__ = __delitem__ = __ior__ = _refuse
    update = setdefault = pop = popitem = clear = _refuse

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (dict(self),)

    def __copy__(self) -> FrozenDict[K, V]:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> FrozenDict[K, V]:
        return self

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        keys, values = get_args(source) or (Any, Any)
        inner = core_schema.dict_schema(
            handler.generate_schema(keys), handler.generate_schema(values)
        )
        return core_schema.no_info_after_validator_function(cls, inner)
