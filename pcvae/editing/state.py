"""One shape as its latents: what all edits start from and lead to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from pcvae.editing.threads import by_parts
from pcvae.models.normalization import Statistics

# Steps back from h to its noise. Done once a shape, so it may take longer than the way forward.
INVERSION_STEPS = 16
# What h before the edits is made of.
SOURCES = ("z", "h_mean", "h_sigma", "noise", "temperature", "flow", "flow_noise")

Change = Callable[[Tensor], Tensor]  # from h (N, H) to another h; the given one stays as it is


@dataclass(frozen=True, eq=False)
class LatentState:
    """One shape as the model sees it, in model units.

    The local latents are kept as a distribution with its noise drawn beforehand. So a slider can
    turn the noise up and down without the points jumping about. Two ways lead to h:

    - held as encoded: h_mean + temperature * h_sigma * noise, whatever z is;
    - through a learned prior, if `flow` is one: what it makes of temperature * flow_noise, given z.
      Then h follows z.

    Edits of h come last, in the order in which they were made.

    Attributes:
        z: the global latent.
        h_mean: means of the local latents as encoded, three coordinates first.
        h_sigma: their standard deviations.
        noise: standard normal numbers, drawn once for the shape.
        temperature: how much of the noise is in h: 0 gives the means, 1 a fair sample.
        flow: p(h | z), such as `model.prior.points`, or None for h as encoded.
        flow_noise: the noise that the flow starts from.
        edits: changes of h.
        unedited: the state before the edits of h, if there are any. While both are made of the same
            latents, they share what the flow made of them.
        statistics: what brings the decoded cloud to data units; by default the training set's.
    """

    z: Float[Tensor, " S"]
    h_mean: Float[Tensor, "N H"]
    h_sigma: Float[Tensor, "N H"]
    noise: Float[Tensor, "N H"]
    temperature: float = 1.0
    flow: torch.nn.Module | None = None
    flow_noise: Float[Tensor, "N H"] | None = None
    edits: tuple[Change, ...] = ()
    unedited: LatentState | None = None
    statistics: Statistics | None = None

    @cached_property
    def base_h(self) -> Float[Tensor, "N H"]:
        """The local latents before the edits."""
        before = self._before_edits()
        if before is not self:
            return before.base_h
        if self.flow is not None:
            return by_parts(self._through_flow, self.temperature * self.flow_noise)
        if self.temperature == 0:
            return self.h_mean
        return torch.addcmul(self.h_mean, self.h_sigma, self.noise, value=self.temperature)

    @torch.inference_mode()
    def _through_flow(self, noise: Float[Tensor, "K H"]) -> Float[Tensor, "K H"]:
        """Return what the flow makes of the noise of some points."""
        return self.flow.from_noise(noise[None], self.z[None])[0]

    @cached_property
    def h(self) -> Float[Tensor, "N H"]:
        """The local latents that are decoded."""
        h = self.base_h
        for edit in self.edits:
            h = edit(h)
        return h

    def edited(self, edit: Change) -> LatentState:
        """Return the state with one more edit of h."""
        return replace(self, edits=(*self.edits, edit), unedited=self._before_edits())

    def _before_edits(self) -> LatentState:
        """Return the state whose h before the edits is this one's, and may be known already."""
        before = self.unedited
        if before is None or any(getattr(self, n) is not getattr(before, n) for n in SOURCES):
            return self
        return before
