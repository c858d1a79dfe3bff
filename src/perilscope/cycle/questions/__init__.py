# SPDX-License-Identifier: Apache-2.0
"""What a book is asked beside its summary: events, causes, capital, what moved."""
