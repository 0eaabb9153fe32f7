"""`pcvae import-lion`: a checkpoint of LION's as a model of this package."""

from pathlib import Path
from typing import Literal

import torch

from pcvae import checkpoints
from pcvae.data.batches import fit_normalization
from pcvae.data.sources import open_splits
from pcvae.files import check_writable
from pcvae.models import Normalization
from pcvae.models.lion import normalization_of, open_lion

HOW = (
    "LION's files do not say in which units their model works. Give one of: --mean with --scale; "
    "--statistics with a file of LION's evaluation data, such as ref_val_chair.pt; --data with the "
    "training set; or, for the all-category model, --normalization box."
)


def import_lion(
    path: Path,
    out: Path = Path("lion.safetensors"),
    normalization: Literal["global", "shape", "box"] = "global",
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0),
    scale: float = 0.0,
    statistics: Path | None = None,
    data: str = "",
) -> None:
    """Write the first stage of a checkpoint of LION's as a model that every command opens.

    Args:
        path: vae_only.pt, model.pt, or a file of the all-category model.
        out: the .safetensors file to write.
        normalization: 'global', by the numbers that the other flags name; 'box' or 'shape', by each
            cloud's own.
        mean: of the training set, for each axis, such as 0,0.1,0; with --scale.
        scale: the standard deviation of the training set's coordinates.
        statistics: a file of LION's evaluation data, which brings both numbers.
        data: the training set, from which to take both: what --data names in `pcvae train`.
    """
    check_writable(out)
    given = sum([scale != 0, statistics is not None, bool(data)])
    if given != (normalization == "global"):
        raise ValueError(HOW if not given else f"--normalization {normalization}: {HOW}")
    if normalization != "global":
        found = Normalization(mode=normalization)
    elif statistics:
        found = normalization_of(statistics)
    elif data:
        found = fit_normalization(open_splits(data).train, "global")
    else:
        found = Normalization(torch.tensor(mean, dtype=torch.float32), scale)
    model = open_lion(path, found)
    print(f"The model is in {checkpoints.save(model, out, {'lion': Path(path).name})}")
