"""Everything that decides a training run, in one typed place: the flags of `pcvae train`."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pcvae.models.layers import CONDITIONING
from pcvae.models.normalization import MODES
from pcvae.objective import ERRORS, REDUCTIONS, SCHEDULES

AT_LEAST_ONE = (
    "batch_size",
    "num_points",
    "max_epochs",
    "accumulate",
    "validate_every",
    "num_shapes",
    "devices",
    "num_nodes",
)
NOT_NEGATIVE = (
    "gpus",
    "diagnose_every",
    "local_points",
    "prior_weight",
    "kl_weight",
    "style_kl_weight",
    "free_bits",
    "factor_weight",
    "gradient_clip",
)


@dataclass(frozen=True)
class Recipe:
    """A named set of defaults.

    Attributes:
        about: what it is for, in one sentence.
        settings: fields of `TrainConfig`.
    """

    about: str
    settings: dict[str, Any] = field(default_factory=dict)


RECIPES = {
    "simplified": Recipe("the simplified script: batches of 2, everything else LION's"),
    "lion": Recipe(
        "LION's constants: L1 summed over batches of 32, 8,000 epochs; z stays dead",
        {"batch_size": 32, "max_epochs": 8000},
    ),
    "per_shape": Recipe(
        "the same with an ELBO for each shape: z comes alive, shapes blur",
        {"batch_size": 32, "reduction": "shape"},
    ),
    "one_shot": Recipe(
        "an ELBO for each shape, tuned so that z decides the shape and h is near N(0, 1)",
        {
            "batch_size": 16,
            "num_points": 512,
            "reduction": "shape",
            "style_kl_weight": 0.1,
            # A start at the identity teaches the decoder to ignore z, and it never looks again:
            # noisy latents from the first step on leave z as the only way to tell shapes apart.
            "sigma_offset": 1.0,
            "anneal_kl": False,
            "skip_weight": 0.1,
            "learning_rate": 1.5e-3,
            "cosine": True,
        },
    ),
    "joint_flow": Recipe(
        "h copies the shape, and a flow learns what h is given z: sharp shapes from z, new shapes",
        {
            "batch_size": 32,
            "num_points": 1024,
            "local_points": 256,
            "prior": True,
            "prior_width": 192,
            "style_widths": (128, 256, 256),
            "reduction": "shape",
            # The balance of a sum over 32 shapes at the weight 0.5, whatever the batch size.
            "kl_weight": 0.5 / 32,
            "anneal_kl": False,
            # A nat of z costs 0.01 of the flow's squared error. At 0.1, z says no more of a chair
            # than its larger measures: slats and armrests did not pay.
            "style_kl_weight": 0.64,
            "cosine": True,
            "ema": 0.999,
        },
    ),
}


@dataclass(frozen=True)
class TrainConfig:
    """Settings of a training run.

    The defaults are those of the simplified script that the course grew out of.

    Attributes:
        batch_size: clouds for each step and device.
        num_points: points for each cloud.
        max_epochs: passes over the training set.
        max_steps: stop after this many optimizer steps; -1 for no such limit.
        learning_rate: Adam's step size.
        kl_weight: weight of the KL terms after annealing.
        gpus: how many CUDA devices to train on; 0 trains on the CPU.
        devices: processes on each host, if not by --gpus: with 2 or more, --out must be given.
        num_nodes: how many hosts take part, each with that many devices.
        strategy: Lightning's name for how devices share the work, such as 'ddp'.
        accelerator: Lightning's name for the kind of devices, if not by --gpus; 'auto' takes the
            best there is.
        latent_dim: feature channels for each point, beside its three coordinates.
        style_dim: length of the global latent z.
        skip_weight: how far the networks may move a point at first, in standard deviations of
            the data.
        sigma_offset: local posteriors start at the standard deviation exp(-sigma_offset).
        anneal_kl: ramp the KL weight up from 1e-7 over the first half of all steps.
        data: 'furniture', 'procedural', 'procedural:chair,table', 'shapenet:FOLDER', or the
            path of a folder of meshes or point files, or of a .npy or .npz file with clouds
            (shapes, points, 3).
        categories: names joined by commas, such as chair,airplane; all there are by default.
        num_shapes: how many procedural shapes to draw.
        up: which axis points up in the files of a folder: 'y' or 'z'.
        strict: stop at a file that cannot be used, instead of skipping it with a warning.
        normalization: what is subtracted and divided by: 'global' (mean and standard deviation
            of the training set), 'shape' (of each cloud) or 'box' (middle and half the longest
            edge of each cloud's bounding box).
        replacement: draw the points of a training cloud with replacement, as the original does.
        mirror: swap left and right of every second training cloud.
        stretch: scale each axis of a training cloud by up to this share, such as 0.1.
        jitter: move training points by noise of this share of the cloud's standard deviation.
        recipe: a set of defaults that the other flags override, see `RECIPES`.
        out: folder for logs, checkpoints and the finished model; by default that of the run to
            resume, or a new one in runs/ named by the time.
        resume: a run's folder, or its last.ckpt, to go on with; its settings become the defaults.
        seed: decides initial weights, order of shapes, points drawn and noise.
        reduction: 'batch' sums the error over the batch as LION does; 'shape' is an ELBO a shape.
        error: reconstruction error: 'l1', 'l2' or 'chamfer'.
        style_kl_weight: factor on the KL of z, beside kl_weight.
        free_bits: nats of KL for each coordinate of z that cost nothing.
        factor_weight: weight of the known factors of procedural shapes (leg height, number of
            slats), which z is then to say: of the squared error of what a linear map reads off z.
        schedule: how the KL weight changes if anneal_kl is on: 'linear', 'cyclical' or 'constant'.
        cosine: let the learning rate fall to 1% along half a cosine.
        ema: decay of the running mean of the weights that is saved, such as 0.999; 0 for none. It
            is smaller in the first steps, so that short runs do not keep what they began with.
        gradient_clip: largest norm of the gradient; 0 for no limit.
        accumulate: batches for each optimizer step.
        backbone: the networks: 'points', the course's own, which see one point at a time; or
            LION's, which see points beside voxels: 'pvcnn' in its size, 'pvcnn_small' in little.
        conditioning: how z speaks to the points: 'adain', 'adagn' or 'adaln'.
        width: channels inside the point encoder and the decoder.
        style_widths: channels of the style encoder: of both layers before pooling, and after it.
        encoder_depth: residual blocks of the point encoder.
        decoder_depth: residual blocks of the decoder.
        validate_every: epochs between two looks at the validation shapes.
        diagnose_every: epochs between two swap tests of 32 validation shapes, logged with spectrum,
            spreads and errors as latents/...; 0 for none.
        prior: build a learned prior of the latents, so that new shapes can be drawn.
        prior_width: channels inside the prior's flow of h.
        prior_depth: residual blocks of the prior's flow of h.
        prior_weight: factor on the flows' losses, which are summed over the points as the error is.
        fit: what is trained: 'all' at once (the flow of h then teaches z, too); or LION's two
            stages, first the 'vae' and then, with --start_from, its 'prior'; 'style_prior' is the
            flow of z alone.
        start_from: a model to begin with in place of random weights: a shipped one's name or a
            .safetensors file. Its sizes and its normalization are kept.
        local_points: how many of the points get local latents in training; the style encoder sees
            all --num_points. 0 for all.
        precision: Lightning's name for the numbers to compute with. 'bf16-mixed' is faster on
            processors with instructions for it (AMX, or AVX-512 BF16), and slower on others.
        progress: show a progress bar.
    """

    batch_size: int = 2
    num_points: int = 2048
    max_epochs: int = 100
    max_steps: int = -1
    learning_rate: float = 1e-3
    kl_weight: float = 0.5
    gpus: int = 0
    devices: int = 1
    num_nodes: int = 1
    strategy: str = "auto"
    accelerator: Literal["cpu", "gpu", "mps", "tpu", "auto"] = "cpu"
    latent_dim: int = 1
    style_dim: int = 128
    skip_weight: float = 0.01
    sigma_offset: float = 6.0
    anneal_kl: bool = True
    data: str = "furniture"
    categories: str = ""
    num_shapes: int = 3000
    up: Literal["y", "z"] = "y"
    strict: bool = False
    normalization: Literal[*MODES] = "global"
    replacement: bool = False
    mirror: bool = False
    stretch: float = 0.0
    jitter: float = 0.0
    recipe: Literal[*RECIPES] = "simplified"
    out: Path | None = None
    resume: Path | None = None
    seed: int = 0
    reduction: Literal[*REDUCTIONS] = "batch"
    error: Literal[*ERRORS] = "l1"
    style_kl_weight: float = 1.0
    free_bits: float = 0.0
    factor_weight: float = 0.0
    schedule: Literal[*SCHEDULES] = "linear"
    cosine: bool = False
    ema: float = 0.0
    gradient_clip: float = 0.0
    accumulate: int = 1
    backbone: Literal["points", "pvcnn", "pvcnn_small"] = "points"
    conditioning: Literal[*CONDITIONING] = "adain"
    width: int = 64
    encoder_depth: int = 2
    decoder_depth: int = 4
    style_widths: tuple[int, int, int] = (64, 128, 256)
    validate_every: int = 1
    diagnose_every: int = 10
    prior: bool = False
    prior_width: int = 128
    prior_depth: int = 6
    prior_weight: float = 1.0
    fit: Literal["all", "vae", "prior", "style_prior"] = "all"
    start_from: str | None = None
    local_points: int = 0
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    progress: bool = True

    def __post_init__(self) -> None:
        """Raise a ValueError that names the first setting that cannot be."""
        for name, value in vars(self).items():
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError(f"--{name} must be a finite number, not {value}.")
        for name in AT_LEAST_ONE:
            if getattr(self, name) < 1:
                raise ValueError(f"--{name} must be at least 1, not {getattr(self, name)}.")
        for name in ("stretch", "jitter"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(
                    f"--{name} must be at least 0 and below 1, not {getattr(self, name)}."
                )
        if not self.learning_rate > 0:
            raise ValueError(f"--learning_rate must be above 0, not {self.learning_rate}.")
        if not 0 <= self.ema < 1:
            raise ValueError(f"--ema must be at least 0 and below 1, not {self.ema}.")
        if self.factor_weight:
            self._check_factors()
        if self.backbone != "points":
            self._check_pvcnn()
        if self.fit.endswith("prior") and not (self.prior and self.start_from):
            raise ValueError(
                f"--fit {self.fit} trains the prior of a finished model: name the model with "
                "--start_from, and add --prior true."
            )
        if self.schedule == "cyclical" and not self.anneal_kl:
            raise ValueError("--schedule cyclical has no effect with --anneal_kl false.")
        for name in NOT_NEGATIVE:
            if getattr(self, name) < 0:
                raise ValueError(f"--{name} must not be negative, but is {getattr(self, name)}.")

    def _check_factors(self) -> None:
        """Refuse factors that are not known, or not true any more."""
        if self.data.partition(":")[0] != "procedural":
            raise ValueError(
                f"--factor_weight {self.factor_weight} is for --data procedural, whose factors are "
                f"known; those of {self.data} are not. Leave it out."
            )
        if self.stretch:
            raise ValueError(
                f"--factor_weight {self.factor_weight}: a shape that is changed by --stretch has "
                "other factors than are known of it. Leave one of the two out."
            )
        if self.fit not in ("all", "vae"):
            raise ValueError(
                f"--factor_weight {self.factor_weight} teaches z, which --fit {self.fit} leaves as "
                "it is. Leave it out."
            )

    def _check_pvcnn(self) -> None:
        """Refuse what LION's network does not have."""
        for name in ("conditioning", "width", "encoder_depth", "decoder_depth", "style_widths"):
            if getattr(self, name) != type(self).__dataclass_fields__[name].default:
                raise ValueError(f"--{name} is of the backbone 'points'; {self.backbone} has none.")
        if self.prior or self.local_points:
            raise ValueError(
                f"--prior and --local_points are of the backbone 'points': {self.backbone} has no "
                "learned prior, and all its points need local latents. Leave them out."
            )
