"""The pytest plugin: a test with an argument `npembed_case` runs once for each case.

With npembed installed, this is a whole test file::

    from my_package.conformance import MyAdapter

    def test_my_layer(npembed_case):
        npembed_case.check(MyAdapter)

What the adapter cannot do is skipped; a known failure is an xfail, and one that passes fails. For one topic::

    @pytest.mark.npembed("bags")
"""

import pytest


def pytest_configure(config):
    """Tell pytest of the marker."""
    config.addinivalue_line("markers", "npembed(topic): run the conformance cases of this topic alone")


def pytest_generate_tests(metafunc):
    """Run a test that takes `npembed_case` for each of the cases; they are read now, not before."""
    if "npembed_case" in metafunc.fixturenames:
        from .reading import cases

        marker = metafunc.definition.get_closest_marker("npembed")
        chosen = [CaseForPytest(case) for case in cases(*(marker.args if marker else ()))]
        metafunc.parametrize("npembed_case", chosen, ids=[c.case.id for c in chosen])


class CaseForPytest:
    """A case that can be checked within a test.

    Attributes
    ----------
    case : Case
    """

    def __init__(self, case):
        self.case = case

    def check(self, adapter):
        """Run it on an adapter, and pass, fail, skip or xfail accordingly."""
        from .checking import declared, judge

        result = judge(self.case, adapter, declared(adapter))
        if result.status in ("cannot", "not run"):
            pytest.skip(f"{result.status}: {result.message}")
        if result.status == "known":
            pytest.xfail(result.message)
        if result.status == "failed":
            pytest.fail(result.message, pytrace=False)
