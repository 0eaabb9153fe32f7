"""What the values of a `TrainConfig` stand for: data, model, loss and schedule."""

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from pcvae import checkpoints
from pcvae.data.batches import Augmentation, PointCloudData
from pcvae.data.procedural import known_numbers
from pcvae.data.sources import open_splits
from pcvae.models import SIZES, LatentConfig, PointCloudVAE, PriorConfig, VAEConfig
from pcvae.objective import KLSchedule, Objective
from pcvae.training.config import TrainConfig
from pcvae.training.module import VAEModule


def open_data(config: TrainConfig) -> PointCloudData:
    """Return the batches.

    Raises:
        ValueError: if the data cannot be used.
        FileNotFoundError: if they are not there.
    """
    splits = open_splits(
        config.data,
        config.seed,
        categories=config.categories,
        num_points=config.num_points,
        num_shapes=config.num_shapes,
        up=config.up,
        strict=config.strict,
    )
    return PointCloudData(
        splits,
        num_points=config.num_points,
        batch_size=config.batch_size,
        seed=config.seed,
        replacement=config.replacement,
        shuffle=config.local_points > 0,  # local latents go to the first points
        augmentation=Augmentation(config.mirror, config.stretch, config.jitter),
        mode=config.normalization,
    )


def model_config(config: TrainConfig) -> LatentConfig:
    """Return what the model is built from."""
    kind = VAEConfig if config.backbone == "points" else LatentConfig
    settings = {field.name: getattr(config, field.name) for field in fields(kind)}
    if kind is VAEConfig:
        return VAEConfig(**settings | {"prior": _prior_config(config)})
    return replace(SIZES["small" if config.backbone.endswith("small") else "full"], **settings)


def _prior_config(config: TrainConfig) -> PriorConfig | None:
    """Return the sizes of the learned prior, if there is to be one."""
    return PriorConfig(width=config.prior_width, depth=config.prior_depth) if config.prior else None


def build_objective(config: TrainConfig) -> Objective:
    """Return the loss."""
    return Objective(config.error, config.reduction, config.style_kl_weight, config.free_bits)


def build_schedule(config: TrainConfig) -> KLSchedule:
    """Return the KL weight as a function of the step."""
    kind = config.schedule if config.anneal_kl else "constant"
    return KLSchedule(kind, start=min(1e-7, config.kl_weight), end=config.kl_weight)


def build_module(
    config: TrainConfig, data: PointCloudData, checkpoint: Path | None, kept: dict[str, Any]
) -> VAEModule:
    """Return a model with the data's normalization and its loss, ready for a trainer.

    Args:
        config: the settings.
        data: the batches.
        checkpoint: the file of the run to resume, if there is one.
        kept: what it holds.
    """
    return VAEModule(
        resumed_model(config, checkpoint, kept) if checkpoint else build_model(config, data),
        build_objective(config),
        build_schedule(config),
        learning_rate=config.learning_rate,
        cosine=config.cosine,
        seed=config.seed,
        shape_ids=data.splits.train.ids,
        fit=config.fit,
        prior_weight=config.prior_weight,
        local_points=config.local_points,
        known=known_numbers(data.splits.train) if config.factor_weight else None,
        factor_weight=config.factor_weight,
    )


def build_model(config: TrainConfig, data: PointCloudData | None) -> PointCloudVAE:
    """Return the model to train: new, or the one to start from, with a prior if there is to be one.

    Args:
        config: the settings.
        data: what a new model takes its normalization from.

    Raises:
        FileNotFoundError: if the model to start from is not there.
        CheckpointError: if it is damaged.
    """
    if config.start_from is None:
        return checkpoints.new_model(model_config(config), data.normalization())
    start = checkpoints.load(config.start_from).train()
    if start.prior is not None or not config.prior:
        return start
    if not isinstance(start.config, VAEConfig):
        raise ValueError(
            f"--prior true: {config.start_from} has LION's network, which has no learned prior. "
            "Leave --prior out."
        )
    sizes = replace(start.config, prior=_prior_config(config))
    model = PointCloudVAE(sizes, start.normalization)
    model.load_state_dict(start.state_dict(), strict=False)  # all but the prior, which is new
    return model


def trained_before(start_from: str | None) -> list[dict[str, Any]]:
    """Return the settings of the trainings that a model to start from went through, last first."""
    notes = checkpoints.notes(start_from) if start_from else {}
    return [notes["train"], *notes.get("before", [])] if "train" in notes else []


def resumed_model(config: TrainConfig, checkpoint: Path, kept: dict[str, Any]) -> PointCloudVAE:
    """Return a model that a checkpoint fits: the one that the run was begun with is not needed.

    Raises:
        CheckpointError: if the weights are of a model of another size.
        FileNotFoundError: if the checkpoint is an older one, which does not know its model's sizes,
            and the model that the run was begun with is not there.
    """
    if "model" in kept:
        sizes = checkpoints.read_config(kept["model"], checkpoint)
    elif config.start_from:
        sizes = build_model(config, None).config
    else:
        sizes = model_config(config)
    weights = {
        name.removeprefix("model."): value
        for name, value in kept["state_dict"].items()
        if name.startswith("model.")
    }
    checkpoints.check_sizes(checkpoint, weights, sizes)
    return checkpoints.new_model(sizes)
