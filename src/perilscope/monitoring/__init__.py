# SPDX-License-Identifier: Apache-2.0
"""Watch: forecasts, what became of them, limits, what is stale or overdue."""
