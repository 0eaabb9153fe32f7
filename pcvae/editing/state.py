"""One shape as its latents: what all edits start from and lead to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from pcvae.models.normalization import Statistics

if TYPE_CHECKING:
    from pcvae.editing.chosen import LocalEdit

# Steps back from h to its noise. Done once a shape, so it may take longer than the way forward.
INVERSION_STEPS = 16


@dataclass(frozen=True)
class LatentState:
    """One shape as the model sees it, in model units.

    The local latents are kept as a distribution with its noise drawn beforehand. So a slider can
    turn the noise up and down without the points jumping about. Two ways lead to h:

    - held as encoded: h_mean + temperature * h_sigma * noise, whatever z is;
    - through a learned prior, if `flow` is one: what it makes of temperature * flow_noise, given z.
      Then h follows z.

    Edits of chosen points come last, in the order in which they were made.

    Attributes:
        z: the global latent.
        h_mean: means of the local latents as encoded, three coordinates first.
        h_sigma: their standard deviations.
        noise: standard normal numbers, drawn once for the shape.
        temperature: how much of the noise is in h: 0 gives the means, 1 a fair sample.
        flow: p(h | z), such as `model.prior.points`, or None for h as encoded.
        flow_noise: the noise that the flow starts from.
        edits: changes of chosen points of h.
        statistics: what brings the decoded cloud to data units; by default the training set's.
    """

    z: Float[Tensor, " S"]
    h_mean: Float[Tensor, "N H"]
    h_sigma: Float[Tensor, "N H"]
    noise: Float[Tensor, "N H"]
    temperature: float = 1.0
    flow: torch.nn.Module | None = None
    flow_noise: Float[Tensor, "N H"] | None = None
    edits: tuple[LocalEdit, ...] = ()
    statistics: Statistics | None = None

    @cached_property
    def base_h(self) -> Float[Tensor, "N H"]:
        """The local latents before the edits of chosen points."""
        if self.flow is not None:
            with torch.inference_mode():
                noise = self.temperature * self.flow_noise
                return self.flow.from_noise(noise[None], self.z[None])[0]
        if self.temperature == 0:
            return self.h_mean
        return torch.addcmul(self.h_mean, self.h_sigma, self.noise, value=self.temperature)

    @cached_property
    def h(self) -> Float[Tensor, "N H"]:
        """The local latents that are decoded."""
        h = self.base_h
        for edit in self.edits:
            h = edit.apply(h)
        return h

    def edited(self, *edits: LocalEdit) -> LatentState:
        """Return the state with further edits of chosen points.

        What was computed already is handed on: the way through the prior takes its time.
        """
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        state = LatentState(**{**fields, "edits": (*self.edits, *edits)})
        for name in ("base_h",):
            if name in self.__dict__:
                state.__dict__[name] = self.__dict__[name]
        if "h" in self.__dict__:
            h = self.__dict__["h"]
            for edit in edits:
                h = edit.apply(h)
            state.__dict__["h"] = h
        return state
