"""The site in a real browser: nothing fetched from elsewhere, nothing cut off, in both themes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from browser.harness import ARTIFACTS, serving
from built_site import NEEDS_SPHINX, ROOT, Built, build_site

pytestmark = [pytest.mark.browser, pytest.mark.slow, NEEDS_SPHINX]

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 360, "height": 740}
CARD = "data/checkpoints/README.html"
# Loads what a reader would only get by scrolling, and waits for it and for the formulae.
ALL_LOADED = """async () => {
    for (const picture of document.images) picture.loading = "eager";
    const shown = Array.from(document.images).filter(picture => picture.offsetParent !== null);
    await Promise.all(shown.map(picture => picture.decode()));
    if (document.querySelector(".math")) await MathJax.startup.promise;
    return true;
}"""
FORMULAE = """() => ["article .math", "article .math mjx-container", "mjx-merror"].map(
    selector => document.querySelectorAll(selector).length)"""
# What is wider than the window, outside of boxes that scroll by themselves.
TOO_WIDE = """() => {
    const own = part => /auto|scroll|hidden/.test(getComputedStyle(part).overflowX);
    const scrolls = part => part.localName !== "article"
        && (own(part) || scrolls(part.parentElement));
    // Formulae for screen readers stand where nobody sees them.
    const seen = part => part.offsetParent !== null && !part.closest("mjx-assistive-mml");
    const wide = part => part.getBoundingClientRect().right > window.innerWidth + 1;
    return Array.from(document.querySelectorAll("article *")).filter(
        part => wide(part) && seen(part) && !scrolls(part.parentElement)
    ).map(part => part.outerHTML.slice(0, 120));
}"""
# Grounds of cards, printed text and pictures, as far as they are not transparent.
GROUNDS = """() => Array.from(
    document.querySelectorAll("article [role=status], .cell_output, .cell_output *, article img")
).map(part => getComputedStyle(part).backgroundColor.match(/[\\d.]+/g).map(Number)
).filter(([r, g, b, opacity = 1]) => opacity > 0.5 && r + g + b > 300).length"""


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Built:
    return build_site(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def address(built: Built) -> Iterator[str]:
    """Where the site is served on this computer."""
    with serving(built.html) as served:
        yield served


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium)
        yield browser
        browser.close()


class Reader:
    """A page of the browser that remembers what went wrong."""

    def __init__(self, browser, address: str, window: dict, theme: str) -> None:
        self.address, self.wrong = address, []
        self.page = browser.new_page(viewport=window, color_scheme=theme)
        self.page.on("request", self.hear_request)
        self.page.on("response", self.hear_response)
        self.page.on("console", self.hear_console)
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))

    def hear_request(self, request) -> None:
        if not request.url.startswith((self.address, "data:")):
            self.wrong.append(f"outside: {request.url}")

    def hear_response(self, response) -> None:
        if response.status >= 400:
            self.wrong.append(f"{response.status}: {response.url}")

    def hear_console(self, message) -> None:
        if message.type in ("error", "warning"):
            self.wrong.append(message.text)

    def read(self, name: str) -> None:
        """Open a page and wait until all of it is there."""
        self.page.goto(self.address + name)
        self.page.evaluate(ALL_LOADED)

    def keep(self, name: str) -> None:
        """Keep a picture of what the window shows."""
        ARTIFACTS.mkdir(exist_ok=True)
        self.page.screenshot(path=ARTIFACTS / f"{name}.png")


@pytest.fixture
def reader(browser, address: str, request) -> Iterator[Reader]:
    """A reader; by default at a desk, by day."""
    window, theme = getattr(request, "param", (DESKTOP, "light"))
    reader = Reader(browser, address, window, theme)
    yield reader
    reader.page.close()


def names(built: Built) -> list[str]:
    return [path.relative_to(built.html).as_posix() for path in built.pages()]


def test_every_page_is_whole_and_asks_nobody_else(built, reader):
    for name in names(built):
        reader.read(name)
        formulae, rendered, failed = reader.page.evaluate(FORMULAE)
        assert (rendered, failed) == (formulae, 0), name
        assert reader.wrong == [], name
    reader.read("index.html")
    reader.keep("site-home")


@pytest.mark.parametrize("reader", [(PHONE, "light")], indirect=True)
def test_every_page_fits_a_phone(built, reader):
    for name in names(built):
        reader.read(name)
        wide = reader.page.evaluate("() => document.documentElement.scrollWidth")
        assert wide <= PHONE["width"], (name, reader.page.evaluate(TOO_WIDE))
        assert reader.page.evaluate(TOO_WIDE) == [], name
    reader.read("index.html")
    reader.keep("site-home-phone")


@pytest.mark.parametrize("reader", [(DESKTOP, "dark")], indirect=True)
def test_cards_and_pictures_have_dark_grounds_on_a_dark_page(built, reader):
    for name in [*[n for n in names(built) if n.startswith("notebooks/")], CARD]:
        reader.read(name)
        assert reader.page.evaluate(GROUNDS) == 0, name
    for name, kept in (("index.html", "home"), ("notebooks/01_point_clouds.html", "chapter")):
        reader.read(name)
        reader.keep(f"site-{kept}-dark")


def test_a_search_finds_the_chapters_that_have_the_word(reader):
    reader.page.goto(reader.address + "search.html?q=farthest")
    found = reader.page.locator("ul.search a[href*='01_point_clouds']").first
    found.wait_for()
    assert "Point clouds" in found.inner_text()
    assert reader.wrong == []


def test_a_solution_unfolds(reader):
    reader.read("notebooks/01_point_clouds.html")
    solution = reader.page.locator("details", has_text="Solution of exercise 01.1").first
    code = solution.locator("pre").first
    assert not code.is_visible()
    solution.locator("summary").click()
    assert code.is_visible()


def test_the_theme_can_be_changed(reader):
    reader.read("index.html")
    ground = "() => getComputedStyle(document.body).backgroundColor"
    before = reader.page.evaluate(ground)
    toggle = reader.page.locator(".theme-toggle:visible").first
    for _ in range(3):  # as the system is, light, dark, in an order of the theme's own
        toggle.click()
        if reader.page.evaluate(ground) != before:
            return
    pytest.fail("the ground stays as it was")


@pytest.mark.parametrize(("width", "frames"), [(1280, 1), (360, 0)])
def test_the_live_model_starts_in_place_of_its_picture_where_there_is_room(reader, width, frames):
    reader.page.set_viewport_size({"width": width, "height": 740})
    reader.page.set_content('<a class="stage" href="about:blank#live">Start the model here</a>')
    reader.page.add_script_tag(path=ROOT / "site" / "static" / "site.js")
    reader.page.locator("a.stage").click()
    assert reader.page.locator("iframe[src='about:blank#live'][title]").count() == frames
