# SPDX-License-Identifier: Apache-2.0
"""Numbers as risk people write them: ``$1.2M``, ``2.5 %``, ``1 in 40``, ``1 in 2 y``.

Every function takes ``None`` for a figure that is absent and answers with a dash.
"""

from __future__ import annotations

import math

ABSENT = "–"
_SIGNS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}
_UNITS = ((1e12, "tn"), (1e9, "bn"), (1e6, "M"), (1e3, "k"))


def _scaled(size: float) -> str:
    """Two or three leading digits and the unit, never ``1,000k``."""
    if size < 999.5:
        text = f"{size:.0f}" if size >= 10 or size == round(size) else f"{size:.2g}"
        # less than a millionth is what rounding leaves of nothing
        return text if size >= 0.01 or size == 0 else "0.01" if size >= 1e-6 else "0"
    for unit, letter in _UNITS:
        scaled = size / unit
        if scaled >= 0.9995 or (letter == "M" and size >= 999_500):
            places = 0 if (letter == "k" and scaled >= 9.95) or scaled >= 99.95 else 1
            return f"{scaled:,.{places}f}{letter}"
    return f"{size / 1e3:,.1f}k"


def money(value: float | None, currency: str = "USD") -> str:
    """Return an amount in short form.

    Examples
    --------
    >>> money(1_234_567), money(750_000), money(999_960), money(0), money(-2_400)
    ('$1.2M', '$750k', '$1.0M', '$0', '-$2.4k')
    >>> money(1_234_567, "CHF"), money(None)
    ('1.2M CHF', '–')
    >>> money(0.0004), money(-2e-8)
    ('$0.01', '$0')
    """
    return _signed(value, currency, _scaled)


def money_in_full(value: float | None, currency: str = "USD") -> str:
    """Return an amount to the unit.

    Examples
    --------
    >>> money_in_full(1_234_567.4), money_in_full(200_000, "EUR")
    ('$1,234,567', '€200,000')
    """
    return _signed(value, currency, lambda size: f"{size:,.0f}")


def _signed(value: float | None, currency: str, spell: object) -> str:
    if value is None:
        return ABSENT
    if math.isinf(value):
        return "without bound"
    assert callable(spell)
    text = str(spell(abs(value)))
    minus = "-" if value < 0 and text != "0" else ""
    sign = _SIGNS.get(currency)
    return f"{minus}{sign}{text}" if sign else f"{minus}{text} {currency}".rstrip()


def share(value: float | None) -> str:
    """Return a share in whole percent, saying so when it is small but not nothing.

    Examples
    --------
    >>> share(0.334), share(0.002), share(0), share(0.998), share(1.25)
    ('33 %', '<1 %', '0 %', '>99 %', '125 %')
    """
    if value is None:
        return ABSENT
    if 0 < value <= 0.005:
        return "<1 %"
    if -0.005 <= value < 0:
        return "0 %"
    if 0.995 <= value < 1:
        return ">99 %"
    return f"{value * 100:,.0f} %"


def move(value: float | None) -> str:
    """Return the move of a price with its sign, in whole percent or one leading digit.

    Examples
    --------
    >>> move(-0.334), move(0.05), move(-0.0012), move(0.0)
    ('-33 %', '+5 %', '-0.1 %', '0 %')
    """
    if value is None:
        return ABSENT
    if abs(value) < 5e-6:
        return "0 %"
    percent = value * 100
    return f"{percent:+.0f} %" if abs(percent) >= 0.95 else f"{percent:+.1g} %"


def probability(value: float | None) -> str:
    """Return a probability in percent with two leading digits, or as odds when it is tiny.

    Examples
    --------
    >>> probability(0.025), probability(0.5), probability(0.9995), probability(0.000025)
    ('2.5 %', '50 %', '99.95 %', '1 in 40,000')
    """
    if value is None:
        return ABSENT
    if value <= 0 or value >= 1:
        return "0 %" if value <= 0 else "100 %"
    if value < 0.0005:
        return chance(value)
    percent = value * 100
    if percent < 1:
        return f"{percent:.2g} %"
    if percent > 99:
        return f"{min(percent, 99.99):.4g} %"
    return (
        f"{percent:.1f} %" if percent < 10 and f"{percent:.1f}"[-1] != "0" else f"{percent:.0f} %"
    )


