"""The runtimes that need nothing but this machine."""

from __future__ import annotations

import pytest

from assesskit.pods.process import ProcessRuntime

pytest.register_assert_rewrite("tests.pods.contract")


@pytest.fixture(scope="session")
def process_runtime(tmp_path_factory) -> ProcessRuntime:
    folder = tmp_path_factory.mktemp("process")
    return ProcessRuntime(cache=folder / "cache", work=folder / "work")
