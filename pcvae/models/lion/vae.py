"""LION's first stage with LION's own networks, behind the same face as the course's model."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from pcvae.models.lion.unet import Down, LionNetwork, LionStyleEncoder, Up
from pcvae.models.normalization import Normalization
from pcvae.models.posterior import DiagonalGaussian
from pcvae.models.vae import LatentConfig, PointCloudVAE


@dataclass(frozen=True)
class LionConfig(LatentConfig):
    """What LION's network is built from. It is saved with the weights.

    The defaults are those of the released airplane, car and chair models: 22,402,731 weights.

    Attributes:
        style_levels: of the style encoder, on the way down.
        downs: levels of point encoder and decoder on the way down, the last without convolutions.
        ups: levels on the way up, as many.
        heads: of the attention at the bottom, each of 32 channels.
        head_width: channels before the last layer.
        mean: of the normalization, for each axis, in data units.
        scale: of the normalization, in data units.
    """

    style_levels: tuple[Down, ...] = (
        Down((32, 32), 32, False, 1024, 0.1, 32, (32, 32)),
        Down((32,), 16, True, 256, 0.2, 32, (32, 64)),
    )
    downs: tuple[Down, ...] = (
        Down((32, 32), 32, False, 1024, 0.1, 32, (32, 64)),
        Down((64,), 16, True, 256, 0.2, 32, (64, 128)),
        Down((128,), 8, False, 64, 0.4, 32, (128, 256)),
        Down((), 0, False, 16, 0.8, 32, (128, 128, 128)),
    )
    ups: tuple[Up, ...] = (
        Up((128, 128), 3, 8),
        Up((128, 128), 3, 8),
        Up((128, 128), 2, 16),
        Up((128, 128, 64), 2, 32),
    )
    heads: int = 8
    head_width: int = 128
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    scale: float = 1.0

    def __post_init__(self) -> None:
        """Raise a ValueError that names the first setting that cannot be."""
        super().__post_init__()
        if not self.style_levels or not self.downs or len(self.downs) != len(self.ups):
            raise ValueError(
                f"Expected at least one level, and as many up as down, got {len(self.style_levels)}"
                f" of the style encoder, {len(self.downs)} down and {len(self.ups)} up."
            )
        if self.downs[-1].widths or not all(level.widths for level in self.downs[:-1]):
            raise ValueError("Every level down but the last has convolutions, the last has none.")
        if min(self.heads, self.head_width) < 1:
            raise ValueError("heads and head_width must be at least 1.")

    @property
    def blocks(self) -> int:
        """How many blocks there are at least."""
        return sum(level.convolutions for level in self.ups)


SIZES = {
    "full": LionConfig(),
    # The same in little, to learn from and to train on a CPU: 1,602,811 weights.
    "small": LionConfig(
        style_dim=16,
        style_levels=(
            Down((16, 16), 8, False, 128, 0.2, 8, (16, 16)),
            Down((16,), 4, True, 32, 0.4, 8, (16, 32)),
        ),
        downs=(
            Down((16, 16), 8, False, 128, 0.2, 8, (16, 32)),
            Down((32,), 8, True, 64, 0.4, 8, (32, 48)),
            Down((48,), 4, False, 16, 0.8, 8, (48, 64)),
            Down((), 0, False, 8, 1.6, 8, (32, 32, 32)),
        ),
        ups=(Up((32, 32), 3, 4), Up((32, 32), 2, 4), Up((32, 32), 2, 8), Up((32, 32, 16), 2, 8)),
    ),
}


class LionVAE(PointCloudVAE):
    """LION's first stage (Zeng et al., NeurIPS 2022) with its point-voxel U-Nets.

    What is asked of it is asked as of the course's model. Its weights bear the names that LION's
    checkpoints have, and nothing else is in its `state_dict`: the numbers of the normalization are
    in its configuration. Points see each other here: to take one away changes its neighbors.

    Args:
        config: "full", which is LION's, "small", or a configuration of one's own.
        normalization: from data units to model units; by default what the configuration says.

    Raises:
        ValueError: if there is no such size, or the normalization is of another mode than the
            configuration says.
    """

    def __init__(
        self, config: LatentConfig | str = "full", normalization: Normalization | None = None
    ) -> None:
        if isinstance(config, str):
            if config not in SIZES:
                raise ValueError(f"LION's network comes in {', '.join(SIZES)}, not {config!r}.")
            config = replace(SIZES[config], normalization=getattr(normalization, "mode", "global"))
        if normalization is None:
            mean = torch.tensor(config.mean, dtype=torch.float32)
            normalization = Normalization(mean, config.scale, config.normalization)
        else:
            mean, scale = normalization.mean.tolist(), normalization.scale.item()
            config = replace(config, mean=tuple(mean), scale=scale)
        super().__init__(config, normalization)
        for name, numbers in list(normalization.named_buffers()):
            normalization.register_buffer(name, numbers, persistent=False)

    def build(self, config: LatentConfig) -> None:
        """Make the networks."""
        local = 3 + config.latent_dim
        shared = (config.style_dim, config.downs, config.ups, config.heads, config.head_width)
        self.style_encoder = LionStyleEncoder(config.style_dim, config.style_levels)
        self.encoder = LionNetwork(3, 2 * local, *shared)
        self.decoder = LionNetwork(local, 3, *shared)
        self.prior = None

    def encode_points(self, x: Float[Tensor, "B N 3"], z: Float[Tensor, "B S"]) -> DiagonalGaussian:
        """Return q(h | x, z), whose coordinates have their means near those of x."""
        features = self.config.latent_dim
        parts = self.encoder(x, z).split([3, 3, features, features], dim=-1)
        xyz, log_sigma_xyz, feature, log_sigma_feature = parts
        mean = torch.cat([x + self.config.skip_weight * xyz, feature], dim=-1)
        log_sigma = torch.cat([log_sigma_xyz, log_sigma_feature], dim=-1)
        return DiagonalGaussian(mean, log_sigma - self.config.sigma_offset)

    def decode(self, h: Float[Tensor, "B N H"], z: Float[Tensor, "B S"]) -> Float[Tensor, "B N 3"]:
        """Return the cloud that local latents h and global latent z stand for."""
        return h[..., :3] + self.config.skip_weight * self.decoder(h, z)
