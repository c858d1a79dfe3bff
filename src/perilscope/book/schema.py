# SPDX-License-Identifier: Apache-2.0
"""JSON Schema of the book, for editors."""

from __future__ import annotations

from typing import Any

from .descriptions import described
from .model import Book

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_INSIDE = {"NetNode": ("interaction",), "FeedbackNode": ("interaction", "first_from")}
"""Fields that reading a table fills in; nobody writes them."""


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a book.

    Editors see ``0.2`` as a number and ``2026-11-20`` as text, so quantities are text or
    number, and ids are keys that match a pattern.

    Examples
    --------
    >>> json_schema()["title"]
    'Book'
    """
    from pydantic.json_schema import GenerateJsonSchema

    class Generator(GenerateJsonSchema):
        """Leaves out defaults: they are values, not text."""

        def default_schema(self, schema: Any) -> dict[str, Any]:
            return self.generate_inner(schema["schema"])

    schema = Book.model_json_schema(mode="validation", schema_generator=Generator)
    networks = schema["properties"]["networks"]
    schema["properties"]["networks"] = {
        "anyOf": [networks, {"type": "array", "items": {"type": "string"}}]
    }
    _from_files(schema["$defs"])
    _without_ids(schema)
    _as_written(schema["$defs"])
    for name, model in [("Book", schema), *schema["$defs"].items()]:
        for shape in (model, *model.get("anyOf", ())):
            _say(name, shape)
    return {"$schema": DIALECT, **schema}


def _from_files(models: dict[str, Any]) -> None:
    """A network may be the path of a file, or name the file that has its nodes and tables."""
    network, node = models["Network"], models["NetNode"]
    network["type"] = ["object", "string"]
    network["required"].remove("nodes")
    node["required"].remove("table")
    whole = {"additionalProperties": {"required": ["table"]}}
    network["else"] = {"required": ["nodes"], "properties": {"nodes": whole}}
    network["if"] = {"required": ["file"]}
    for model in (network, node):
        if not model["required"]:
            del model["required"]


def _as_written(models: dict[str, Any]) -> None:
    """Leave out what only reading makes."""
    for name, fields in _INSIDE.items():
        for field in fields:
            del models[name]["properties"][field]
    del models["Interaction"]


def _say(name: str, shape: dict[str, Any]) -> None:
    """Put what each field means before how it is written."""
    for field, of in shape.get("properties", {}).items():
        text = " ".join([described(name, field), of.get("description", "")]).strip()
        if text:
            of["description"] = text


def _without_ids(part: Any) -> None:
    """Take out the ids: an entry's id is its key."""
    if isinstance(part, dict):
        fields = part.get("properties")
        if isinstance(fields, dict) and fields.get("id", {}).get("type") == "string":
            del fields["id"]
        for inner in part.values():
            _without_ids(inner)
    elif isinstance(part, list):
        for inner in part:
            _without_ids(inner)
