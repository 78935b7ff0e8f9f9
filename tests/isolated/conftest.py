"""Tests that ask pytest for configurations of their own: they have a process to themselves.

After thousands of tests in one process such a configuration was seen to load no plugin at all.
`tests/unit/test_isolated.py` runs this folder.
"""

pytest_plugins = ["pytester"]
