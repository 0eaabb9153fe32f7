"""What is trained in one run: everything at once, or LION's two stages one after the other."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from pcvae.models import LatentPrior, PointCloudVAE, Reconstruction
from pcvae.randomness import FlowNoise


@dataclass(frozen=True)
class Stage:
    """Which parts of a model a run trains.

    Attributes:
        vae: the encoders and the decoder.
        style_flow: the prior's flow of z.
        point_flow: the prior's flow of h given z.
    """

    vae: bool
    style_flow: bool
    point_flow: bool

    @property
    def prior(self) -> bool:
        """Whether any part of the prior is trained."""
        return self.style_flow or self.point_flow

    def freeze(self, model: PointCloudVAE) -> None:
        """Mark what is trained, and what is not, by `requires_grad`."""
        model.requires_grad_(self.vae)
        if model.prior is not None:
            model.prior.style.requires_grad_(self.style_flow)
            model.prior.points.requires_grad_(self.point_flow)

    def prior_losses(
        self, prior: LatentPrior, output: Reconstruction, noise: FlowNoise
    ) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
        """Return the losses of both flows, each a mean over shapes.

        The flow of h teaches z, so that z comes to say all that the flow needs to know. It does
        not teach h, which could make itself easy to predict by saying nothing. The flow of z
        teaches nobody: it is to learn where the latents are, not to move them.
        """
        repeats = len(noise.style) // len(output.z)
        z = output.z.detach().repeat_interleave(repeats, dim=0)
        flow_z = prior.style.loss(z, noise.style, noise.style_times).mean()
        if not self.point_flow:
            return flow_z, flow_z.new_zeros(())
        h = output.h.detach()
        flow_h = prior.points.loss(h, output.z, noise.points, noise.point_times).mean()
        return flow_z, flow_h


STAGES = {
    "all": Stage(vae=True, style_flow=True, point_flow=True),
    "vae": Stage(vae=True, style_flow=False, point_flow=False),
    "prior": Stage(vae=False, style_flow=True, point_flow=True),
    "style_prior": Stage(vae=False, style_flow=True, point_flow=False),
}
