# SPDX-License-Identifier: Apache-2.0
"""The report: complete, self-contained, the same bytes each time, and safe with hostile names."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest

from perilscope.report import html, words

Document = dict[str, Any]
POISONS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "]]>--></style><style>*{display:none}</style>{{ 7*7 }}{% raw %}",
    "\u202eevil\u2066\u200f \x00\x1b[2J\x9b\ufffe\n\n<h1>",
    "שלום " + "W" * 3000,
]


class Page(HTMLParser):
    """Elements, attributes and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.said: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        if tag in self.open:
            while self.open.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.said.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.said))


def assert_contained(page: Page) -> None:
    """No script, no handler, nothing fetched, no way out but to places of the page itself."""
    assert not {"script", "img", "link", "iframe", "object", "embed", "form", "base"} & set(
        page.tags
    )
    assert page.tags.count("style") == 1
    for name, value in page.attributes:
        assert not name.startswith("on"), (name, value)
        assert name not in ("src", "style", "srcset", "xlink:href"), (name, value)
        if name == "href":
            assert value.startswith("#")


def test_every_section_is_there(run: Document) -> None:
    page = Page(html.render(run))
    assert_contained(page)
    places = {value for name, value in page.attributes if name == "id" and "-" not in value}
    links = {value[1:] for name, value in page.attributes if name == "href"}
    assert {link for link in links if "-" not in link} == places
    assert links <= {value for name, value in page.attributes if name == "id"}
    assert page.tags.count("svg") > 3 + 2
    for said in (
        "Northlight Digital", "3 of 5 limits breached", "usdc-peg.reserves = doubtful", "$875k",
        "Exchange default", "Quantitative estimate", "$250,000 a year", "off-exchange-settle",
        "+300 %", "no cost", "binance", "97.5 %", "student-t", "USDC moves by -12 %",
        "drives hot-key-theft", "code 1.3 %", "-0.9 points", "belief(gamma(2, 10))",
        "loss on 2025-03-04",
        "14 in 2 years where 6 were expected.", "ceiling in treasury policy", "2026-10-02",
        "how much is lost?", "1.5 standard errors", "nobody owns it", "Prices are made by a script",
        "7f3a1c" + "0" * 58, "ab" * 32, "16,384 points", "NumPy 2.4.6",
    ):  # fmt: skip
        assert said in page.text, said


def test_each_scenario_has_its_tree_with_a_figure_at_every_node(run: Document) -> None:
    page = Page(html.render(run))
    assert page.tags.count("details") == len(run["scenarios"]) + len(run["protocols"])
    # hot-key-theft: 1/40 a year x $2.24M; 8 tries for each that works; a third is secondary
    start = page.text.index("Hot key theft hot-key-theft $56k a year")
    story = page.text[start : page.text.index("Protocol exploit protocol-exploit", start)]
    assert "PERT by Vose's form, lambda 4." in story
    places = [
        story.index(said)
        for said in (
            "Annual loss $56k a year", "Frequency 0.025 a year",
            "Threat event frequency 0.2 a year",
            "Contact frequency 2 a year 0.8 to 3.8 belief belief(beta(2, 38)) own tests, ciso, "
            "2026-10-02 (expert)",
            "Probability of action 10 % 4 % to 19 %", "Vulnerability 12 %",
            "Threat capability 0.3", "Resistance strength 0.7", "Magnitude $2.2M",
            "Primary $1.5M", "Response $373k",
            "Secondary $747k", "Probability 25 %", "Fines and judgements $2.2M",
            "Threat event frequency : 2 a year × 10 % = 0.2 a year",
            "Annual loss : 0.025 a year × $2.2M = $56k a year",
            "1 in 100 exceeds $616k and then costs $862k",
            "the average year lies between $22k and $106k (90 %)",
            "simulated $56,056, standard error $112", "z-score of the largest gap -0.5",
            "probability of action 0.92 % to 12 % $259k", "$1.7M",
            "resistance strength ±10 %: 63 % to 77 % $604k", "$1.2M",
        )
    ]  # fmt: skip
    assert places == sorted(places)


def test_a_link_of_the_register_leads_to_the_tree(run: Document) -> None:
    text = html.render(run)
    for each in run["scenarios"]:
        at = text.index(f'id="scenario-{each["rank"]}"')
        before = text[text.rindex("<summary>", 0, at) : at]
        assert f"{each['id']}<" in before
        assert f'href="#scenario-{each["rank"]}"' in text


