# SPDX-License-Identifier: Apache-2.0
"""The declaration: text <-> values, well-formed or refused with every fault named."""

from __future__ import annotations

from .assets import Asset, Failing, Venue, Worth
from .canonical import canonical, content_hash
from .control import Control, Cost, Cut
from .counts import Counts
from .cover import Cover
from .dependence import Copula, Factor, Shock, Unknown
from .estimate import Estimate, From, Leaf, Review
from .feedback import Feedback, SliceLoss
from .frozen import FrozenDict
from .institution import Expert, Institution, MarketSettings, RuledOut, Token
from .interaction import Interaction
from .limit import Limit
from .load import from_mapping, load, load_text
from .measure import MeasureSpec
from .model import Book
from .network import NetNode, Network
from .protocol import Duration, Findings, Protocol
from .quantity import Quantity
from .scenario import (
    Flaw,
    Forms,
    Frequency,
    Magnitude,
    Scenario,
    Secondary,
    Threat,
    ThreatEvents,
    Vulnerability,
)
from .schema import json_schema
from .source import edit, splice
from .watch import Watch

__all__ = [
    "Asset",
    "Book",
    "Control",
    "Copula",
    "Cost",
    "Counts",
    "Cover",
    "Cut",
    "Duration",
    "Estimate",
    "Expert",
    "Factor",
    "Failing",
    "Feedback",
    "Findings",
    "Flaw",
    "Forms",
    "Frequency",
    "From",
    "FrozenDict",
    "Institution",
    "Interaction",
    "Leaf",
    "Limit",
    "Magnitude",
    "MarketSettings",
    "MeasureSpec",
    "NetNode",
    "Network",
    "Protocol",
    "Quantity",
    "Review",
    "RuledOut",
    "Scenario",
    "Secondary",
    "Shock",
    "SliceLoss",
    "Threat",
    "ThreatEvents",
    "Token",
    "Unknown",
    "Venue",
    "Vulnerability",
    "Watch",
    "Worth",
    "canonical",
    "content_hash",
    "edit",
    "from_mapping",
    "json_schema",
    "load",
    "load_text",
    "splice",
]
