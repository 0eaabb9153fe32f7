"""Sphinx's settings for the site; `build.py` beside it calls Sphinx and says what to show."""

import importlib.util
import os
import re
import shutil
from pathlib import Path

project = "Hierarchical VAEs for 3D point clouds"
author = "The pcvae authors"
copyright = "The pcvae authors; code MIT, prose CC BY 4.0"
extensions = ["myst_nb", "sphinx.ext.mathjax"]
language = "en"
nitpicky = True
exclude_patterns = ["drawn"]
templates_path = ["templates"]

# Notebooks are shown as they were executed; no script of widgets is fetched from anywhere.
nb_execution_mode = "off"
nb_ipywidgets_js = {}
nb_merge_streams = True
myst_heading_anchors = 4
myst_enable_extensions = ["dollarmath", "colon_fence"]

html_theme = "furo"
html_title = "VAEs for point clouds"
html_static_path = ["static", str(Path(os.environ["SITE_DRAWN"]).parent / "_static")]
html_extra_path = [os.environ["SITE_DRAWN"]]
html_css_files = ["site.css"]
html_js_files = [("site.js", {"defer": "defer"})]
html_favicon = "static/favicon.svg"
html_copy_source = False
html_show_sourcelink = False
html_use_index = False
html_context = {"live": os.environ.get("SITE_LIVE") == "yes"}
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "live.html",
        "sidebar/search.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "sidebar/scroll-end.html",
    ]
}
pygments_style = "friendly"
pygments_dark_style = "native"
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0072b2", "color-brand-content": "#0072b2"},
    "dark_css_variables": {"color-brand-primary": "#56b4e9", "color-brand-content": "#56b4e9"},
}

# Formulae: of MathJax only the parts that the chapters use, from this site itself.
MATHJAX = Path(importlib.util.find_spec("sphinx-mathjax-offline").origin).parent / "static/mathjax"
MATHJAX_PARTS = ("tex-chtml.js", "output/chtml/fonts/woff-v2")
mathjax_path = "mathjax/tex-chtml.js"
mathjax3_config = {
    "options": {"enableMenu": False},  # it would fetch parts that are not copied
    "tex": {"inlineMath": [["\\(", "\\)"]], "displayMath": [["\\[", "\\]"]]},
}


def copy_mathjax(app, exception) -> None:
    """Put the parts of MathJax beside the pages, without the addresses of other hosts in them."""
    target = Path(app.outdir) / "_static" / "mathjax"
    for part in MATHJAX_PARTS if exception is None else ():
        (target / part).parent.mkdir(parents=True, exist_ok=True)
        if (MATHJAX / part).is_dir():
            shutil.copytree(MATHJAX / part, target / part, dirs_exist_ok=True)
        else:
            text = (MATHJAX / part).read_text(encoding="utf-8")
            text = re.sub(r"https://cdn\.[\w.]+/npm/", "", text)
            (target / part).write_text(text, encoding="utf-8")


def setup(app) -> None:
    """Tell Sphinx what to do at the end."""
    app.connect("build-finished", copy_mathjax)
