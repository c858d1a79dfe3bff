# SPDX-License-Identifier: Apache-2.0
"""Network files: text or bytes <-> networks, every number to the last bit.

``read`` and ``write`` are the door; each format has a module of its own. ``draft`` gathers what a
file declares and checks it whole, ``labels`` spells names that a format cannot hold, ``scan``,
``markup`` and ``json_text`` take text, XML and JSON apart. Nothing here opens a file.
"""

from perilscope.formats.dispatch import KINDS, Read, digest, kind_of, read, write

__all__ = ["KINDS", "Read", "digest", "kind_of", "read", "write"]
