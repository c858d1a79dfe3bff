# SPDX-License-Identifier: Apache-2.0
"""A marker inside ``Annotated[...]`` that reads one written value with its own words for faults."""

from __future__ import annotations

from typing import Any

from pydantic import GetCoreSchemaHandler
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
