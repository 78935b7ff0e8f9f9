"""The installed plugin leaves suites alone that use the same names for their own purposes."""

from __future__ import annotations

import pytest

FOREIGN = {
    "a parameter called device": """
        import pytest
        @pytest.mark.parametrize("device", ["cpu", "cuda"])
        def test_own(device):
            assert device in ("cpu", "cuda")
    """,
    "a fixture called device with parameters": """
        import pytest
        @pytest.fixture(params=["a", "b"])
        def device(request):
            return request.param
        def test_own(device):
            assert device in ("a", "b")
    """,
    "a fixture called cell": """
        import pytest
        @pytest.fixture
        def cell():
            return 3
        def test_own(cell):
            assert cell == 3
        def test_other(cell):
            assert cell
    """,
    "a fixture called train": """
        import pytest
        @pytest.fixture
        def train():
            return lambda: 1
        def test_own(train):
            assert train() == 1
        def test_other(train):
            assert train()
    """,
}


@pytest.mark.parametrize("suite", FOREIGN)
def test_a_suite_with_its_own_names_runs_as_without_the_plugin(
    suite: str, pytester: pytest.Pytester
) -> None:
    pytester.makepyfile(test_foreign=FOREIGN[suite])
    result = pytester.runpytest_subprocess("-p", "no:hypothesispytest", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=2)
    result.stdout.no_fnmatch_line("*-- accelbench --*")
