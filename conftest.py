"""Loads the plugin in this checkout; the markers and fixtures of bench/ come from it.

pytester, which the tests of the plugin need, can be loaded from here only; it costs nothing.
"""

pytest_plugins = ["accelbench.plugin", "pytester"]
