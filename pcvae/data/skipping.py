"""Unusable files among good ones: skipped and named in one warning, or the end of it."""

import logging
from collections.abc import Iterable

logger = logging.getLogger(__name__)

NAMED = 5
HINT = " With --strict true this is an error."


class Skipped:
    """Files that cannot be used, and why.

    Args:
        where: The folder or file they are in, for messages.
        strict: Stop at the first one.
        hint: What the warning ends with.
    """

    def __init__(self, where: str, strict: bool = False, hint: str = HINT) -> None:
        self.where = where
        self.strict = strict
        self.hint = hint
        self.reasons: dict[str, str] = {}

    def add(self, name: str, reason: object) -> None:
        """Note a file.

        Raises:
            ValueError: Unusable files are to be fatal.
        """
        text = str(reason).strip().rstrip(".")
        if self.strict:
            raise ValueError(
                f"{self.where}: {name} cannot be used: {text}. Mend or remove it, or leave "
                "--strict out to go on without it."
            )
        self.reasons[name] = text

    def extend(self, notes: Iterable[tuple[str, str]]) -> None:
        """Note several files with their reasons."""
        for name, reason in notes:
            self.add(name, reason)

    def tell(self, left: int) -> None:
        """Warn once of everything that was noted.

        Args:
            left: How many files could be used.

        Raises:
            ValueError: None could.
        """
        if not self.reasons:
            return
        named = [f"{name} ({reason})" for name, reason in list(self.reasons.items())[:NAMED]]
        more = len(self.reasons) - len(named)
        text = "; ".join(named) + (f"; and {more} more" if more else "")
        if left == 0:
            raise ValueError(f"{self.where}: none of its files can be used: {text}.")
        logger.warning(
            "%s: skipped %d of %d files: %s.%s",
            self.where,
            len(self.reasons),
            left + len(self.reasons),
            text,
            self.hint,
        )
