# SPDX-License-Identifier: Apache-2.0
"""Exit codes, which hold for every command; the package says what each means."""

REFUSED, MISUSE, BREACHED, INCOMPLETE = 1, 2, 3, 4
INTERNAL, INTERRUPTED = 70, 130
