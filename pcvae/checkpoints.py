"""A model in one file: weights as safetensors, configuration as JSON in the same file's header."""

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from pcvae.files import atomic_path, shipped_folder
from pcvae.models import (
    Down,
    LatentConfig,
    LionConfig,
    LionVAE,
    Normalization,
    PointCloudVAE,
    PriorConfig,
    Up,
    VAEConfig,
)

FORMAT = "pcvae-1"
SHIPPED = shipped_folder() / "checkpoints"


class CheckpointError(ValueError):
    """A file is not a checkpoint of this package, or is damaged."""


def save(model: PointCloudVAE, path: Path, notes: dict[str, Any] | None = None) -> Path:
    """Write a model's weights, normalization and configuration to one file, or nothing at all.

    Args:
        model: what to save.
        path: where to, usually with the ending .safetensors; the folder is made.
        notes: what else to remember, such as the training configuration; must be JSON.

    Returns:
        The path.
    """
    path = Path(path).expanduser()
    metadata = {
        "format": FORMAT,
        "config": json.dumps(asdict(model.config), sort_keys=True),
        "notes": json.dumps(notes or {}, sort_keys=True),
    }
    weights = {name: tensor.cpu().contiguous() for name, tensor in model.state_dict().items()}
    with atomic_path(path) as temporary:
        try:
            save_file(weights, temporary, metadata)
        except SafetensorError as error:  # such as a full disk, which it tells of in its own way
            raise OSError(f"{path} could not be written: {error}") from error
    return path


def shipped() -> list[str]:
    """Return the names of the checkpoints that come with the course."""
    return sorted(path.stem for path in SHIPPED.glob("*.safetensors"))


def find(name: str | Path) -> Path:
    """Return the file that a name ("furniture") or a path stands for.

    Raises:
        FileNotFoundError: if there is none; the message lists the shipped names.
    """
    for path in (Path(name).expanduser(), SHIPPED / f"{name}.safetensors"):
        if path.is_file():
            return path
    names = ", ".join(shipped()) or "none here: is this a clone of the course, or its wheel?"
    raise FileNotFoundError(
        f"No checkpoint {str(name)!r}: it is neither a file nor one of the shipped ones ({names})."
    )


def load(name: str | Path) -> PointCloudVAE:
    """Open a shipped model by its name, or any model by its path.

    Args:
        name: such as "furniture", or a path to a .safetensors file that `pcvae train` wrote.

    Returns:
        The model on the CPU, in evaluation mode.

    Raises:
        FileNotFoundError: if there is no such file.
        CheckpointError: if the file is damaged, or is not one of this package's checkpoints.
    """
    path = find(name)
    metadata, weights = _read(path)
    if metadata.get("format") != FORMAT:
        raise CheckpointError(
            f"{path} was not written by this package: expected the format {FORMAT!r} in its "
            f"header, found {metadata.get('format')!r}. `pcvae train` writes such files."
        )
    config = read_config(_json(path, metadata.get("config")), path)
    check_sizes(path, weights, config)
    broken = sorted(name for name, weight in weights.items() if not weight.isfinite().all())
    if broken:
        raise CheckpointError(f"{path} has NaN or infinity among its weights, in {broken[0]}.")
    model = new_model(config)
    model.load_state_dict(weights)
    return model.eval()


def new_model(config: LatentConfig, normalization: Normalization | None = None) -> PointCloudVAE:
    """Return a model of the configuration's kind, with random weights."""
    kind = LionVAE if isinstance(config, LionConfig) else PointCloudVAE
    return kind(config, normalization)


def check_sizes(path: Path, weights: dict[str, torch.Tensor], config: LatentConfig) -> None:
    """Refuse weights that are of another model, before there is memory set aside for it.

    Args:
        path: the file they are from, for the message.
        weights: by name.
        config: what the model is built from.

    Raises:
        CheckpointError: which names the first weight that differs.
    """
    if config.blocks > len(weights):
        raise CheckpointError(
            f"{path} has {len(weights)} weights, too few for {config.blocks} blocks."
        )
    with torch.device("meta"):
        expected = new_model(config).state_dict()
    found, wanted = ({k: tuple(v.shape) for k, v in w.items()} for w in (weights, expected))
    for name in sorted(found.keys() | wanted.keys()):
        if found.get(name) != wanted.get(name):
            raise CheckpointError(
                f"The weights in {path} do not fit its configuration: {name} is "
                f"{found.get(name, 'missing')}, expected {wanted.get(name, 'none')}."
            )


def notes(name: str | Path) -> dict[str, Any]:
    """Return what was remembered with a checkpoint, such as how it was trained."""
    path = find(name)
    return _json(path, _read(path)[0].get("notes", "{}"))


def _json(path: Path, text: str | None) -> dict[str, Any]:
    """Return a part of the header, which is JSON in braces."""
    try:
        found = json.loads(text or "")
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise CheckpointError(f"{path} is damaged: its header holds no settings that can be read.")
    return found


def _read(path: Path) -> tuple[dict[str, str], dict[str, torch.Tensor]]:
    """Return header and weights of a safetensors file."""
    try:
        with safe_open(path, framework="pt") as file:
            return file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise CheckpointError(
            f"{path} cannot be read as safetensors: it is damaged, cut short or of another kind "
            f"({error}). A .ckpt file is for `pcvae train --resume`; the model to open lies "
            "beside it as model.safetensors."
        ) from error


def read_config(stored: dict[str, Any], path: Path) -> LatentConfig:
    """Return what a model is built from.

    Args:
        stored: `dataclasses.asdict` of it, as JSON gives it back.
        path: the file it is from, for the message.

    Raises:
        CheckpointError: if there are settings that this version does not know, or that cannot be.
    """
    kind = LionConfig if "downs" in stored else VAEConfig
    unknown = set(stored) - {field.name for field in fields(kind)}
    if unknown:
        raise CheckpointError(
            f"{path} has settings that this version does not know: {', '.join(sorted(unknown))}. "
            "It comes from a newer version of the package."
        )
    try:
        return kind(**{name: _part(name, value) for name, value in stored.items()})
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{path} has a configuration that cannot be: {error}") from error


PARTS = {"prior": PriorConfig, "style_levels": Down, "downs": Down, "ups": Up}


def _part(name: str, value: Any) -> Any:
    """Return a setting as the configuration holds it: tuples for lists, and its parts built."""
    if isinstance(value, list | tuple):
        return tuple(_part(name, one) for one in value)
    if isinstance(value, dict):
        return PARTS[name](**{key: _part(key, one) for key, one in value.items()})
    return value
