# SPDX-License-Identifier: Apache-2.0
"""The same operations from Python: load or declare an institution, quantify it, look at the run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perilscope.book import content_hash, from_mapping
from perilscope.cycle.assess import Result, assess
from perilscope.cycle.chapters import in_slices
from perilscope.cycle.document import document
from perilscope.cycle.run import save
from perilscope.cycle.settings import Settings
from perilscope.cycle.workspace import Workspace, open_workspace
from perilscope.engines.simulation.draws import Draws
from perilscope.errors import MisuseError
from perilscope.evidence.calendar import Calendar
from perilscope.evidence.history import History
from perilscope.once import cached_property
from perilscope.sources import files
from perilscope.sources.frames import frame_prices

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Institution:
    """A book with its data, ready to be quantified.

    Made by :func:`load` or :func:`declare`.

    Examples
    --------
    >>> from perilscope import declare
    >>> declare({"as_of": "2026-11-20"}, theft="1 in 20 years, 1M")
    <Institution 'unnamed' as of 2026-11-20: 1 scenarios, 0 controls>
    """

    workspace: Workspace

    @property
    def scenarios(self) -> tuple[str, ...]:
        """Ids of the declared scenarios."""
        return tuple(self.workspace.book.scenarios)

    def __repr__(self) -> str:
        book = self.workspace.book
        return (
            f"<Institution {book.institution.name!r} as of {book.as_of}: "
            f"{len(book.scenarios)} scenarios, {len(book.controls)} controls>"
        )


def load(
    book: str | Path, *, prices: str | Path | None = None, positions: str | Path | None = None
) -> Institution:
    """Read a book and everything it names.

    Parameters
    ----------
    book : path
        A ``.yaml`` file or a folder of them.
    prices, positions : path, optional
        Replace the files that the book names.

    Raises
    ------
    BookError, DataError
        All faults, each with its place.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> book = '''
    ... institution: {name: Small Fund}
    ... currency: USD
    ... as_of: 2026-11-20
    ... assets: {wallet: {kind: wallet, worth: 2M}}
    ... scenarios: {theft: {asset: wallet, frequency: 1 in 20 years, magnitude: 1M}}
    ... '''
    >>> with TemporaryDirectory() as folder:
    ...     written = Path(folder, "book.yaml").write_text(book)
    ...     load(folder).scenarios
    ('theft',)
    """
    settings = Settings(prices=_path(prices), positions=_path(positions))
    return Institution(open_workspace(Path(book), settings))


def read_prices(data: Any, *, name: str = "", cutoff: int = 0, zone: str = "UTC") -> History:
    """Daily prices from files, data frames or bars, whoever wrote them.

    Parameters
    ----------
    data : path, list of paths, data frame, or bars
        CSV, JSON, zip, Parquet, Arrow; frames of pandas, polars or Arrow; bars as ccxt gives them.
    name : str
        What errors call a frame; names the asset of bars without a symbol.
    cutoff, zone
        Hour and zone at which a day of hourly prices ends.

    Raises
    ------
    DataError
        Every fault with its line.

    Examples
    --------
    >>> from perilscope import read_prices
    >>> read_prices({"ETH/USD": [[1577836800000, 129.2, 132.8, 128.7, 130.8, 144770.5]]}).assets
    ('ETH',)
    """
    calendar = Calendar(cutoff=cutoff, zone=zone)
    paths = [data] if isinstance(data, str | Path) else data
    if (
        isinstance(paths, list | tuple)
        and paths
        and all(isinstance(one, str | Path) for one in paths)
    ):
        return files.read_prices(list(paths), calendar)
    return frame_prices(data, name, calendar)


def declare(book: Mapping[str, Any] | None = None, **scenarios: str) -> Institution:
    """Build an institution in Python, without YAML.

    Parameters
    ----------
    book : mapping, optional
        What the YAML book would say, key by key; amounts as text or numbers.
    scenarios : str
        Further scenarios in one line: ``frequency, magnitude``; ``_`` in a name becomes ``-``.

    Raises
    ------
    BookError
        All faults of the book, each with its place.
    MisuseError
        A line that is none, or a scenario that stands there twice.

    Examples
    --------
    >>> from perilscope import declare
    >>> declare(phishing="1 in 2 years, 100k to 2M").scenarios
    ('phishing',)
    """
    tree = dict(book or {})
    tree.setdefault("institution", {"name": "unnamed"})
    tree.setdefault("currency", "USD")
    tree.setdefault("as_of", date.today().isoformat())
    if scenarios:
        assets = dict(tree.get("assets", {}))
        assets.setdefault("business", {"kind": "other"})
        declared = dict(tree.get("scenarios", {}))
        for key, text in scenarios.items():
            _add(declared, key.replace("_", "-"), _one_line(text))
        tree = {**tree, "assets": assets, "scenarios": declared}
    found = from_mapping(tree)
    return Institution(Workspace(found, content_hash(found), None, (), (), (), ()))


def _add(scenarios: dict[str, Any], name: str, scenario: Any) -> None:
    """Put a scenario beside others; one of the same name would vanish unseen."""
    if name in scenarios:
        raise MisuseError(f"the scenario {name!r} stands there twice: give each a name of its own")
    scenarios[name] = scenario


def quantify(
    *what: Institution | str | Path, evidence: Mapping[str, str] | None = None, **settings: Any
) -> Run:
    """Assess an institution, a book on disk, or scenarios written in one line each.

    Parameters
    ----------
    what : Institution, path, or lines
        Lines read ``name: frequency, magnitude``, each with a name of its own.
    evidence : mapping, optional
        Node (or ``network.node``) to its observed state.
    settings
        ``seed``, ``years``, ``engine``, ``horizon``, ``band`` as on the command line;
        ``tornado="*"`` moves every estimate, or those of the scenario with that id.

    Raises
    ------
    BookError, DataError, MisuseError
        As on the command line.

    Examples
    --------
    >>> import perilscope
    >>> run = perilscope.quantify("phishing: 1 in 2 years, 500k", years=1000)
    >>> run.ale, run.var(0.95)
    (250000.0, 1000000.0)
    """
    given = tuple(f"{node}={state}" for node, state in (evidence or {}).items())
    try:
        chosen = Settings(evidence=given, **settings)
    except TypeError as error:
        raise MisuseError(f"quantify: {error}") from error
    return Run(assess(_institution(what).workspace, chosen))


@dataclass(frozen=True)
class Run:
    """One assessment: figures, frames, draws and plots.

    ``document`` is what ``--json`` prints; every other method reads from it or from the laws.
    Figures are of operational and protocol losses over the horizon, in the currency of the book;
    joined with the market they stand in ``document["enterprise"]``.

    Examples
    --------
    Of a Poisson number of losses of 500k, one in two years, nothing is lost with exp(-1/2):

    >>> import perilscope
    >>> run = perilscope.quantify("phishing: 1 in 2 years, 500k", engine="exact")
    >>> run.ale, run.var(0.95), round(run.exceed(0), 6)
    (250000.0, 1000000.0, 0.393469)
    """

    result: Result

    @property
    def document(self) -> dict[str, Any]:
        """The run document, with the horizon in slices where the book declares it."""
        return document(self.result) | self._slices

    @cached_property
    def _slices(self) -> dict[str, Any]:
        return in_slices(self.result)

    @property
    def ale(self) -> float:
        """Annualised loss expectancy: what an average year costs."""
        return self.result.ale

    @property
    def ale_interval(self) -> tuple[float, float]:
        """90 % credible interval of :attr:`ale`; twice the same where nothing is a belief."""
        return self.result.insight.interval

    def var(self, level: float = 0.99) -> float:
        """Loss over the horizon that is exceeded with probability ``1 - level`` at most.

        Raises
        ------
        MisuseError
            A level that is not between 0 and 1.
        AssessmentError
            A level beyond what the grid tells.
        """
        return self.result.law.var(level)

    def cvar(self, level: float = 0.99) -> float:
        """Mean of the worst ``1 - level`` of horizons, an atom at VaR split; raises as `var`.

        Examples
        --------
        One loss of 1M in 20 years at most: of the worst tenth of years half lose it.

        >>> import perilscope
        >>> theft = {"frequency": "1 in 20 years", "counts": "at most one a year"}
        >>> tree = {"scenarios": {"theft": {**theft, "asset": "safe", "magnitude": "1M"}}}
        >>> book = perilscope.declare({**tree, "assets": {"safe": {"kind": "other"}}})
        >>> round(perilscope.quantify(book, engine="exact").cvar(0.9), 6)
        500000.0
        """
        return self.result.law.cvar(level)

    def exceed(self, loss: float) -> float:
        """Probability of losing more than ``loss`` over the horizon."""
        return float(self.result.law.exceed(loss))

    def draws(self) -> dict[str, NDArray[np.float64]]:
        """Simulated losses by scenario, one value per simulated horizon; ``total`` is their sum.

        Raises
        ------
        MisuseError
            The run was made with ``engine="exact"``, or with too many years to keep each.

        Examples
        --------
        >>> import perilscope
        >>> drawn = perilscope.quantify("theft: 1 in 2 years, 1M", years=1000).draws()
        >>> sorted(drawn), drawn["total"].shape
        (['theft', 'total'], (1000,))
        """
        draws = self.result.draws
        if draws is None:
            raise MisuseError("an exact run has no draws: quantify(..., engine='both')")
        if not isinstance(draws, Draws):
            raise MisuseError(
                f"{draws.count:,} horizons are counted, not kept one by one: ask for fewer years"
            )
        return {**draws.lines, "total": draws.total}

    def to_frame(self) -> pd.DataFrame:
        """The register as a data frame, one row per scenario, ranked by the average.

        Raises
        ------
        MisuseError
            pandas is not installed (extra ``frames``).

        Examples
        --------
        >>> import perilscope
        >>> lines = "theft: 1 in 4 years, 1M", "fraud: 1 in 2 years, 1M"
        >>> frame = perilscope.quantify(*lines, engine="exact").to_frame()
        >>> frame["ale"].round(6).to_dict()
        {'fraud': 500000.0, 'theft': 250000.0}
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise MisuseError("frames need pandas: pip install 'perilscope[frames]'") from error
        columns = (
            "name",
            "layer",
            "ale",
            "sd",
            "probability_of_loss",
            "share_of_ale",
            "share_of_tail",
            "grade",
            "owner",
        )
        rows = [
            {
                "id": s["id"],
                **{c: s[c] for c in columns},
                "var_99": s["var"]["0.99"],
                "cvar_99": s["cvar"]["0.99"],
            }
            for s in self.document["scenarios"]
        ]
        return pd.DataFrame(rows).set_index("id") if rows else pd.DataFrame()

    def plot(self, name: str = "exceedance") -> Chart:
        """A chart of the run: ``exceedance`` or ``contributions``.

        Raises
        ------
        MisuseError
            There is no such chart, or nothing to draw in it.
        """
        from perilscope.report import charts

        drawn = {"exceedance": charts.exceedance, "contributions": charts.contributions}
        if name not in drawn:
            raise MisuseError(f"no chart is called {name!r}: choose {', '.join(drawn)}")
        spec = drawn[name](self.document)
        if spec is None:
            raise MisuseError(f"there is nothing to draw in the chart {name!r}")
        return Chart(spec)

    def save(self, out: str | Path = "out") -> Path:
        """Write ``run.json`` and ``report.html`` into a folder, and return it.

        Raises
        ------
        StoreError
            The folder cannot be written.
        """
        from perilscope.report import html

        found = self.document
        save(found, Path(out), {"report.html": html.begun(found)})
        return Path(out)

    def __str__(self) -> str:
        from perilscope.report import terminal

        return terminal.render(self.document, width=110, colour=False)

    def __repr__(self) -> str:
        from perilscope.cycle.amounts import money

        book = self.result.book
        currency = book.currency
        return (
            f"<Run of {book.institution.name!r}: average year {money(self.ale, currency)}, "
            f"1 year in 100 exceeds {money(self.var(0.99), currency)}>"
        )

    def _repr_html_(self) -> str:
        from perilscope import notebook

        return notebook.run(self.document)


