# SPDX-License-Identifier: Apache-2.0
"""Everything that can go wrong, as one tree.

::

    PerilscopeError
    ├── FaultsError          something was read and is refused, with every fault and its place
    │   ├── BookError        the book
    │   └── DataError        a data file the book names (prices, positions, logs)
    ├── AssessmentError      one scenario cannot be assessed; the others are
    │   └── InexactError     it can be simulated, not computed exactly
    ├── MisuseError          a command or function was called with something it does not take
    └── StoreError           a result could not be written or read back
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Fault:
    """One thing that is wrong: where it stands, what it is, how to mend it.

    Parameters
    ----------
    file : str
        Name of the file as the user gave it.
    line, column : int
        Place in the file, counted from 1; zero where the whole file is meant.
    path : str
        Path inside the document, like ``scenarios.phishing.frequency``.
    what : str
        What is wrong, in one sentence.
    mend : str
        What is allowed or how to mend it; may be empty.

    Examples
    --------
    >>> print(Fault("book.yaml", 4, 8, "as_of", "a date is wanted here, found '30/06/2025'"))
    book.yaml:4:8: as_of: a date is wanted here, found '30/06/2025'
    """

    file: str
    line: int
    column: int
    path: str
    what: str
    mend: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        head = f"{place}: {self.path}: {self.what}" if self.path else f"{place}: {self.what}"
        return f"{head}\n    {self.mend}" if self.mend else head


class PerilscopeError(Exception):
    """Root of all errors that Perilscope raises on purpose."""


class FaultsError(PerilscopeError):
    """A document was refused. ``faults`` holds every reason with its place.

    Examples
    --------
    >>> print(FaultsError([Fault("book.yaml", 4, 8, "as_of", "a date is wanted here")]))
    book.yaml:4:8: as_of: a date is wanted here
    1 fault
    """

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults: tuple[Fault, ...] = tuple(faults)
        count = len(self.faults)
        lines = "\n".join(map(str, self.faults))
        super().__init__(f"{lines}\n{count} fault{'' if count == 1 else 's'}")


class BookError(FaultsError):
    """The book is not well-formed."""


class DataError(FaultsError):
    """A data file that the book names is not usable."""


class AssessmentError(PerilscopeError):
    """One scenario (or layer) cannot be assessed; the reason is the message."""


class InexactError(AssessmentError):
    """The exact engine cannot compute it, the simulation can; the reason is the message."""


class MisuseError(PerilscopeError):
    """A caller asked for something that does not exist or does not make sense."""


class StoreError(PerilscopeError):
    """A result could not be written, or what was read back is not a result."""
