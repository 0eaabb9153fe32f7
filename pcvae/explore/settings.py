"""All that decides the picture, as values; and what it was before, for undo and redo."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pcvae import editing
from pcvae.explore.steps import POINTS, Step

ALL_ABOVE = Step(editing.select_half_space, (POINTS, 1, 0.0, True, 0.0), "weight")
# Places of edits: in this order they are made, sliders on all points after these.
MIX, MOVE_STYLE, MOVE_NUMBERS, MOVE_FACTORS, ALL_POINTS = range(5)


def with_edit(edits: tuple[Step, ...], place: int, edit: Step | None) -> tuple[Step, ...]:
    """Return edits with another one at a place, or with none there."""
    others = [other for other in edits if other.place != place]
    added = [] if edit is None else [replace(edit, place=place)]
    return tuple(sorted(others + added, key=lambda found: found.place))


def edit_at(edits: tuple[Step, ...], place: int) -> Step | None:
    """Return the edit at a place, if there is one."""
    return next((edit for edit in edits if edit.place == place), None)


@dataclass(frozen=True)
class ChosenPoints:
    """Edits of the same chosen points.

    Attributes:
        where: the step that makes their weights.
        edits: the steps that edit them.
    """

    where: Step = ALL_ABOVE
    edits: tuple[Step, ...] = ()

    def steps(self) -> list[Step]:
        """Return all steps, if anything is edited."""
        return [self.where, *self.edits] if self.edits else []


@dataclass(frozen=True)
class Settings:
    """What the controls stand at.

    Attributes:
        shape: number of the shape in the list.
        num_points: how many of its points; all if None.
        use_prior: whether h follows z by the learned prior.
        seed: of the noise in h.
        other: number of the shape that is mixed in.
        edits: of z and of all points, by their places.
        kept: edits of chosen points that were made.
        draft: the ones that are being made.
    """

    shape: int = 0
    num_points: int | None = None
    use_prior: bool = False
    seed: int = 0
    other: int = 0
    edits: tuple[Step, ...] = ()
    kept: tuple[ChosenPoints, ...] = ()
    draft: ChosenPoints = ChosenPoints()

    def steps(self) -> list[Step]:
        """Return all edits, in the order in which they are made."""
        chosen = [step for group in (*self.kept, self.draft) for step in group.steps()]
        return [*self.edits, *chosen]

    def edit(self, place: int) -> Step | None:
        """Return the edit at a place, if there is one."""
        return edit_at(self.edits, place)

    def with_edit(self, place: int, edit: Step | None) -> Settings:
        """Return the settings with another edit at a place, or with none there."""
        return replace(self, edits=with_edit(self.edits, place, edit))

    def unedited(self) -> Settings:
        """Return the settings of the same shape without any edit."""
        return replace(self, edits=(), kept=(), draft=ChosenPoints(self.draft.where))


@dataclass(frozen=True)
class History:
    """Settings that were, that are, and that were taken back.

    Attributes:
        present: the settings that are shown.
        past: earlier ones, oldest first.
        future: ones that were taken back, the next first.
        key: which control made the present ones; its next change does not make another entry, so
            that undo takes back a whole drag.
    """

    present: Settings
    past: tuple[Settings, ...] = ()
    future: tuple[Settings, ...] = ()
    key: str = ""

    LIMIT = 200  # a plain class attribute, no field: settings are small, but drags are many

    def push(self, settings: Settings, key: str = "") -> History:
        """Return the history with a new present."""
        if settings == self.present:
            return self
        if key and key == self.key:
            return replace(self, present=settings, future=())
        past = (*self.past, self.present)[-self.LIMIT :]
        return History(settings, past, (), key)

    def undo(self) -> History:
        """Return the history one step back; itself, if there is none."""
        if not self.past:
            return self
        return History(self.past[-1], self.past[:-1], (self.present, *self.future))

    def redo(self) -> History:
        """Return the history one step forward again; itself, if there is none."""
        if not self.future:
            return self
        return History(self.future[0], (*self.past, self.present), self.future[1:])
