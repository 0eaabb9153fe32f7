"""A model in one file: weights as safetensors, configuration as JSON in the same file's header."""

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from pcvae.files import atomic_path
from pcvae.models import PointCloudVAE, PriorConfig, VAEConfig

FORMAT = "pcvae-1"
SHIPPED = Path(__file__).resolve().parent.parent / "data" / "checkpoints"


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
    path = Path(path)
    metadata = {
        "format": FORMAT,
        "config": json.dumps(asdict(model.config), sort_keys=True),
        "notes": json.dumps(notes or {}, sort_keys=True),
    }
    weights = {name: tensor.cpu().contiguous() for name, tensor in model.state_dict().items()}
    with atomic_path(path) as temporary:
        save_file(weights, temporary, metadata)
    return path


def shipped() -> list[str]:
    """Return the names of the checkpoints that come with the course."""
    return sorted(path.stem for path in SHIPPED.glob("*.safetensors"))


def find(name: str | Path) -> Path:
    """Return the file that a name ("furniture") or a path stands for.

    Raises:
        FileNotFoundError: if there is none; the message lists the shipped names.
    """
    for path in (Path(name), SHIPPED / f"{name}.safetensors"):
        if path.is_file():
            return path
    names = ", ".join(shipped()) or "none here: is this a clone of the course?"
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
    model = PointCloudVAE(_config(path, metadata["config"]))
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise CheckpointError(
            f"The weights in {path} do not fit its configuration. {error}"
        ) from error
    return model.eval()


def notes(name: str | Path) -> dict[str, Any]:
    """Return what was remembered with a checkpoint, such as how it was trained."""
    return json.loads(_read(find(name))[0].get("notes", "{}"))


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


def _config(path: Path, text: str) -> VAEConfig:
    """Read a configuration, naming what this version of the package does not know."""
    stored = json.loads(text)
    unknown = set(stored) - {field.name for field in fields(VAEConfig)}
    if unknown:
        raise CheckpointError(
            f"{path} has settings that this version does not know: {', '.join(sorted(unknown))}. "
            "It comes from a newer version of the package."
        )
    if "style_widths" in stored:
        stored["style_widths"] = tuple(stored["style_widths"])
    if stored.get("prior"):
        stored["prior"] = PriorConfig(**stored["prior"])
    return VAEConfig(**stored)
