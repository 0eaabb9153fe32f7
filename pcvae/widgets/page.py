"""What only the page itself can do: name slider handles, tell dark from light, copy a text."""

from pathlib import Path
from typing import Any

import anywidget
import traitlets

SCRIPT = Path(__file__).with_name("page.js")


class OnPage:
    """What is drawn for a light page or for a dark one. The page says which, by a `PageHelper`."""

    _dark = False

    @property
    def dark(self) -> bool:
        """Whether it is drawn for a dark page."""
        return self._dark

    @dark.setter
    def dark(self, dark: bool) -> None:
        self._dark = dark
        self._darken(dark)

    def _darken(self, dark: bool) -> None:
        """Draw it for a dark page, or for a light one."""
        raise NotImplementedError


class PageHelper(anywidget.AnyWidget):
    """An invisible widget that belongs to a panel, or a button that copies a text.

    Args:
        view: a view, or a panel's session: its `dark` is set to whether the page is.
        text: what the button copies; there is a button only if it is given.

    Attributes:
        dark: whether the page is dark, as it reports.
        text: what the button copies.
    """

    _esm = SCRIPT
    dark = traitlets.Bool(False).tag(sync=True)
    text = traitlets.Unicode("").tag(sync=True)
    copies = traitlets.Bool(False).tag(sync=True)

    def __init__(self, view: Any = None, text: str | None = None) -> None:
        super().__init__(text=text or "", copies=text is not None)
        if view is not None:
            self.observe(lambda change: setattr(view, "dark", change["new"]), names="dark")
