"""Loads the plugin in this checkout; the markers and fixtures of bench/ come from it."""

pytest_plugins = ["accelbench.plugin"]
