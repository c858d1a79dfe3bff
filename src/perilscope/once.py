# SPDX-License-Identifier: Apache-2.0
"""A property that is found once, and never makes one thread wait for another."""

from __future__ import annotations

import functools
from typing import Any, Self, TypeVar, overload

_T_co = TypeVar("_T_co", covariant=True)


class cached_property(functools.cached_property[_T_co]):  # noqa: N801  as that of the library
    """``functools.cached_property`` as it is from Python 3.12 on.

    Before that all objects of a class share one lock, held while the value is found: threads that
    ask different objects wait for each other. Two threads that ask one object at once may both find
    the value; the last stays, and they are alike because what is asked does not change.

    Examples
    --------
    >>> class Circle:
    ...     @cached_property
    ...     def area(self) -> float:
    ...         print("found")
    ...         return 3.0
    >>> circle = Circle()
    >>> circle.area, circle.area
    found
    (3.0, 3.0)
    """

    @overload
    def __get__(self, instance: None, owner: type[Any] | None = None) -> Self: ...

    @overload
    def __get__(self, instance: object, owner: type[Any] | None = None) -> _T_co: ...

    def __get__(self, instance: Any, owner: type[Any] | None = None) -> Any:
        if instance is None:
            return self
        assert self.attrname is not None
        found = instance.__dict__[self.attrname] = self.func(instance)
        return found
