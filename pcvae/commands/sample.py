"""`pcvae sample`: new shapes from a model, as a file."""

from pathlib import Path

from pcvae import checkpoints, sampling
from pcvae.data.cloud_files import check_format, export_clouds
from pcvae.files import check_writable
from pcvae.sampling import Way


def sample(
    model: str,
    count: int = 64,
    points: int = 2048,
    out: Path = Path("shapes.npz"),
    seed: int = 0,
    way: Way = Way(),
    progress: bool = True,
) -> None:
    """Draw new shapes from a model and write them to a file.

    Args:
        model: a shipped model's name, such as shapes, or a .safetensors file.
        count: how many shapes.
        points: points of each.
        out: a .npz file with an array points (shapes, points, 3), or a .ply file, of which there
            will be one for each shape, numbered.
        seed: the same seed gives the same shapes.
        way: how the prior's flow of h is followed.
        progress: show a progress bar.
    """
    check_format(out)
    check_writable(out)
    opened = checkpoints.load(model)
    sampling.check_way(opened, way)
    clouds = sampling.sample(opened, count, points, seed=seed, way=way, progress=progress)
    written = export_clouds(clouds, out)
    print(f"The clouds are in {written[0]}" + (" and beside it" if written[1:] else ""))
