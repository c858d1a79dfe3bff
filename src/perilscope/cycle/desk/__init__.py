# SPDX-License-Identifier: Apache-2.0
"""What a trading desk asks: risk by every model, limits, trades, stresses, backtests."""
