"""LION's released checkpoints: opened without running anything that is in them.

A file of torch's is a pickle, and a pickle names functions to be called. LION's all-category files
name the class of their configuration, so that `torch.load(weights_only=True)` refuses them. Here
only what rebuilds tensors is ever called; every other name becomes an empty thing.
"""

import pickle
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from pcvae.models.lion.vae import SIZES, LionConfig, LionVAE
from pcvae.models.normalization import Normalization

WRAPPED = ("model.module.", "module.")  # what models that were wrapped put before each name
HOLDERS = ("model", "vae_state_dict", "model_state")  # where a file has the weights of the VAE


class LionFileError(ValueError):
    """A file is not a checkpoint of LION's, or is damaged."""


class Inert(dict):
    """What stands for everything in a file that is not a tensor."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        """Take whatever the class that it stands for would have taken."""
        super().__init__()

    def __setstate__(self, state: object) -> None:
        """Ignore it."""

    def append(self, value: object) -> None:
        """Ignore it."""

    def extend(self, values: object) -> None:
        """Ignore them."""


class Rebuild:
    """What makes a tensor of its parts; a file cannot set anything on it, as on a function."""

    __slots__ = ()

    def __call__(self, *parts: Any) -> Tensor:
        """Return the tensor."""
        return torch._utils._rebuild_tensor_v2(*parts)


class Unpickler(pickle.Unpickler):
    """Finds nothing but what tensors and their containers are made of."""

    def find_class(self, module: str, name: str) -> Any:
        """Return what a name stands for; an inert class for all that is not on the list."""
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return Rebuild()
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module in ("torch", "torch.storage") and name.endswith("Storage"):
            return getattr(torch, name, None) or getattr(torch.storage, name, Inert)
        return Inert


INERT_PICKLE = SimpleNamespace(
    __name__="pickle", Unpickler=Unpickler, load=lambda f, **kwargs: Unpickler(f, **kwargs).load()
)


def open_lion(path: str | Path, normalization: Normalization | None = None) -> LionVAE:
    """Open the first stage of a checkpoint that LION's own code wrote.

    Args:
        path: vae_only.pt, model.pt (VAE and priors, of which only the VAE is taken), or a file of
            the all-category model.
        normalization: of the data that it was trained on, which stands in none of these files: see
            `normalization_of` for the numbers that LION's evaluation data bring. By default clouds
            are in model units already.

    Returns:
        The model on the CPU, in evaluation mode.

    Raises:
        FileNotFoundError: if there is no such file.
        LionFileError: if it is cut short, damaged or of another kind, or weights are missing.
    """
    path = Path(path).expanduser()
    weights = _weights(path, _read(path))
    normalization = normalization or Normalization()
    config = replace(_config(path, weights), normalization=normalization.mode)
    model = LionVAE(config, normalization)
    expected = model.state_dict()
    _compare(path, weights, {name: tuple(w.shape) for name, w in expected.items()})
    model.load_state_dict({name: weights[name] for name in expected})
    return model.eval()


def normalization_of(path: str | Path) -> Normalization:
    """Return the normalization that a file of LION's evaluation data brings (`mean`, `std`).

    Raises:
        FileNotFoundError: if there is no such file.
        LionFileError: if it holds no such numbers.
    """
    path = Path(path).expanduser()
    found = _read(path)
    if not isinstance(found, Mapping) or not {"mean", "std"} <= set(found):
        raise LionFileError(f"{path}: expected LION's evaluation data, with 'mean' and 'std'.")
    mean, scale = (torch.as_tensor(found[name]).float().flatten() for name in ("mean", "std"))
    if len(mean) not in (1, 3) or len(scale.unique()) != 1 or not torch.isfinite(mean).all():
        raise LionFileError(
            f"{path}: expected a mean for each axis and one std, got {mean.tolist()} and "
            f"{scale.tolist()}."
        )
    return Normalization(mean.expand(3), scale[0].item())


def _read(path: Path) -> Any:
    """Return what a file of torch's holds, everything but tensors replaced by inert things."""
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    try:
        if not _is_program(path):
            return torch.load(
                path, map_location="cpu", pickle_module=INERT_PICKLE, weights_only=False
            )
    except Exception as error:  # what is wrong in a foreign file, torch tells of in many ways
        raise LionFileError(
            f"{path} cannot be read: it is cut short, damaged or of another kind. Expected a "
            "checkpoint of LION's, such as vae_only.pt or model.pt."
        ) from error
    raise LionFileError(
        f"{path} is a TorchScript program, which would be run; expected a checkpoint of LION's, "
        "such as vae_only.pt or model.pt."
    )


def _is_program(path: Path) -> bool:
    """Tell whether `torch.load` would take a file for TorchScript and run what is in it."""
    try:
        records = torch._C.PyTorchFileReader(str(path)).get_all_records()
    except RuntimeError:  # no archive, but perhaps a file of the older kind
        return False
    return "constants.pkl" in records


def _weights(path: Path, found: Any) -> dict[str, Tensor]:
    """Return the VAE's weights under LION's names."""
    if isinstance(found, Mapping):
        for name in HOLDERS:
            if isinstance(found.get(name), Mapping):
                found = found[name]
                break
    named = {
        _unwrapped(name): value
        for name, value in (found.items() if isinstance(found, Mapping) else ())
        if isinstance(name, str) and isinstance(value, Tensor)
    }
    if "style_encoder.mlp.weight" not in named:
        raise LionFileError(
            f"{path}: expected the weights of LION's VAE under one of {', '.join(HOLDERS)}, with "
            f"names like style_encoder.mlp.weight; found {', '.join(sorted(named)[:3]) or 'none'}."
        )
    return named


def _unwrapped(name: str) -> str:
    for wrapped in WRAPPED:
        name = name.removeprefix(wrapped)
    return name


def _config(path: Path, weights: Mapping[str, Tensor]) -> LionConfig:
    """Return the size of LION's network that these weights are of."""
    width = weights["style_encoder.mlp.weight"].shape
    for config in SIZES.values():
        if tuple(width) == (2 * config.style_dim, config.style_levels[-1].mlp[-1]):
            return config
    raise LionFileError(
        f"{path}: style_encoder.mlp.weight is {tuple(width)}, of another network than LION's."
    )


def _compare(
    path: Path, weights: Mapping[str, Tensor], expected: Mapping[str, tuple[int, ...]]
) -> None:
    """Refuse weights that are missing, too many, of another shape or not finite."""
    missing = [name for name in expected if name not in weights]
    more = [name for name in weights if name not in expected]
    if missing or more:
        what, names = ("lacks", missing) if missing else ("has unknown", more)
        raise LionFileError(
            f"{path} {what} {len(names)} of {len(expected)} weights, such as {names[0]}."
        )
    for name, shape in expected.items():
        found = tuple(weights[name].shape)
        if found != shape:
            raise LionFileError(f"{path}: {name} is {found}, expected {shape}.")
        if not torch.isfinite(weights[name]).all():
            raise LionFileError(f"{path}: {name} holds NaN or infinity.")
