"""Judging offline: runs made elsewhere, verdicts again, and other people's convergence points."""
