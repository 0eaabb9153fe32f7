"""From settings to a trained model in a folder."""

import ctypes
import io
import json
import logging
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, ModelCheckpoint, WeightAveraging
from pytorch_lightning.loggers import CSVLogger, TensorBoardLogger
from pytorch_lightning.plugins.io import TorchCheckpointIO
from pytorch_lightning.utilities.exceptions import MisconfigurationException

from pcvae import checkpoints
from pcvae.data.batches import PointCloudData
from pcvae.files import atomic_path, write_atomically
from pcvae.training.building import build_module, open_data, trained_before
from pcvae.training.callbacks import LatentDiagnostics, running_mean
from pcvae.training.config import TrainConfig
from pcvae.training.module import NonFiniteError, VAEModule
from pcvae.training.resuming import (
    SETTINGS,
    alone_in,
    check_same_run,
    choose_folder,
    find_checkpoint,
    read_checkpoint,
    read_settings,
    settings,
    what_is_kept,
)

MODEL = "model.safetensors"

# Names of glibc's mallopt, and the largest block that it is to keep.
M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3
LARGEST = 2**30


def train(config: TrainConfig, extra: Sequence[Callback] = ()) -> Path:
    """Train a model, or go on with a run that was stopped.

    The run's folder gets the settings (config.json), the logs (logs/version_0/metrics.csv, and
    those for TensorBoard), a checkpoint to resume from after every epoch (last.ckpt), and at the
    end the model (model.safetensors), which `pcvae.load` opens.

    Args:
        config: what to do.
        extra: callbacks of Lightning's beside the run's own, such as one that draws curves. What
            their `state_dict` returns goes into checkpoints, and comes back when a run is resumed.

    Returns:
        The path of the finished model.

    Raises:
        ValueError: if a device is asked for that is not there, the data cannot be used, the folder
            holds another run, or the run to resume is damaged or was begun with other settings.
        FileNotFoundError: if the data or the run to resume is not there.
        NonFiniteError: if loss or gradient stops being a number.
    """
    devices = choose_devices(config)
    checkpoint = find_checkpoint(config.resume) if config.resume else None
    kept = read_checkpoint(checkpoint) if checkpoint else {}
    if checkpoint:
        check_same_run(config, read_settings(checkpoint), kept)
    folder = choose_folder(config.out, checkpoint)
    quiet()
    keep_freed_memory()
    pl.seed_everything(config.seed, verbose=False)
    data = open_data(config)
    module = build_module(config, data, checkpoint, kept)
    module.before = kept.get("before", []) if checkpoint else trained_before(config.start_from)
    with alone_in(folder):
        choose_folder(config.out, checkpoint)  # nobody has been faster
        write_atomically(folder / SETTINGS, json.dumps(settings(config), indent=2) + "\n")
        trainer = build_trainer(config, devices, folder, extra)
        fit(trainer, module, data, checkpoint, folder)
        return save_model(trainer, module, config, folder / MODEL)


def fit(
    trainer: pl.Trainer,
    module: VAEModule,
    data: PointCloudData,
    checkpoint: Path | None,
    folder: Path,
) -> None:
    """Train. Whatever stops it carries a note of what is kept, and how to go on."""
    try:
        trainer.fit(module, datamodule=data, ckpt_path=checkpoint, weights_only=True)
    except NonFiniteError:
        raise  # says so itself
    except SystemExit:  # how Lightning ends where it was interrupted
        stop = SystemExit(143) if trainer.received_sigterm else KeyboardInterrupt()
        stop.add_note(what_is_kept(folder))
        raise stop from None  # a hundred lines of Lightning say nothing more
    except BaseException as error:
        error.add_note(what_is_kept(folder))
        raise


def quiet() -> None:
    """Leave out what Lightning says that a learner can do nothing about."""
    logging.getLogger("pytorch_lightning.utilities.rank_zero").setLevel(logging.WARNING)
    logging.getLogger("pytorch_lightning.trainer").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", message=".*LeafSpec.*")
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    warnings.filterwarnings("ignore", message=".*exists and is not empty.*")
    warnings.filterwarnings("ignore", message="The dirpath has changed from.*")
    warnings.filterwarnings("ignore", message=".*smaller than the logging interval.*")


