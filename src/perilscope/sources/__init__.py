# SPDX-License-Identifier: Apache-2.0
"""The only way in: what is read from files, and never more of it than was allowed for."""
