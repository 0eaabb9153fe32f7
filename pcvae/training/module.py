"""The LightningModule: one step of training, and what is logged of it."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from jaxtyping import Float
from torch import Tensor, nn

from pcvae.data.batches import Batch
from pcvae.models import LatentPrior, PointCloudVAE, Reconstruction
from pcvae.objective import KLSchedule, Objective, Terms
from pcvae.randomness import FlowNoise, flow_noise_for_shapes, noise_for_shapes
from pcvae.training.resuming import what_is_kept

ADAM_BETAS = (0.9, 0.99)
FINAL_RATE = 0.01
STYLE_REPEATS = 8  # lines to each z in a step: z is one row of numbers, and lines are cheap


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


class NonFiniteError(FloatingPointError):
    """The loss or its gradient is no longer a number."""


class VAEModule(pl.LightningModule):
    """Trains a `PointCloudVAE`.

    The KL weight and the learning rate follow the optimizer's steps. How many steps there are in
    all is fixed when training begins and kept in the checkpoint, so that a resumed run, or one that
    is made longer, goes on with the same schedule.

    Args:
        model: what to train.
        objective: the loss.
        schedule: the KL weight as a function of the step.
        learning_rate: Adam's step size.
        cosine: let the learning rate fall along half a cosine to 1%.
        seed: decides the noise, together with epoch and shape.
        shape_ids: names of the training shapes, for messages.
        fit: what is trained, a name in `STAGES` (LION trains in two); the rest of the model stays
            as it is.
        prior_weight: factor on the losses of the prior.
        local_points: how many points get local latents; 0 for all.
        known: numbers that are known of each training shape, for z to say; NaN where one is not.
        factor_weight: factor on the squared error of what a linear map reads of them off z.
    """

    def __init__(
        self,
        model: PointCloudVAE,
        objective: Objective,
        schedule: KLSchedule,
        *,
        learning_rate: float = 1e-3,
        cosine: bool = False,
        seed: int = 0,
        shape_ids: Sequence[str] = (),
        fit: str = "all",
        prior_weight: float = 1.0,
        local_points: int = 0,
        known: Float[Tensor, "S F"] | None = None,
        factor_weight: float = 0.0,
    ) -> None:
        super().__init__()
        self.factor_weight = factor_weight
        self.register_buffer("known", known, persistent=False)
        # It belongs to the training and not to the model: nothing else reads factors by it.
        self.readout = None if known is None else nn.Linear(model.config.style_dim, known.shape[1])
        self.stage = STAGES[fit]
        self.stage.freeze(model)
        self.prior_weight = prior_weight
        self.local_points = local_points
        self.model = model
        self.objective = objective
        self.schedule = schedule
        self.learning_rate = learning_rate
        self.cosine = cosine
        self.seed = seed
        self.shape_ids = shape_ids
        self.schedule_steps = 0
        self.before: list[dict[str, Any]] = []  # settings of the trainings that came first

    def setup(self, stage: str) -> None:
        """Fix the length of the schedules, unless a checkpoint has fixed it already."""
        if stage == "fit" and not self.schedule_steps:
            self.schedule_steps = int(self.trainer.estimated_stepping_batches)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the schedules' length, what the model is built from, and what it saw before."""
        checkpoint["schedule_steps"] = self.schedule_steps
        checkpoint["model"] = asdict(self.model.config)
        checkpoint["before"] = self.before

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on with the schedules that training began with."""
        self.schedule_steps = checkpoint["schedule_steps"]

    def on_train_start(self) -> None:
        """Take the learning rate from the settings: a checkpoint brings its own."""
        for optimizer in self.trainer.optimizers:
            for group in optimizer.param_groups:
                began = group.get("initial_lr", group["lr"])
                group["lr"] *= self.learning_rate / began
                group["initial_lr"] = self.learning_rate
        for schedule in self.trainer.lr_scheduler_configs:
            schedule.scheduler.base_lrs = [self.learning_rate]

    def configure_optimizers(self) -> Any:
        """Return Adam with the original's betas and, if asked for, the falling learning rate."""
        fitted = [weight for weight in self.parameters() if weight.requires_grad]
        optimizer = torch.optim.Adam(
            fitted, lr=self.learning_rate, betas=ADAM_BETAS, fused=self.device.type == "cpu"
        )
        if not self.cosine:
            return optimizer
        scheduler = torch.optim.lr_scheduler.LambdaLR(
            optimizer,
            lambda step: self._rate(step),  # a bound method would go into checkpoints
        )
        return [optimizer], [{"scheduler": scheduler, "interval": "step"}]

    def _rate(self, step: int) -> float:
        """Factor on the learning rate at a step: from 1 to 1% along half a cosine."""
        progress = min(step / max(self.schedule_steps, 1), 1.0)
        return FINAL_RATE + (1 - FINAL_RATE) * 0.5 * (1 + math.cos(math.pi * progress))

    def terms(self, batch: Batch, epoch: int) -> Terms:
        """Return the loss and its parts for one batch, with the noise of one epoch."""
        seen = self.model.normalization(batch.points, batch.statistics)
        x = seen[:, : self.local_points or None]
        style_noise, point_noise = noise_for_shapes(
            batch.shapes,
            seed=self.seed,
            epoch=epoch,
            style_dim=self.model.config.style_dim,
            point_dim=3 + self.model.config.latent_dim,
            num_points=x.shape[1],
        )
        output = self.model(x, style_noise.to(x.device), point_noise.to(x.device), seen)
        weight = self.schedule(self.global_step, self.schedule_steps)
        terms = self._with_factors(self.objective(x, output, weight), output.z, batch.shapes)
        return self._with_prior(terms, output, batch, epoch)

    def _with_factors(self, terms: Terms, z: Tensor, shapes: Tensor) -> Terms:
        """Add how far what is read off z is from what is known, if anything is."""
        if self.readout is None or not self.training:
            return terms
        miss = self.readout(z) - self.known[shapes]  # (B, F)
        miss = miss.nan_to_num().square().sum(dim=1).mean()  # NaN, and so 0, where nothing is known
        return replace(terms, loss=terms.loss + self.factor_weight * miss, factors=miss)

    def _with_prior(self, terms: Terms, output: Reconstruction, batch: Batch, epoch: int) -> Terms:
        """Add the losses of the prior, and leave out what this stage does not train."""
        if not self.stage.prior or self.model.prior is None:
            return terms
        noise = self._flow_noise(batch, output, epoch)
        flow_z, flow_h = self.stage.prior_losses(self.model.prior, output, noise)
        loss = self.prior_weight * (flow_z + flow_h)
        return replace(
            terms, loss=terms.loss + loss if self.stage.vae else loss, flow_z=flow_z, flow_h=flow_h
        )

    def _flow_noise(self, batch: Batch, output: Reconstruction, epoch: int) -> FlowNoise:
        """Return the random numbers of the prior's losses, on the device of the latents."""
        noise = flow_noise_for_shapes(
            batch.shapes,
            seed=self.seed,
            epoch=epoch,
            style_dim=output.z.shape[1],
            point_dim=output.h.shape[2],
            num_points=output.h.shape[1],
            repeats=STYLE_REPEATS,
        )
        return FlowNoise(*(numbers.to(output.h.device) for numbers in noise))

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the loss of one batch and log its terms."""
        terms = self.terms(batch, self.current_epoch)
        if not torch.isfinite(terms.loss):
            self._stop("loss", terms, batch)
        if self._logged_at_this_step():
            self._log("train", terms, batch)
        self._shapes_of_step = batch.shapes
        return terms.loss

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Log the terms of one batch of validation shapes, with the same noise every time."""
        self._log("val", self.terms(batch, epoch=0), batch)

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Log the gradient's norm; stop before it can spoil the weights."""
        gradients = [p.grad for p in self.model.parameters() if p.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        if not torch.isfinite(norm):
            self._stop("gradient", None, None)
        if self._logged_at_this_step():
            self.log("train/gradient_norm", norm)

    def _logged_at_this_step(self) -> bool:
        """Whether Lightning will write this step down: handing it unwanted numbers is not free."""
        return (self.global_step + 1) % self.trainer.log_every_n_steps == 0

    def _log(self, stage: str, terms: Terms, batch: Batch) -> None:
        """Log every term under its name."""
        values = {f"{stage}/{name}": value for name, value in terms.present().items()}
        common = {"batch_size": len(batch.shapes), "sync_dist": True}  # the mean over all devices
        self.log_dict(values, on_step=stage == "train", on_epoch=stage == "val", **common)
        self.log(f"{stage}_loss", terms.loss, prog_bar=True, logger=False, **common)

    def _stop(self, what: str, terms: Terms | None, batch: Batch | None) -> None:
        """Raise an error that says where it happened and what to try."""
        shapes = batch.shapes if batch is not None else self._shapes_of_step
        names = [self.shape_ids[i] if self.shape_ids else str(i) for i in shapes.tolist()]
        parts = {k: v.item() for k, v in terms.present().items()} if terms else {}
        keeper = self.trainer.checkpoint_callback  # a trainer of one's own may have none
        raise NonFiniteError(
            f"The {what} is not a finite number at step {self.global_step} (epoch "
            f"{self.current_epoch}). Shapes of the batch: {', '.join(names)}. {parts or ''} "
            "Try a lower --learning_rate, a smaller --sigma_offset (5 in place of 6), more epochs "
            "(which makes the KL weight grow more slowly) or --gradient_clip 1. "
            + what_is_kept(Path(keeper.dirpath) if keeper else None)
        )
