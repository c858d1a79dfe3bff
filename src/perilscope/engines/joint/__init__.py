# SPDX-License-Identifier: Apache-2.0
"""Market, operational and protocol losses as one law.

Networks have joint states. Given one, the lines of loss and the market are independent, so the
transform of the sum is a product; the law is the mixture over the states (`assembly`). Kept in
space for each state, new evidence is another mixture of the same laws (`reweighted`).
"""
