"""`python -m accelbench.cli`: the command line without its script."""

from __future__ import annotations

from accelbench.cli import main

main()
