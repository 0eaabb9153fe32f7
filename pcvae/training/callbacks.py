"""What watches a run, and what averages its weights."""

from collections.abc import Callable
from copy import deepcopy

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from torch import Tensor

from pcvae.diagnostics import (
    error_numbers,
    reconstruction_errors,
    share_numbers,
    swap_numbers,
    swap_test,
    variance_shares,
)
from pcvae.models import PointCloudVAE

SHAPES = 32
POINTS = 512


class LatentDiagnostics(Callback):
    """Logs the swap test, the spectrum of z, errors and spreads as `latents/...`.

    They are measured on a few validation shapes, always the same ones: it takes a fraction of a
    second. Nothing random is drawn that training would draw, so a run is the same without it.

    Args:
        every: after how many epochs; they are logged at the end of training, too.
    """

    def __init__(self, every: int) -> None:
        super().__init__()
        self.every = every
        self.logged_at = -1

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Log after every so many epochs."""
        if (trainer.current_epoch + 1) % self.every == 0:
            self._log(trainer, pl_module)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Log what the finished model does, if that was not done just now."""
        if self.logged_at != trainer.global_step:
            self._log(trainer, pl_module)

    def _log(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Measure on the first device, and hand the numbers to the loggers."""
        self.logged_at = trainer.global_step
        if not trainer.is_global_zero:
            return
        points = np.asarray(trainer.datamodule.splits.val.points[:SHAPES])
        found = latent_numbers(pl_module.model, points)
        for logger in trainer.loggers:
            logger.log_metrics(
                {f"latents/{name}": value for name, value in found.items()}, trainer.global_step
            )


def running_mean(decay: float) -> Callable[[list[Tensor], list[Tensor], Tensor], None]:
    """Return how weights enter their running mean, for Lightning's `WeightAveraging`.

    A step keeps `decay` of the mean, and no more than (n + 1) / (n + 10) at the n-th step: the mean
    is over about the last ninth of a run, until that is longer than 1 / (1 - decay) steps. By the
    decay alone, a run of 1,500 steps at 0.999 would keep 22% of the weights it began with.
    """

    def mix(means: list[Tensor], weights: list[Tensor], steps: Tensor) -> None:
        torch._foreach_lerp_(means, weights, max(1 - decay, 9 / (int(steps) + 10)))

    return mix


@torch.no_grad()
def latent_numbers(model: PointCloudVAE, points: np.ndarray) -> dict[str, float]:
    """Return the diagnostics that are cheap, by name.

    Args:
        model: on any device.
        points: (S, N, 3) clouds in data units. One shape alone has no donor: no swap test then.
    """
    rng = np.random.default_rng(0)
    shapes, rows = rng.permutation(len(points)), rng.permutation(points.shape[1])[:POINTS]
    device = next(model.parameters()).device
    on_device = torch.from_numpy(points[shapes][:, rows]).to(device)
    x, copy = model.normalization(on_device).cpu(), deepcopy(model).cpu()
    encoding = copy.encode(x)
    found = error_numbers(reconstruction_errors(copy, x, encoding))
    if len(x) > 1:
        found |= swap_numbers(swap_test(copy, x, encoding))
        found |= share_numbers(variance_shares(encoding.style.mean.numpy()))
    return found
