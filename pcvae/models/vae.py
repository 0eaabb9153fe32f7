"""The hierarchical VAE: style encoder, point encoder and decoder joined."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from pcvae.models.decoder import Decoder
from pcvae.models.layers import CONDITIONING, NUM_GROUPS
from pcvae.models.normalization import MODES, Normalization
from pcvae.models.point_encoder import PointEncoder
from pcvae.models.posterior import DiagonalGaussian
from pcvae.models.prior import POINT_SOLVER, POINT_STEPS, STYLE_STEPS, LatentPrior, PriorConfig
from pcvae.models.style_encoder import StyleEncoder


@dataclass(frozen=True)
class LatentConfig:
    """What every model's configuration says: its latents, and the units that it works in.

    Attributes:
        style_dim: length of the global latent z.
        latent_dim: feature channels of the local latent h, beside its three coordinates.
        skip_weight: how far encoder and decoder may move a point at first, in model units.
        sigma_offset: the local posterior starts at the standard deviation exp(-sigma_offset).
        normalization: how clouds come to model units: "global", "shape" or "box".
    """

    style_dim: int = 128
    latent_dim: int = 1
    skip_weight: float = 0.01
    sigma_offset: float = 6.0
    normalization: str = "global"

    def __post_init__(self) -> None:
        """Raise a ValueError that names the first setting that cannot be."""
        if self.style_dim < 1:
            raise ValueError(f"style_dim must be at least 1, not {self.style_dim}.")
        if self.latent_dim < 0:
            raise ValueError(f"latent_dim must not be negative, but is {self.latent_dim}.")
        if self.normalization not in MODES:
            names = ", ".join(MODES)
            raise ValueError(f"normalization must be one of {names}, not {self.normalization!r}.")


@dataclass(frozen=True)
class VAEConfig(LatentConfig):
    """What a model is built from. It is saved with the weights.

    Attributes:
        width: channels inside the point encoder and the decoder.
        encoder_depth: residual blocks of the point encoder.
        decoder_depth: residual blocks of the decoder.
        conditioning: how z speaks to the points: "adain", "adagn" or "adaln".
        style_widths: channels of the style encoder: of both layers before pooling, and after it.
        prior: sizes of the learned prior; None for a model without one, whose prior is N(0, I).
    """

    width: int = 64
    encoder_depth: int = 2
    decoder_depth: int = 4
    conditioning: str = "adain"
    style_widths: tuple[int, int, int] = (64, 128, 256)
    prior: PriorConfig | None = None

    def __post_init__(self) -> None:
        """Raise a ValueError that names the first setting that cannot be."""
        super().__post_init__()
        for name in ("width", "encoder_depth", "decoder_depth"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}.")
        if len(self.style_widths) != 3 or min(self.style_widths) < 1:
            raise ValueError(
                f"style_widths must be three numbers of at least 1, not {self.style_widths}."
            )
        if self.conditioning not in CONDITIONING:
            names = ", ".join(CONDITIONING)
            raise ValueError(f"conditioning must be one of {names}, not {self.conditioning!r}.")
        if self.conditioning == "adagn" and self.width % NUM_GROUPS:
            raise ValueError(f"With adagn, width must be a multiple of {NUM_GROUPS}.")

    @property
    def blocks(self) -> int:
        """How many blocks there are at least."""
        return self.encoder_depth + self.decoder_depth + (self.prior.depth if self.prior else 0)


@dataclass(frozen=True)
class Encoding:
    """What the encoders say of a batch.

    Attributes:
        style: q(z | x), over (B, style_dim).
        points: q(h | x, z), over (B, N, 3 + latent_dim).
    """

    style: DiagonalGaussian
    points: DiagonalGaussian


@dataclass(frozen=True)
class Reconstruction:
    """One pass through the whole model.

    Attributes:
        points: the decoded cloud, (B, N, 3), in model units.
        encoding: both posteriors.
        z: the global latent that was drawn, (B, style_dim).
        h: the local latents that were drawn, (B, N, 3 + latent_dim).
    """

    points: Float[Tensor, "B N 3"]
    encoding: Encoding
    z: Float[Tensor, "B S"]
    h: Float[Tensor, "B N H"]


class PointCloudVAE(nn.Module):
    """The first stage of LION (Zeng et al., NeurIPS 2022), with point-wise networks.

    Encoding and decoding are in model units: `model.normalization(points)` takes data there and
    `model.normalization.inverse` brings it back. Any number of points will do, and each cloud may
    be decoded with another number of points than it was encoded with.

    Args:
        config: sizes and constants.
        normalization: from data units to model units, of the configuration's mode; by default with
            mean 0 and scale 1.

    Raises:
        ValueError: if the normalization is of another mode than the configuration says.
    """

    def __init__(
        self, config: LatentConfig | None = None, normalization: Normalization | None = None
    ) -> None:
        super().__init__()
        self.config = config = config or VAEConfig()
        self.normalization = normalization or Normalization(mode=config.normalization)
        if self.normalization.mode != config.normalization:
            raise ValueError(
                f"The configuration asks for the normalization {config.normalization!r}, but the "
                f"one given is {self.normalization.mode!r}."
            )
        self.build(config)

    def build(self, config: LatentConfig) -> None:
        """Make the networks."""
        shared = {
            "style_dim": config.style_dim,
            "latent_dim": config.latent_dim,
            "skip_weight": config.skip_weight,
            "width": config.width,
            "conditioning": config.conditioning,
        }
        self.style_encoder = StyleEncoder(config.style_dim, config.style_widths)
        self.point_encoder = PointEncoder(
            sigma_offset=config.sigma_offset, depth=config.encoder_depth, **shared
        )
        self.decoder = Decoder(depth=config.decoder_depth, **shared)
        self.prior = config.prior and LatentPrior(
            config.style_dim, 3 + config.latent_dim, config.prior
        )

    def encode_style(self, x: Float[Tensor, "B N 3"]) -> DiagonalGaussian:
        """Return q(z | x)."""
        return self.style_encoder(x)

    def encode_points(self, x: Float[Tensor, "B N 3"], z: Float[Tensor, "B S"]) -> DiagonalGaussian:
        """Return q(h | x, z)."""
        return self.point_encoder(x, z)

    def encode(self, x: Float[Tensor, "B N 3"]) -> Encoding:
        """Return both posteriors, the local one at the mean of the global one."""
        style = self.encode_style(x)
        return Encoding(style, self.encode_points(x, style.mean))

    def decode(self, h: Float[Tensor, "B N H"], z: Float[Tensor, "B S"]) -> Float[Tensor, "B N 3"]:
        """Return the cloud that local latents h and global latent z stand for."""
        return self.decoder(h, z)

    def draw_style(
        self, noise: Float[Tensor, "B S"], *, steps: int = STYLE_STEPS
    ) -> Float[Tensor, "B S"]:
        """Return global latents of new shapes.

        Args:
            noise: standard normal numbers. The learned prior carries them to z; without one they
                are z, as the VAE's own prior has it.
            steps: of the prior's flow.
        """
        return noise if self.prior is None else self.prior.style.from_noise(noise, steps=steps)

    def draw_points(
        self,
        noise: Float[Tensor, "B N H"],
        z: Float[Tensor, "B S"],
        *,
        steps: int = POINT_STEPS,
        solver: str = POINT_SOLVER,
    ) -> Float[Tensor, "B N 3"]:
        """Return clouds of the shapes that z stands for, of any number of points.

        Args:
            noise: standard normal numbers. The learned prior carries them to h, given z; without
                one they are h, as the VAE's own prior has it.
            z: global latents.
            steps: of the prior's flow.
            solver: of the prior's flow, one of `pcvae.models.flow.SOLVERS`.
        """
        if self.prior is None:
            return self.decode(noise, z)
        return self.decode(self.prior.points.from_noise(noise, z, steps=steps, solver=solver), z)

    def forward(
        self,
        x: Float[Tensor, "B N 3"],
        style_noise: Float[Tensor, "B S"] | None = None,
        point_noise: Float[Tensor, "B N H"] | None = None,
        seen: Float[Tensor, "B M 3"] | None = None,
    ) -> Reconstruction:
        """Encode, draw z and then h, decode.

        Args:
            x: clouds in model units.
            style_noise: standard normal numbers for z; drawn if not given.
            point_noise: standard normal numbers for h; drawn if not given.
            seen: what the style encoder sees of the same shapes; x if not given.
        """
        style = self.encode_style(x if seen is None else seen)
        z = style.sample(style_noise)
        points = self.encode_points(x, z)
        h = points.sample(point_noise)
        return Reconstruction(self.decode(h, z), Encoding(style, points), z, h)

    def reconstruct(self, points: Float[Tensor, "B N 3"]) -> Float[Tensor, "B N 3"]:
        """Return clouds in data units, through the means of both posteriors."""
        statistics = self.normalization.statistics(points)
        encoding = self.encode(self.normalization(points, statistics))
        decoded = self.decode(encoding.points.mean, encoding.style.mean)
        return self.normalization.inverse(decoded, statistics)
