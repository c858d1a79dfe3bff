# SPDX-License-Identifier: Apache-2.0
"""Colours and type of everything drawn, so that charts, networks and pages look like one.

Charts carry the light colours as attributes; the page's style sheet turns the neutral ones for
dark screens by matching them, so an SVG taken out of the page still stands by itself.
"""

from __future__ import annotations

# vl-convert measures text with its own copy of the first face; the others have its widths.
FACES = "Liberation Sans, Arial, Helvetica, sans-serif"

INK = "#1c2430"
QUIET = "#66707f"
LINE = "#d9dee5"
PAPER = "#ffffff"
PANEL = "#f5f7fa"

ENTERPRISE = "#1f4e8c"
OPERATIONAL = "#2f9e8f"
PROTOCOL = "#d9822b"
BREACH = "#c23b3b"
AVERAGE = "#8fa8c8"
BAD_YEAR = "#c2562b"
COST = "#9aa5b4"
SAVING = "#2f9e8f"
GIVEN = "#8a5fbf"
