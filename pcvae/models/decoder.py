"""The decoder: points from their latents and the global latent, p(x | h, z)."""

from jaxtyping import Float
from torch import Tensor, nn

from pcvae.models.layers import ConditionedNetwork


class Decoder(nn.Module):
    """Moves every h_xyz by `skip_weight` times what the network says. It never sees x.

    Args:
        style_dim: length of z.
        latent_dim: feature channels per point, beside the three coordinates.
        skip_weight: s, how much the network may move a point at first.
        width, depth, conditioning: of the network, see `ConditionedNetwork`.
    """

    def __init__(
        self,
        *,
        style_dim: int,
        latent_dim: int,
        skip_weight: float,
        width: int,
        depth: int,
        conditioning: str,
    ) -> None:
        super().__init__()
        self.skip_weight = skip_weight
        self.network = ConditionedNetwork(
            3 + latent_dim,
            3,
            width=width,
            depth=depth,
            style_dim=style_dim,
            conditioning=conditioning,
        )

    def forward(
        self, latents: Float[Tensor, "B N H"], style: Float[Tensor, "B S"]
    ) -> Float[Tensor, "B N 3"]:
        """Return one point for each local latent (H = 3 + latent_dim)."""
        return latents[..., :3] + self.skip_weight * self.network(latents, style)
