"""Model training as a regression test on any accelerator."""

__version__ = "0.1.0"
