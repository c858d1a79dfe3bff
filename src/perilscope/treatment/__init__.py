# SPDX-License-Identifier: Apache-2.0
"""Decide: what each control removes for its cost."""