def build_trainer(
    config: TrainConfig, devices: dict[str, Any], folder: Path, extra: Sequence[Callback] = ()
) -> pl.Trainer:
    """Return a trainer that logs, saves a checkpoint after every epoch, and can be resumed.

    Raises:
        ValueError: if Lightning does not accept the devices, or they are not there.
    """
    try:
        return _trainer(config, devices, folder, extra)
    except (MisconfigurationException, ImportError, RuntimeError, ValueError) as error:
        raise ValueError(
            f"--accelerator {devices['accelerator']} with --devices {devices['devices']} and "
            f"--strategy {config.strategy} cannot be used here: {error}"
        ) from error


def _trainer(
    config: TrainConfig, devices: dict[str, Any], folder: Path, extra: Sequence[Callback]
) -> pl.Trainer:
    return pl.Trainer(
        **devices,
        max_epochs=config.max_epochs,
        max_steps=config.max_steps,
        accumulate_grad_batches=config.accumulate,
        gradient_clip_val=config.gradient_clip or None,
        check_val_every_n_epoch=config.validate_every,
        precision=config.precision,
        callbacks=[*callbacks(config, folder), *extra],
        plugins=[WholeCheckpoints()],
        logger=[CSVLogger(folder, name="logs"), TensorBoardLogger(folder, name="tensorboard")],
        log_every_n_steps=10,
        enable_progress_bar=config.progress,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        default_root_dir=folder,
    )


class WholeCheckpoints(TorchCheckpointIO):
    """Writes each checkpoint whole or not at all, and keeps the last one until then."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        """Write the checkpoint beside the old one, and let it take its place."""
        content = io.BytesIO()  # torch's own writer says little of a disk that is full
        torch.save(checkpoint, content)
        with atomic_path(Path(path)) as temporary:
            temporary.write_bytes(content.getbuffer())


def callbacks(config: TrainConfig, folder: Path) -> list[Callback]:
    """Return what saves checkpoints and, if asked for, averages weights and watches latents."""
    saving = ModelCheckpoint(
        folder,
        filename="last",
        every_n_epochs=1,
        save_on_train_epoch_end=True,
        enable_version_counter=False,
    )
    averaging = [WeightAveraging(multi_avg_fn=running_mean(config.ema))] if config.ema else []
    # After the average of the weights has taken their place: the end of a run is measured on it.
    watching = [LatentDiagnostics(config.diagnose_every)] if config.diagnose_every else []
    return [saving, *averaging, *watching]


def choose_devices(config: TrainConfig) -> dict[str, Any]:
    """Return Lightning's settings of devices and hosts.

    Raises:
        ValueError: if more GPUs are asked for than there are, or several processes would have to
            agree on a folder that is named by the time.
    """
    kind, devices = config.accelerator, config.devices
    if config.gpus:
        kind, devices = "gpu", config.gpus
        check_gpus(config.gpus)
    if devices * config.num_nodes > 1 and config.out is None and config.resume is None:
        raise ValueError(
            f"{devices * config.num_nodes} processes must agree on a folder: name one with --out."
        )
    return {
        "accelerator": kind,
        "devices": devices,
        "num_nodes": config.num_nodes,
        "strategy": config.strategy,
    }


def check_gpus(count: int) -> None:
    """Raise a ValueError if there are fewer CUDA devices than asked for."""
    found = torch.cuda.device_count()
    if count <= found:
        return
    reason = "This build of PyTorch has no CUDA. " if torch.version.cuda is None else ""
    raise ValueError(
        f"--gpus {count} was asked for and {found} found. {reason}Leave --gpus out to train on the "
        "CPU, or see README.md on how to choose a CUDA build."
    )


def save_model(trainer: pl.Trainer, module: VAEModule, config: TrainConfig, path: Path) -> Path:
    """Write the finished model with a note of how it was made."""
    metrics = {name: round(value.item(), 6) for name, value in trainer.callback_metrics.items()}
    notes = {"train": settings(config), "before": module.before}
    notes |= {"steps": trainer.global_step, "metrics": metrics}
    return checkpoints.save(module.model, path, notes) if trainer.is_global_zero else path


def keep_freed_memory() -> bool:
    """Let glibc keep freed memory instead of giving each large tensor back to the system.

    A step at 2,048 points allocates the same large tensors again and again. By default each is
    mapped afresh, and the system fills it with zeros page by page before it can be used.

    Returns:
        Whether the setting was made; it cannot be on systems without glibc, and need not be.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, LARGEST)) and bool(mallopt(M_TRIM_THRESHOLD, LARGEST))
