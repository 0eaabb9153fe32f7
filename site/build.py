"""Build the course as a static site that needs no kernel, no network and no other host.

    python site/build.py [--out FOLDER] [--repository ADDRESS] [--no-live]

Pages are made of copies: notebooks and cards are copied into ``FOLDER/source``, edited there for
readers without a kernel, and turned into ``FOLDER/html`` by Sphinx, whose warnings are errors. The
copies lie as the originals do in the repository, so that links between them stay as they are.

ADDRESS is where the repository can be read (``https://HOST/OWNER/NAME``). Links to files that are
no pages lead there; without an address their words stay and lead nowhere.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import itertools
import os
import posixpath
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from urllib.parse import unquote, urlparse

import imagesize
import nbformat
from nbformat import NotebookNode

from panels import STILLS, Panel, panels_of

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
SINGLE_PAGES = ("notebooks/TEACHING.md", "CHANGELOG.md")
PAGE_FOLDERS = {"notebooks": "*.ipynb", "data": "*.md", "data/checkpoints": "*.md"}
IMAGES = "notebooks/images"
DRAWN = "drawn"  # where the pictures of executed cells come to lie, for Sphinx to copy
WIDGET = "application/vnd.jupyter.widget-view+json"
MEGABYTE = 1e6
OPENING = """<p class="opening">This is the notebook {page} as it was executed. To change cells,
drag panels and have exercises checked, run it: <code>make lab</code>.</p>
"""

LINK = re.compile(r"(?P<image>!?)\[(?P<text>(?:[^\[\]]|\[[^\]]*\])*)\]\((?P<target>[^)\s]+)\)")
CODE = re.compile(r"^(?P<fence>```|~~~).*?^(?P=fence)|`[^`\n]+`", re.MULTILINE | re.DOTALL)
EMBEDDED = re.compile(r'<img src="data:image/png;base64,(?P<png>[^"]+)"(?P<rest>[^>]*)>')
WIDTH = re.compile(r'\bwidth="(\d+)"')
PRINTED_BAR = re.compile(r"\r?[^\r\n]*\d+%\|[^\r\n]*\| *\d+/\d+ \[[^\]\r\n]*\]\n*")
STILL = 'class="pcvae-still"'  # of the output that says what a panel is (pcvae/widgets/panel.py)


@dataclass(frozen=True)
class Site:
    """Where a site is built, and what can be linked to.

    Attributes:
        out: The folder that is made anew.
        repository: Where the repository can be read, or an empty text.
        live: Whether the page of the live model is built with it.
    """

    out: Path
    repository: str = ""
    live: bool = False

    @property
    def source(self) -> Path:
        """The edited copies."""
        return self.out / "source"

    @property
    def html(self) -> Path:
        """The finished pages."""
        return self.out / "html"


# What is copied


def pages() -> list[str]:
    """Paths of all files of the repository that become a page."""
    found = [
        path.relative_to(ROOT).as_posix()
        for folder, pattern in PAGE_FOLDERS.items()
        for path in sorted((ROOT / folder).glob(pattern))
    ]
    return [*found, *SINGLE_PAGES]


def copy_sources(site: Site) -> None:
    """Write the edited copies of all pages, their pictures and the home page."""
    known = pages()
    shutil.copytree(ROOT / IMAGES, site.source / IMAGES, ignore=shutil.ignore_patterns("*.py"))
    shutil.copytree(STILLS, site.source / "_static" / "stills")
    for name in ("explorer.gif", "explorer.png"):
        shutil.copy(ROOT / IMAGES / name, site.source / "_static")
    for page in known:
        target = site.source / page
        target.parent.mkdir(parents=True, exist_ok=True)
        if page.endswith(".ipynb"):
            notebook = nbformat.read(ROOT / page, as_version=4)
            nbformat.write(edited(notebook, page, known, site), target)
        else:
            text = (ROOT / page).read_text(encoding="utf-8")
            target.write_text(with_links(text, page, known, site.repository), encoding="utf-8")
    (site.source / "index.md").write_text(home(site.live), encoding="utf-8")


def home(live: bool) -> str:
    """The home page, with the table of chapters that README has."""
    text = (HERE / "home.md").read_text(encoding="utf-8")
    dropped = "still" if live else "live"
    text = re.sub(rf"<!-- {dropped} -->.*?<!-- end -->\n*", "", text, flags=re.DOTALL)
    text = re.sub(r"<!-- (?:live|still|end) -->\n", "", text)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = [line for line in readme.splitlines() if line.startswith("| [")]
    entries = [re.sub(r"\| \[(.+?)\]\((.+?)\.ipynb\).*", r"\1 <\2>", row) for row in rows]
    table = ["| | you build | minutes to read |", "| --- | --- | --- |", *rows]
    return text.replace("{chapters}", "\n".join(table)).replace("{entries}", "\n".join(entries))


# Links


def with_links(text: str, page: str, known: list[str], repository: str) -> str:
    """Markdown whose links to files that are no pages lead to the repository, or nowhere.

    Args:
        text: The markdown.
        page: Path of its file in the repository.
        known: Paths of all pages.
        repository: Where the repository can be read, or an empty text.
    """

    def mended(link: re.Match) -> str:
        target = mended_target(link["target"], page, known, repository)
        if link["image"] or target == link["target"]:
            return link[0]
        return f"[{link['text']}]({target})" if target else link["text"]

    return outside_code(mended, text)


def outside_code(replace, text: str) -> str:
    """Apply a replacement to all links, but to none that is shown as code."""
    code = [match.span() for match in CODE.finditer(text)]

    def unless_in_code(link: re.Match) -> str:
        inside = any(start <= link.start() and link.end() <= end for start, end in code)
        return link[0] if inside else replace(link)

    return LINK.sub(unless_in_code, text)


def mended_target(target: str, page: str, known: list[str], repository: str) -> str:
    """Where a link of a page leads on the site; an empty text if that is nowhere."""
    url = urlparse(target)
    if url.scheme or url.netloc:
        return target
    fragment = f"#{unquote(url.fragment).lower()}" if url.fragment else ""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(page), unquote(url.path)))
    if not url.path or path in known or path.startswith(IMAGES):
        return url.path + fragment
    kind = "tree" if (ROOT / path).is_dir() else "blob"
    return f"{repository}/{kind}/main/{path}{fragment}" if repository else ""


# Notebooks


def edited(notebook: NotebookNode, page: str, known: list[str], site: Site) -> NotebookNode:
    """A notebook for readers without a kernel; it is changed in place and returned."""
    chapter = Path(page).stem
    drawn, next_panel = itertools.count(1), panels_of(chapter)
    file = f"<code>{page}</code>"
    if site.repository:
        file = f'<a href="{site.repository}/blob/main/{page}">{file}</a>'
    title = notebook.cells[0]
    title.source = title.source.replace("# ", f"# {chapter[:2]} · ", 1)
    title.source = title.source.replace("\n", f"\n\n{OPENING.format(page=file)}\n", 1)
    for cell in notebook.cells:
        cell.metadata.pop("tags", None)
        if cell.cell_type == "markdown":
            cell.source = with_links(cell.source, page, known, site.repository)
        elif cell.cell_type == "code":
            cell.source = without_markers(cell.source)
            outputs = [without_bars(output) for output in cell.outputs if not is_live(output)]
            outputs = [output for output in outputs if output.get("text") != ""]
            cell.outputs = [without_panel(output, next_panel, site) for output in outputs]
            for output in cell.outputs:
                take_pictures_out(output, chapter, drawn, site.source / DRAWN)
    return notebook


def without_markers(source: str) -> str:
    """Code without the markers of the tests, and without the reason that follows each."""
    kept, lines = [], iter(source.splitlines())
    for line in lines:
        if not line.lstrip().startswith("# NBVAL"):
            kept.append(line)
        elif (reason := next(lines, "")) and not reason.lstrip().startswith("#"):
            kept.append(reason)
    return "\n".join(kept)


def is_live(output: NotebookNode) -> bool:
    """Whether an output is nothing without a kernel: a progress bar, or a panel itself."""
    return WIDGET in output.get("data", {})


def is_panel(output: NotebookNode) -> bool:
    """Whether an output says what a panel is."""
    return STILL in output.get("data", {}).get("text/html", "")


def without_bars(output: NotebookNode) -> NotebookNode:
    """The output without progress bars that were printed as text, in all their states."""
    if output.output_type == "stream":
        output.text = PRINTED_BAR.sub("", output.text)
    return output


def without_panel(output: NotebookNode, next_panel: Iterator[Panel], site: Site) -> NotebookNode:
    """The output, or a picture and a note if it is a panel."""
    if not is_panel(output):
        return output
    page = note(next(next_panel), output.data["text/plain"], site)
    return nbformat.v4.new_output("display_data", {"text/html": page})


def note(panel: Panel, described: str, site: Site) -> str:
    """What stands for a panel: its still picture, and where it can be dragged."""
    up = "../"  # all chapters lie in one folder
    stills, pictures = panel.stills(), ""
    for theme, still in stills.items():
        kind = f"only-{theme}" if len(stills) == 2 else "inverted"
        width, height = imagesize.get(still)
        pictures += (
            f'<img class="{kind}" src="{up}_static/stills/{still.name}" loading="lazy" '
            f'width="{width}" height="{height}" alt="{escape(panel.alt)}">'
        )
    title = panel.title or described.partition(": run this cell")[0]
    words = f"<b>{escape(title)}.</b> A picture; it moves in JupyterLab (<code>make lab</code>)."
    if panel.live is not None and site.live:
        words += f' <a href="{up}live/index.html{escape(panel.live)}">{panel.invitation}</a>.'
    return f'<div class="panel">{pictures}<p>{words}</p></div>'


def take_pictures_out(
    output: NotebookNode, chapter: str, numbers: Iterator[int], folder: Path
) -> None:
    """Write embedded pictures as files of their own, which pages load when they come into view."""
    page = output.get("data", {}).get("text/html")
    if not page:
        return

    def taken_out(found: re.Match) -> str:
        target = folder / "_images" / f"{chapter}-{next(numbers)}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(base64.b64decode(found["png"]))
        width, height = imagesize.get(target)
        shown = WIDTH.search(found["rest"])
        # With its height a page keeps the place free, and nothing jumps when the picture comes.
        tall = f' height="{round(int(shown[1]) * height / width)}"' if shown else ""
        return f'<img loading="lazy" src="../_images/{target.name}"{tall}{found["rest"]}>'

    output.data["text/html"] = EMBEDDED.sub(taken_out, page)


# From sources to pages


def run_sphinx(site: Site) -> None:
    """Turn the copies into pages; a warning ends it.

    Raises:
        SystemExit: Sphinx warned of something.
    """
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-W", "--keep-going", "-q"]
    command += ["-c", str(HERE), "-d", str(site.out / "doctrees"), str(site.source), str(site.html)]
    told = {"SITE_LIVE": "yes" if site.live else "", "SITE_DRAWN": str(site.source / DRAWN)}
    if subprocess.call(command, env=os.environ | told):
        raise SystemExit("Sphinx warned: see above.")


def tidy(site: Site) -> None:
    """Remove what no page needs: sources beside their pages, maps of the theme's own sources."""
    for name in ("_sources", ".buildinfo", "objects.inv"):
        path = site.html / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    for path in (site.html / "_static").rglob("*.map"):
        path.unlink()
    for path in (site.html / "_static").rglob("*.js"):
        text = path.read_text(encoding="utf-8")
        path.write_text(re.sub(r"\n//# sourceMappingURL=\S+\s*$", "\n", text), encoding="utf-8")


