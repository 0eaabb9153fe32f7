"""How a panel is shown: live, and by a picture where there is no kernel that it lives in.

A page that finds a live widget in a notebook, but not in its kernel, writes "Error displaying
widget: model not found" in its place: the notebook was opened again, or its kernel was restarted.
So a panel has two outputs. The first is the widget, the second a picture of it with a sentence,
and the second's style sheet lets a page show one of them only.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from IPython.display import display, publish_display_data

WIDGET = "application/vnd.jupyter.widget-view+json"
# Classes of JupyterLab and Notebook 7. An output in which a widget lives holds its element; the
# output of one that was not found is marked itself, and holds a text. Elsewhere both are seen.
STYLE = """<style>
.jp-OutputArea-child:has(.jp-OutputArea-output .jupyter-widgets)
  + .jp-OutputArea-child:has(.pcvae-still),
.jp-OutputArea-child:has(> .jupyter-widgets):not(:has(.jupyter-widgets .jupyter-widgets)):has(
  + * .pcvae-still) { display: none }
</style>"""


@dataclass(frozen=True)
class Still:
    """A panel's picture, as it was when its cell was run, and what to do to have the panel.

    Attributes:
        name: what the panel is.
        pictures: the views and figures in it; each has `still()`, or is left out.
    """

    name: str
    pictures: Sequence[Any]

    def __repr__(self) -> str:
        """Return the sentence alone."""
        return f"{self.name}: run this cell in JupyterLab to move it."

    def _repr_html_(self) -> str:
        """Return the pictures and the sentence."""
        from pcvae.figures import described  # matplotlib takes a second: the live panel goes first

        drawn = [picture.still() for picture in self.pictures if hasattr(picture, "still")]
        images = [described(figure, self.name)._repr_html_() for figure in drawn if figure]
        return (
            f'{STYLE}<div class="pcvae-still">{"".join(images)}<p>{html.escape(repr(self))}</p>'
            "</div>"
        )


class Panel:
    """What a widget is beside a widget, if it is shown alone in the output of a cell.

    Attributes:
        name: what it is, in words.
        pictures: the views and figures in it.
    """

    name: str
    pictures: Sequence[Any]

    def __repr__(self) -> str:
        """Say what a reader without a kernel does not see."""
        return repr(Still(self.name, self.pictures))

    def _ipython_display_(self) -> None:
        """Show it, and its picture in an output of its own."""
        publish_display_data({WIDGET: self._repr_mimebundle_()[WIDGET]})
        display(Still(self.name, self.pictures))


def plain_text(text: str | None) -> str:
    """Return a text of plotly's without its tags."""
    return html.unescape(re.sub(r"<[^>]*>", "", text or ""))
