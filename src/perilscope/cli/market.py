# SPDX-License-Identifier: Apache-2.0
"""``perilscope market``: market risk of what is held."""

from __future__ import annotations

import typer

from perilscope.cli import desk, models, prices

market = typer.Typer(
    name="market",
    help="""Market risk of what is held: limits, sizes, trades, stresses.

    [bold]perilscope market morning examples/hedge-fund[/bold]
    [bold]perilscope market risk --prices closes.csv --weights BTC=0.6,ETH=0.4[/bold]
    [bold]perilscope market backtest --file forecasts.csv --level 0.975[/bold]
    [bold]perilscope market trade BOOK "buy 200 ETH @ meridian"[/bold]
    """,
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

for command in (
    models.risk, models.backtest, models.tournament, models.frtb, desk.limits, desk.size,
    desk.trade, desk.morning, desk.stress, desk.contributions, desk.propose, desk.simulate,
    desk.liquidity,
):  # fmt: skip
    market.command()(command)
market.command("check-data")(prices.check_data)
