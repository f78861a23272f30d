"""The pytest plugin: a test with an argument `npembed_case` runs once for each case.

With npembed installed, this is a whole test file::

    from my_package.conformance import MyAdapter

    def test_my_layer(npembed_case):
        npembed_case.check(MyAdapter)

What the adapter cannot do is skipped, unless it can do nothing, which fails; a known failure is an xfail, and one that passes fails.
For one topic::

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
        chosen = cases(*(marker.args if marker else ()))
        chosen = [CaseForPytest(case, chosen) for case in chosen]
        metafunc.parametrize("npembed_case", chosen, ids=[c.case.id for c in chosen])


class CaseForPytest:
    """A case that can be checked within a test.

    Attributes
    ----------
    case : Case
    """

    def __init__(self, case, chosen):
        self.case, self.chosen = case, chosen

    def check(self, adapter):
        """Run it on an adapter, and pass, fail, skip or xfail accordingly."""
        from .checking import judge
        from .declaring import declared
        from .report import RAN

        about = declared(adapter)
        result = judge(self.case, adapter, about)
        if result.status not in RAN:
            if not any(judge(case, adapter, about).status in RAN for case in self.chosen):
                pytest.fail(f"no case ran, so nothing was checked: {result.status}: {result.message}", pytrace=False)
            pytest.skip(f"{result.status}: {result.message}")
        if result.status == "known":
            pytest.xfail(result.message)
        if result.status == "failed":
            pytest.fail(result.message, pytrace=False)
