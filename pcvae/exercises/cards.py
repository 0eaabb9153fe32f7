"""The card that says how an answer did, for notebooks (HTML) and for everything else (text)."""

import html
import re
from dataclasses import dataclass

NOT_DONE, DONE, WRONG = "not done yet", "done", "not right yet"
# Sign and color of border and ground. The text has the page's own color, and the ground lets the
# page through, so that a card fits a light and a dark theme. The sign tells the three apart where
# colors do not.
LOOKS = {
    NOT_DONE: ("○", "#8a8a8a"),
    DONE: ("✓", "#1b9e5f"),
    WRONG: ("✗", "#d97706"),
}
VEIL = "1f"  # of the ground: 12% of the color
CODE = re.compile(r"`([^`]+)`")
INLINE = "background:rgba(128,128,128,0.2);color:inherit;padding:0 3px;border-radius:2px"


@dataclass(frozen=True)
class Card:
    """What a notebook shows below an exercise.

    Attributes:
        id: the exercise.
        title: its title.
        status: `NOT_DONE`, `DONE` or `WRONG`.
        message: what to do next, or what is wrong; code stands in backticks.
    """

    id: str
    title: str
    status: str
    message: str

    def __repr__(self) -> str:
        """Return the card as text."""
        sign = LOOKS[self.status][0]
        return f"{sign} Exercise {self.id}, {self.title}: {self.status}. {self.message}".rstrip()

    def _repr_html_(self) -> str:
        """Return the card for a notebook."""
        sign, color = LOOKS[self.status]
        return (
            f'<div role="status" style="border-left:5px solid {color};'
            f'background:{color}{VEIL};padding:8px 12px;max-width:60em;line-height:1.45">'
            f"<b>{sign} Exercise {self.id}, {html.escape(self.title)}: {self.status}.</b> "
            f"{as_html(self.message)}</div>"
        )


def as_html(message: str) -> str:
    """Return a message with its code marked and its lines kept."""
    marked = CODE.sub(rf'<code style="{INLINE}">\1</code>', html.escape(message, quote=False))
    return marked.replace("\n", "<br>")