def build_live(site: Site) -> None:
    """Put the page of the live model beside the others, with a link back to them.

    It is exported anew only if something that it is made of has changed.

    Raises:
        SystemExit: It could not be built.
    """
    kept, stamp = site.out / "live", site.out / "live.sha256"
    made_of = digest_of_live()
    if not (stamp.exists() and stamp.read_text() == made_of):
        stamp.unlink(missing_ok=True)
        command = [sys.executable, str(HERE / "build_live.py"), str(kept)]
        if subprocess.call(command, env=os.environ | {"PYTHONPATH": str(ROOT)}):
            raise SystemExit("The live page was not built; --no-live builds the site without it.")
        stamp.write_text(made_of)
    shutil.copytree(kept, site.html / "live")
    page = site.html / "live" / "index.html"
    text = page.read_text(encoding="utf-8")
    home = '<a id="home" href="../index.html" target="_top">'
    page.write_text(text.replace('<a id="home" hidden>', home), encoding="utf-8")


def digest_of_live() -> str:
    """SHA-256 over all that the live page is made of: its own files, the package, the model."""
    paths = [HERE / "build_live.py", *(HERE / "live").rglob("*"), *(ROOT / "pcvae").rglob("*.py")]
    paths += [*(ROOT / "pcvae").rglob("*.js"), *(ROOT / "data").rglob("*.safetensors")]
    total = hashlib.sha256()
    for path in sorted(path for path in paths if path.is_file()):
        total.update(path.read_bytes())
    return total.hexdigest()


def build(site: Site) -> None:
    """Build the whole site, in place of what is there."""
    for folder in (site.source, site.html, site.out / "doctrees"):
        shutil.rmtree(folder, ignore_errors=True)
    if site.live:
        build_live(site)
    copy_sources(site)
    run_sphinx(site)
    tidy(site)


def size(folder: Path) -> float:
    """Megabytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / MEGABYTE


def main() -> None:
    """Read the command line, build, and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "site")
    parser.add_argument("--repository", default=os.environ.get("SITE_REPOSITORY", ""))
    parser.add_argument("--no-live", action="store_true", help="leave the live model out")
    told = parser.parse_args()
    live = (HERE / "build_live.py").exists() and not told.no_live
    site = Site(told.out.resolve(), told.repository.rstrip("/"), live)
    begun = time.monotonic()
    build(site)
    count, seconds = len(list(site.html.rglob("*.html"))), time.monotonic() - begun
    weight, of_live = size(site.html), size(site.html / "live")
    print(f"{site.html}: {count} pages in {seconds:.0f} seconds")
    print(f"{weight:.1f} MB, of which {of_live:.1f} MB are the live model's")


if __name__ == "__main__":
    main()
