"""The pages that browser tests are given: one JupyterLab for all, one page for the tests of a file.

Every test leaves a screenshot in ``artifacts/``, whether it passed or not.
"""

from __future__ import annotations

import os
import runpy
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.register_assert_rewrite("browser.harness")

from browser.harness import ROOT, Lab, Server, find_chromium, open_page, running_server  # noqa: E402


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of the system's Chromium; without one the test is skipped, but fails where CI asks."""
    path = find_chromium()
    if path is None:
        reason = "there is no Chromium here (on Debian: sudo apt-get install chromium)"
        if os.environ.get("PCVAE_REQUIRE_BROWSER") == "1":
            pytest.fail(f"PCVAE_REQUIRE_BROWSER=1, but {reason}")
        pytest.skip(reason)
    return path


@pytest.fixture(scope="session")
def live_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the live page, built once; `PCVAE_LIVE_PAGE` names one that is there."""
    given = os.environ.get("PCVAE_LIVE_PAGE")
    if given:
        return Path(given)
    out = tmp_path_factory.mktemp("live") / "page"
    try:
        runpy.run_path(str(ROOT / "site" / "build_live.py"))["build"](out)
    except RuntimeError as error:  # npm is missing, or cannot reach its registry
        if os.environ.get("PCVAE_REQUIRE_BROWSER") == "1":
            pytest.fail(f"PCVAE_REQUIRE_BROWSER=1, but {error}")
        pytest.skip(str(error))
    return out


@pytest.fixture(scope="session")
def server(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A JupyterLab for all tests."""
    with running_server(tmp_path_factory.mktemp("jupyterlab")) as running:
        yield running


@pytest.fixture(scope="module")
def page_of_file(server: Server, chromium: str) -> Iterator[Lab]:
    """A browser page on JupyterLab for the tests of one file.

    It ends with the file: Playwright keeps an event loop running in this thread for as long as the
    browser lives, which notebooks tested later would stumble over.
    """
    with open_page(server, chromium) as lab:
        yield lab


@pytest.fixture(scope="module")
def opened(page_of_file: Lab, request: pytest.FixtureRequest) -> None:
    """The file's NOTEBOOK with what its widgets need, opened once for all its tests."""
    page_of_file.open_notebook(request.module.NOTEBOOK)
    page_of_file.run_widgets(seconds=600)


@pytest.fixture
def chapter(opened: None, lab: Lab) -> Lab:
    """The same for each test; a file whose tests begin otherwise has a fixture of its own."""
    return lab


@pytest.fixture
def lab(page_of_file: Lab, request: pytest.FixtureRequest) -> Iterator[Lab]:
    """The file's page on JupyterLab; what it shows at the end of the test is kept."""
    page_of_file.begin()
    try:
        yield page_of_file
    finally:
        page_of_file.screenshot(request.node.name)