@dataclass(frozen=True)
class Chart:
    """A Vega-Lite specification that draws itself in a notebook.

    Examples
    --------
    >>> import perilscope
    >>> chart = perilscope.quantify("theft: 1 in 4 years, 1M", engine="exact").plot()
    >>> chart.svg()[:4]
    '<svg'
    """

    spec: dict[str, Any]

    def svg(self) -> str:
        """The chart as SVG."""
        from perilscope.report import charts

        return charts.svg(self.spec)

    def save(self, path: str | Path) -> Path:
        """Write the chart as an SVG file."""
        from perilscope.store.documents import write_text

        write_text(Path(path), self.svg())
        return Path(path)

    def _repr_svg_(self) -> str:
        return self.svg()


_LINE = re.compile(r"\s*(?P<name>[a-z][a-z0-9-]*)\s*:\s*(?P<rest>.+)")


def _institution(what: tuple[Institution | str | Path, ...]) -> Institution:
    if len(what) == 1 and isinstance(what[0], Institution):
        return what[0]
    if len(what) == 1 and (isinstance(what[0], Path) or not _LINE.fullmatch(str(what[0]))):
        return load(str(what[0]))
    lines = [_LINE.fullmatch(item) if isinstance(item, str) else None for item in what]
    if not lines or not all(lines):
        raise MisuseError(
            "quantify takes an institution, a path, or lines like 'phishing: 1 in 2 years, 500k'"
        )
    scenarios: dict[str, str] = {}
    for line in lines:
        if line:
            _add(scenarios, line["name"], line["rest"])
    return declare(None, **scenarios)


def _one_line(text: str) -> dict[str, str]:
    """``frequency, magnitude``: split at the first comma that stands outside brackets."""
    depth = 0
    for i, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            return {
                "asset": "business",
                "frequency": text[:i].strip(),
                "magnitude": text[i + 1 :].strip(),
            }
    raise MisuseError(f"a scenario in one line reads 'frequency, magnitude', found {text!r}")


def _path(given: str | Path | None) -> Path | None:
    return None if given is None else Path(given)


__all__ = ["Chart", "Institution", "Run", "declare", "load", "quantify"]
