# SPDX-License-Identifier: Apache-2.0
"""``python -m perilscope`` is the command line."""

from perilscope.cli import main

if __name__ == "__main__":
    main()
