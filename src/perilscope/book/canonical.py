# SPDX-License-Identifier: Apache-2.0
"""One text for every book that says the same, and its hash.

Key order, spacing, comments, quotes, shorthand and the split into files do not matter; numbers
are printed as the shortest decimal text, so ``250 k`` is ``0.25M``. What is declared counts, not
what follows from it: ``1 in 5 years`` and ``0.2 per year`` are two books.
"""

from __future__ import annotations

import hashlib
import json
from datetime import date
from decimal import Decimal
from typing import Any

from pydantic import BaseModel

from .counts import Counts
from .estimate import Estimate, From, Leaf
from .measure import MeasureSpec
from .model import Book
from .network import Network
from .protocol import Duration, Findings
from .quantity import Quantity, spell

FORMAT = 1


def canonical(book: Book) -> str:
    """Return the canonical JSON of a book: keys sorted, defaults left out."""
    return json.dumps(
        {"format": FORMAT, "book": _plain(book)},
        sort_keys=True,
        ensure_ascii=False,
        separators=(",", ":"),
        allow_nan=False,
    )


def content_hash(book: Book) -> str:
    """Return the SHA-256 of the canonical text, in hexadecimal."""
    return hashlib.sha256(canonical(book).encode("utf-8")).hexdigest()


def _plain(value: Any) -> Any:
    """Return a value as JSON would hold it."""
    match value:
        case Leaf(estimate=estimate):
            return _plain(estimate)
        case From():
            fields = _fields(value, leave_out=("network", "node", "state"))
            text = f"from {value.network}.{value.node} = {value.state}"
            return {"value": text, **fields} if fields else text
        case Estimate():
            fields = _fields(value)
            return fields if len(fields) > 1 else fields["value"]
        case Network():
            return _fields(value, leave_out=("file",))
        case BaseModel():
            return _fields(value)
        case Quantity():
            return spell(value)
        case Counts():
            return str(value)
        case MeasureSpec():
            return value.text
        case Duration(hours):
            return f"{hours:f} hours"
        case Findings():
            return str(value)
        case Decimal():
            return f"{value.normalize() + 0:f}"
        case date():
            return value.isoformat()
        case dict():
            return {str(k): _plain(v) for k, v in value.items()}
        case tuple() | list():
            return [_plain(v) for v in value]
        case _:
            return value


def _fields(model: BaseModel, leave_out: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the fields that differ from their defaults; an entry's id is its key."""
    return {
        name: _plain(value)
        for name, about in type(model).model_fields.items()
        if name not in ("id", "every_days", *leave_out)
        and (about.is_required() or (value := getattr(model, name)) != about.default)
        and ((value := getattr(model, name)) is not None)
    }