def measured(value: float | None, unit: str, currency: str = "USD") -> str:
    """Return a figure in the unit of its limit.

    Examples
    --------
    >>> measured(0.04, "probability"), measured(1.853, "times"), measured(12.2, "days")
    ('4 %', '1.85x', '12 days')
    >>> measured(5.5e-05, "times"), measured(2_500.0, "times"), measured(2e-5, "days")
    ('0x', '2,500x', '0 days')
    """
    if value is None:
        return ABSENT
    if unit == "probability":
        return probability(value)
    if unit in ("times", "days") and abs(value) < 5e-4:  # not 5.5e-05x
        value = 0.0
    if unit == "times":
        return f"{value:.3g}x" if value < 1000 else f"{value:,.0f}x"
    if unit == "days":
        return f"{value:.2g} days" if value < 100 else f"{value:,.0f} days"
    return money(value, currency)


def chance(value: float | None) -> str:
    """Return a probability as odds.

    Examples
    --------
    >>> chance(0.025), chance(0.4), chance(0), chance(1)
    ('1 in 40', '1 in 2.5', 'never', 'certain')
    """
    if value is None:
        return ABSENT
    if value <= 0 or value >= 1:
        return "never" if value <= 0 else "certain"
    return f"1 in {_number(1 / value)}"


def frequency(per_year: float | None) -> str:
    """Return how often something happens.

    Examples
    --------
    >>> frequency(0.5), frequency(3), frequency(1), frequency(0.3), frequency(0)
    ('1 in 2 y', '3 a year', 'once a year', '1 in 3.3 y', 'never')
    """
    if per_year is None:
        return ABSENT
    if per_year <= 0:
        return "never"
    if per_year == 1:
        return "once a year"
    return f"1 in {_number(1 / per_year)} y" if per_year < 1 else f"{_number(per_year)} a year"


def _number(value: float) -> str:
    if value >= 1000:
        value = float(f"{value:.3g}")
    return f"{value:,.0f}" if value >= 9.95 else f"{value:.1f}".removesuffix(".0")


def number(value: float | None) -> str:
    """Return a plain number to four leading digits.

    Examples
    --------
    >>> number(0.5), number(1234.5678), number(0.000123456), number(1e-15)
    ('0.5', '1,235', '0.0001235', '1e-15')
    """
    if value is None:
        return ABSENT
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def relative(value: float | None) -> str:
    """Return a relative error in percent, no finer than anybody needs.

    Examples
    --------
    >>> relative(0.012), relative(4e-7), relative(3e-12), relative(0)
    ('1.2 %', '0.00004 %', '<0.00001 %', '0 %')
    """
    if value is None:
        return ABSENT
    if 0 < value < 1e-7:
        return "<0.00001 %"
    percent = float(f"{100 * value:.{2 if value >= 0.01 else 1}g}")
    return f"{percent:.5f}".rstrip("0").rstrip(".") + " %"


def points(value: float | None) -> str:
    """Return a change of a probability in percentage points.

    Examples
    --------
    >>> points(-0.009026), points(0.0006), points(0.12)
    ('-0.9 points', '+0.06 points', '+12 points')
    """
    return ABSENT if value is None else f"{100 * value:+.2g} points"


def level(key: str) -> str:
    """Return the key of a level in percent.

    Examples
    --------
    >>> level("0.975"), level("0.999")
    ('97.5 %', '99.9 %')
    """
    return f"{float(key) * 100:g} %"


def gain(value: float | None) -> str:
    """Return a return on money spent; ``None`` means that nothing is spent.

    Examples
    --------
    >>> gain(3.0), gain(-0.41), gain(None)
    ('+300 %', '-41 %', 'no cost')
    """
    return "no cost" if value is None else f"{value * 100:+,.0f} %"


def horizon(years: float) -> str:
    """Return the length of the time looked at.

    Examples
    --------
    >>> horizon(1.0), horizon(0.25), horizon(3), horizon(10 / 365.25), horizon(0.1)
    ('12 months', '3 months', '3 years', '10 days', '0.1 years')
    """
    days = years * 365.25
    if abs(days - round(days)) < 1e-6 and 1 <= round(days) < 365:
        return f"{round(days)} day{'' if round(days) == 1 else 's'}"
    months = years * 12
    if abs(months - round(months)) < 1e-6 and 1 <= round(months) <= 12:
        return f"{round(months)} month{'' if round(months) == 1 else 's'}"
    return f"{_number(years) if years >= 1 else f'{years:.2g}'} years"


def span(years: float) -> str:
    """What one horizon is called: a year, or a period.

    Examples
    --------
    >>> span(1.0), span(10 / 365)
    ('year', 'period')
    """
    return "year" if years == 1 else "period"


def one_in(level: str) -> int:
    """Return the N of "1 in N" for the key of a level.

    Examples
    --------
    >>> one_in("0.99"), one_in("0.975")
    (100, 40)
    """
    return round(1 / (1 - float(level)))
