# SPDX-License-Identifier: Apache-2.0
"""Markers inside ``Annotated[...]`` that read one written value with their own words for faults."""

from __future__ import annotations

from typing import Any

from pydantic import GetCoreSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, core_schema


class Checked:
    """Reads a value through its ``check``, and through nothing else."""

    def check(self, value: Any) -> Any:
        """Return what the value means, or refuse it."""
        raise AssertionError(f"{type(self).__name__} does not say what it allows")

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.check)


class CheckedInContext:
    """As :class:`Checked`, where what is allowed depends on the rest of the book."""

    def check(self, value: Any, info: ValidationInfo) -> Any:
        """Return what the value means, or refuse it."""
        raise AssertionError(f"{type(self).__name__} does not say what it allows")

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(self.check)
