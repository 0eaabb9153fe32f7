"""A run's folder: its settings, its last checkpoint, and going on from there."""

import contextlib
import json
import logging
import pickle
import time
from collections.abc import Iterator
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from pytorch_lightning.utilities import rank_zero_only

from pcvae.models import VAEConfig
from pcvae.training.config import TrainConfig

logger = logging.getLogger(__name__)

LAST = "last.ckpt"
SETTINGS = "config.json"
LOCK = ".lock"

# A run stays where its folder is: neither of these is a setting to go on with.
PLACES = ("out", "resume")
# What a run was begun with and cannot go on without: sizes and constants of the model, which shapes
# are kept for testing, and what the optimizer's state belongs to.
FIXED = (
    *(field.name for field in fields(VAEConfig)),
    *("backbone", "prior_width", "prior_depth", "fit", "start_from", "seed", "categories"),
    *("num_shapes", "up", "cosine", "ema"),
)


def find_checkpoint(path: Path) -> Path:
    """Return the checkpoint that `--resume` means: a file, or last.ckpt in a run's folder.

    Raises:
        FileNotFoundError: if there is none.
    """
    path = Path(path).expanduser()
    checkpoint = path / LAST if path.is_dir() else path
    if not checkpoint.is_file():
        raise FileNotFoundError(
            f"--resume {path}: no checkpoint at {checkpoint}. Expected the folder of a run that "
            f"finished at least one epoch, or its {LAST}."
        )
    return checkpoint


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Return what a run's checkpoint holds.

    Raises:
        ValueError: if it is damaged, or a file of another kind.
    """
    if path.suffix == ".safetensors":
        raise ValueError(
            f"--resume {path} is a finished model. Begin a new run with it by --start_from {path}, "
            f"or give the folder of a run, where its {LAST} is."
        )
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as error:
        raise ValueError(
            f"--resume: {path} cannot be read: it is cut short, damaged or of another kind. "
            f"Give a copy of it that is whole; without one, train anew with another --out."
        ) from error
    if not isinstance(found, dict) or not {"state_dict", "schedule_steps", "epoch"} <= set(found):
        raise ValueError(
            f"--resume: {path} was not written by `pcvae train`. Expected the folder of a run, or "
            f"its {LAST}."
        )
    return found


def settings(config: TrainConfig) -> dict[str, Any]:
    """Return the settings as JSON can hold them, good in any working folder."""
    found = {name: value for name, value in asdict(config).items() if name not in PLACES}
    return found | {"data": _anywhere(config.data)}


def _anywhere(source: str) -> str:
    """Return what `--data` names as it is called from any working folder."""
    kind, _, rest = source.partition(":")
    if kind in ("furniture", "procedural"):
        return source
    path = Path(rest if kind == "shapenet" else source).expanduser()
    if not path.exists():
        return source
    return f"shapenet:{path.absolute()}" if kind == "shapenet" else str(path.absolute())


def read_settings(resume: Path) -> dict[str, Any]:
    """Return the settings of the run that a checkpoint belongs to, as far as they are known.

    Raises:
        FileNotFoundError: if there is no checkpoint.
        ValueError: if the settings are damaged.
    """
    path = find_checkpoint(resume).parent / SETTINGS
    if not path.is_file():
        return {}
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        stored = error
    if not isinstance(stored, dict):
        raise ValueError(
            f"--resume: {path} is damaged: expected the settings of the run in braces. Give a copy "
            "of it that is whole; or delete it and give all flags that the run was begun with."
        )
    unknown = stored.keys() - {field.name for field in fields(TrainConfig)}
    if unknown:
        raise ValueError(
            f"--resume: {path} has settings that this version does not know: "
            f"{', '.join(sorted(unknown))[:200]}. It is damaged, or of another version; if it is "
            "to go on without them, delete their lines."
        )
    return {name: value for name, value in stored.items() if name not in PLACES}


def check_same_run(config: TrainConfig, stored: dict[str, Any], kept: dict[str, Any]) -> None:
    """Refuse settings that a run cannot change on its way.

    Args:
        config: the settings to go on with.
        stored: those that the run was begun with.
        kept: its checkpoint.

    Raises:
        ValueError: which names the first of them.
    """
    lost = {field.name for field in fields(TrainConfig)}.difference(stored, PLACES)
    if lost:
        logger.warning(
            "--resume: there is no %s in %s; what no flag says is as in a new run.",
            ", ".join(sorted(lost)) if stored else "setting",
            SETTINGS,
        )
    model = kept.get("model", {}) | {"prior": stored.get("prior", config.prior)}
    if not config.start_from:
        check_one_run(stored, model)
        stored = stored | model  # config.json may be lost
    for name in FIXED:
        began, asked = (json.dumps(v) for v in (stored.get(name), getattr(config, name)))
        if name in stored and began != asked:
            raise ValueError(
                f"--{name} {asked}: the run to resume was begun with {began}, which cannot change. "
                f"Leave --{name} out, or begin a new run with its model by --start_from."
            )
    done = kept["epoch"] + 1
    if 0 <= config.max_epochs < done:
        raise ValueError(
            f"--max_epochs {config.max_epochs}: the run to resume has done {done} epochs. Give "
            f"{done} or more."
        )


def check_one_run(stored: dict[str, Any], model: dict[str, Any]) -> None:
    """Refuse a config.json that says other than the checkpoint beside it.

    Raises:
        ValueError: which names the first setting.
    """
    for name in FIXED:
        said, kept = (json.dumps(settings.get(name)) for settings in (stored, model))
        if name in stored.keys() & model.keys() and said != kept:
            raise ValueError(
                f"--resume: {SETTINGS} says {name} {said}, and {LAST} beside it {kept}: one of "
                "them is damaged, or of another run. Give the folder of one run, as it was left."
            )


def choose_folder(out: Path | None, checkpoint: Path | None) -> Path:
    """Return the run's folder: as asked for, the resumed run's, or a new one named by the time.

    Raises:
        ValueError: if the run would overwrite another one's checkpoint.
    """
    if out is None and checkpoint is not None:
        return checkpoint.parent
    folder = Path(out or Path("runs") / time.strftime("%Y-%m-%d-%H%M%S")).expanduser()
    last = folder / LAST
    if last.exists() and not (checkpoint and last.samefile(checkpoint)):
        raise ValueError(
            f"--out {folder} holds the checkpoint of another run. Go on with that run by --resume "
            f"{folder}, or choose another folder."
        )
    return folder


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Hold a run's folder for this process. A lock that a dead process left is no obstacle.

    Raises:
        ValueError: if another run holds it.
    """
    if rank_zero_only.rank:  # one process among several of the same run
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ValueError(
            f"Another run is training in {folder} at this moment. Wait until it has ended, or "
            "choose another folder with --out."
        ) from None
    try:
        yield
    finally:
        lock.release()


def what_is_kept(folder: Path | None) -> str:
    """Say how to go on from the last checkpoint, if there is one."""
    last = folder and folder / LAST
    if last is None or not last.is_file():
        return "No epoch was finished, so there is no checkpoint to go on from."
    return f"The last good checkpoint is kept: go on from it with --resume {last}"
