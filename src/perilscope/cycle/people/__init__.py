# SPDX-License-Identifier: Apache-2.0
"""Estimates from people: what they imply, how good they are, several as one."""