def test_of_hundreds_of_scenarios_those_that_make_a_bad_year_have_a_tree(run: Document) -> None:
    one = run["scenarios"][0]
    run["scenarios"] = [
        one | {"id": f"s{place}", "name": "", "rank": place, "rank_tail": 301 - place}
        for place in range(1, 301)
    ]
    text = html.render(run)
    page = Page(text)
    assert page.tags.count("details") == 40 + len(run["protocols"])
    assert "The 40 of 300 scenarios with the largest share of a 1-in-100 year" in page.text
    assert text.index('id="scenario-300"') < text.index('id="scenario-261"')
    assert 'scenario-260"' not in text
    assert len(text) < 1_500_000


def test_what_stands_behind_the_figures_of_everything(run: Document) -> None:
    text = Page(html.render(run)).text
    assert "credible interval $700k to $1.1M (90 %)" in text
    assert "largest single event – – – $1.9M $3.6M $7.5M $9.9M" in text
    assert "100 $8.3M $8.2M $8.4M $9.8M $9.6M $10.0M" in text
    assert "The band is where the thick line may lie" in text
    assert "exchange-default: probability of action" in text


def test_a_run_without_sensitivities_says_how_to_get_them(run: Document) -> None:
    run["enterprise"]["tornado"] = []
    del run["enterprise"]["band"]
    run["enterprise"]["bounds"] = {}
    text = Page(html.render(run)).text
    assert "perilscope run BOOK --tornado" in text
    assert "The band is" not in text
    assert "Between what the figures must lie" not in text


def test_each_measure_has_its_meaning(run: Document) -> None:
    text = Page(html.render(run)).text
    for measure, sentence in words.MEANINGS.items():
        assert sentence in text
        assert words.term(measure) in text
        assert sentence.endswith(".")
        assert sentence.count(". ") == 0


def test_no_field_that_the_templates_name_is_misspelt(run: Document) -> None:
    assert html.begun(run, strict=True)() == html.render(run)


def test_the_same_run_gives_the_same_bytes(run: Document) -> None:
    assert html.render(run) == html.render(copy.deepcopy(run))
    assert html.render(run) == html.render(json.loads(json.dumps(run, sort_keys=True)))


def test_the_policy_lets_nothing_but_the_pages_own_style_apply(run: Document) -> None:
    text = html.render(run)
    style = re.search(r"<style>(.*)</style>", text, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"default-src &#39;none&#39;; style-src &#39;sha256-{digest}&#39;" in text


@pytest.mark.parametrize("poison", POISONS)
def test_hostile_text_stays_text(poison: str, hostile: Callable[[str], Document]) -> None:
    document = hostile(poison)
    document["failed"] = [{"id": poison, "reason": poison}]
    text = html.render(document)
    assert_contained(Page(text))
    assert not set(text) & set("\x00\x1b\x9b\ufffe\u202e\u2066\u200f")
    assert "49" not in Page(text).text or "{{ 7*7 }}" not in poison or "{{ 7*7 }}" in text


def test_empty_sections_say_so(bare: Document) -> None:
    page = Page(html.render(bare))
    assert_contained(page)
    for said in (
        "no curve to draw", "No scenario could be assessed", "declares no controls",
        "declares no limits", "names no positions", "declares no networks", "declares no protocols",
        "No belief was updated", "declares no assets", "Only one engine", "Nothing was noticed",
    ):  # fmt: skip
        assert said in page.text, said


def test_only_the_required_parts_of_a_run_are_needed(bare: Document) -> None:
    optional = ("evidence", "network_details", "protocols", "inventory", "grades", "improve")
    for key in (*optional, "learning", "against", "forecast", "added"):
        bare.pop(key)
    assert_contained(Page(html.render(bare)))


def test_a_scenario_with_only_required_fields_is_shown(run: Document) -> None:
    for each in run["scenarios"]:
        for key in ("story", "owner", "rests_on", "magnitude", "factors", "simulation", "asset"):
            each.pop(key)
    for each in run["controls"]:
        for key in ("name", "owner", "state", "var99_with", "interval", "scenarios", "does"):
            each.pop(key)
    assert "pm-phishing" in Page(html.render(run)).text


def test_failed_scenarios_stand_at_the_top(run: Document) -> None:
    run["failed"] = [{"id": "lost", "reason": "no price for XYZ"}]
    run["enterprise"]["leaves_out"] = ["lost"]
    text = Page(html.render(run)).text
    assert "Left out of every total: lost : no price for XYZ" in text
    assert "These figures leave out lost" in text
