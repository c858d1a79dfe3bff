# SPDX-License-Identifier: Apache-2.0
"""Losses event by event: the second, independent route."""
