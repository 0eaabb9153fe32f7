"""From settings to a trained model in a folder."""

import json
import logging
import time
import warnings
from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, ModelCheckpoint, WeightAveraging
from pytorch_lightning.loggers import CSVLogger, TensorBoardLogger

from pcvae import checkpoints
from pcvae.data.batches import PointCloudData
from pcvae.files import write_atomically
from pcvae.models import PointCloudVAE
from pcvae.training.callbacks import LatentDiagnostics, running_mean
from pcvae.training.config import TrainConfig
from pcvae.training.memory import keep_freed_memory
from pcvae.training.module import VAEModule

LAST = "last.ckpt"
SETTINGS = "config.json"
MODEL = "model.safetensors"


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
        ValueError: if a device is asked for that is not there, the data cannot be used, or the
            folder holds another run.
        FileNotFoundError: if the data or the run to resume is not there.
        NonFiniteError: if loss or gradient stops being a number.
    """
    devices = choose_devices(config)
    checkpoint = find_checkpoint(config.resume) if config.resume else None
    folder = choose_folder(config.out, checkpoint)
    quiet()
    keep_freed_memory()
    pl.seed_everything(config.seed, verbose=False)
    data = config.open_data()
    module = build_module(config, data)
    write_atomically(folder / SETTINGS, json.dumps(settings(config), indent=2) + "\n")
    trainer = build_trainer(config, devices, folder, extra)
    trainer.fit(module, datamodule=data, ckpt_path=checkpoint, weights_only=True)
    return save_model(trainer, module, config, folder / MODEL)


def quiet() -> None:
    """Leave out what Lightning says that a learner can do nothing about."""
    logging.getLogger("pytorch_lightning.utilities.rank_zero").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", message=".*LeafSpec.*")
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    warnings.filterwarnings("ignore", message=".*exists and is not empty.*")
    warnings.filterwarnings("ignore", message=".*smaller than the logging interval.*")


def choose_folder(out: Path | None, checkpoint: Path | None) -> Path:
    """Return the run's folder: as asked for, the resumed run's, or a new one named by the time.

    Raises:
        ValueError: if a new run would overwrite another one's checkpoint.
    """
    if out is None and checkpoint is not None:
        return checkpoint.parent
    folder = Path(out or Path("runs") / time.strftime("%Y-%m-%d-%H%M%S"))
    if checkpoint is None and (folder / LAST).exists():
        raise ValueError(
            f"--out {folder} holds the checkpoint of another run. Go on with that run by --resume "
            f"{folder}, or choose another folder."
        )
    return folder


def build_module(config: TrainConfig, data: PointCloudData) -> VAEModule:
    """Return an untrained model with the data's normalization, ready for a trainer."""
    return VAEModule(
        build_model(config, data),
        config.objective(),
        config.kl_schedule(),
        learning_rate=config.learning_rate,
        cosine=config.cosine,
        seed=config.seed,
        shape_ids=data.splits.train.ids,
        fit=config.fit,
        prior_weight=config.prior_weight,
        local_points=config.local_points,
    )


def build_model(config: TrainConfig, data: PointCloudData) -> PointCloudVAE:
    """Return the model to train: new, or the one to start from, with a prior if there is to be one.

    Raises:
        FileNotFoundError: if the model to start from is not there.
        CheckpointError: if it is damaged.
    """
    if config.start_from is None:
        return PointCloudVAE(config.model_config(), data.normalization())
    start = checkpoints.load(config.start_from).train()
    if start.prior is not None or not config.prior:
        return start
    sizes = replace(start.config, prior=config.prior_config())
    model = PointCloudVAE(sizes, start.normalization)
    model.load_state_dict(start.state_dict(), strict=False)  # all but the prior, which is new
    return model


def build_trainer(
    config: TrainConfig, devices: dict[str, Any], folder: Path, extra: Sequence[Callback] = ()
) -> pl.Trainer:
    """Return a trainer that logs, saves a checkpoint after every epoch, and can be resumed."""
    return pl.Trainer(
        **devices,
        max_epochs=config.max_epochs,
        max_steps=config.max_steps,
        accumulate_grad_batches=config.accumulate,
        gradient_clip_val=config.gradient_clip or None,
        check_val_every_n_epoch=config.validate_every,
        precision=config.precision,
        callbacks=[*callbacks(config, folder), *extra],
        logger=[
            CSVLogger(folder, name="logs"),
            TensorBoardLogger(folder, name="tensorboard"),
        ],
        log_every_n_steps=10,
        enable_progress_bar=config.progress,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        default_root_dir=folder,
    )


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


def find_checkpoint(path: Path) -> Path:
    """Return the checkpoint that `--resume` means: a file, or last.ckpt in a run's folder.

    Raises:
        FileNotFoundError: if there is none.
    """
    path = Path(path)
    checkpoint = path / LAST if path.is_dir() else path
    if not checkpoint.is_file():
        raise FileNotFoundError(
            f"--resume {path}: no checkpoint at {checkpoint}. Expected the folder of a run that "
            f"finished at least one epoch, or its {LAST}."
        )
    return checkpoint


def settings(config: TrainConfig) -> dict[str, Any]:
    """Return the settings as JSON can hold them."""
    return {k: str(v) if isinstance(v, Path) else v for k, v in asdict(config).items()}


def read_settings(resume: Path) -> dict[str, Any]:
    """Return the settings of the run that a checkpoint belongs to."""
    path = find_checkpoint(resume).parent / SETTINGS
    if not path.is_file():
        return {}
    known = {f.name for f in fields(TrainConfig)}
    return {k: v for k, v in json.loads(path.read_text()).items() if k in known}


def save_model(trainer: pl.Trainer, module: VAEModule, config: TrainConfig, path: Path) -> Path:
    """Write the finished model with a note of how it was made."""
    metrics = {name: round(value.item(), 6) for name, value in trainer.callback_metrics.items()}
    notes = {"train": settings(config), "steps": trainer.global_step, "metrics": metrics}
    return checkpoints.save(module.model, path, notes) if trainer.is_global_zero else path
