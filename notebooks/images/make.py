"""Make the pictures of the notebooks anew: `python notebooks/images/make.py`.

They show what the widgets show, to readers without a kernel. `explorer.png` alone is a screenshot,
a copy of what the browser test keeps as `artifacts/explorer.png`.
"""

from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure

import pcvae
from pcvae.data import CloudSet, load_furniture
from pcvae.diagnostics import style_means
from pcvae.explore import editing
from pcvae.figures import cloud_grid, edit_sheet, latent_planes
from pcvae.models import VAEConfig
from pcvae.randomness import generator_for
from pcvae.shapes import families
from pcvae.toys import LinearVAE, random_side_views

HERE = Path(__file__).resolve().parent
SHAPE = "Kator Legaz#dining-chair"  # the one that chapter 00 opens with
DECIDED = (SHAPE, "Scopia#plastic_chair", "Blend Swap CC-BY#table", "Scopia#smart-car")


def start_here(model: pcvae.PointCloudVAE, shapes: CloudSet, shape: str = SHAPE) -> Figure:
    """Return the picture that opens chapter 00: one shape, its latents, and edits of them."""
    points = shapes.points[shapes.ids.index(shape)]
    means = torch.from_numpy(style_means(model, shapes.points))
    directions = editing.principal_directions(means, 2)
    state = editing.encode(model, points)
    edits = {
        "decoded": state,
        "direction 1 of z: -2": editing.move_style(state, directions, [-2.0]),
        "direction 1 of z: +2": editing.move_style(state, directions, [2.0]),
        "direction 2 of z: +2": editing.move_style(state, directions, [0.0, 2.0]),
        "h is pure noise": editing.forget_input(state, 1.0),
    }
    decoded = {name: editing.decode(model, edited) for name, edited in edits.items()}
    with torch.inference_mode():
        latent = model.normalization.inverse(state.h[:, :3]).numpy()
    return edit_sheet(points, latent, decoded)


def point_clouds() -> Figure:
    """Return the picture that opens chapter 01: one chair with more and more points."""
    chair = families()["chair"]
    factors = {f.name: sum(f.bounds) / 2 for f in chair.factors if f.kind == "continuous"}
    choices = {"back_style": "slats", "num_slats": 4, "armrests": "none", "base": "legs"}
    surface, rng = chair.build(factors | choices), np.random.default_rng(0)
    counts = (64, 256, 1024, 4096)
    clouds = [surface.sample(count, rng).points[0] for count in counts]
    titles = [f"{count:,} points" for count in counts]
    return cloud_grid(clouds, titles, [cloud[:, 1] for cloud in clouds], 4, panel_inches=2.4)


def style_encoder(model: pcvae.PointCloudVAE, shapes: CloudSet) -> Figure:
    """Return the picture that opens chapter 03: shapes, and the points that win a maximum."""
    chosen = [shapes.points[shapes.ids.index(shape)] for shape in DECIDED]
    encoder, critical = model.style_encoder, []
    for points in chosen:
        x = model.normalization(torch.from_numpy(points)[None])
        with torch.inference_mode():
            features = encoder.widen(encoder.lift(x).relu()).relu()  # (1, N, C)
        most = features.amax(dim=1, keepdim=True)
        wins = ((features == most) & (most > 0)).any(dim=-1)  # (1, N)
        critical.append(points[wins[0].numpy()])
    clouds = [*chosen, *critical]
    titles = [f"{len(cloud):,} points" for cloud in clouds]
    return cloud_grid(clouds, titles, [cloud[:, 1] for cloud in clouds], len(chosen))


def point_encoder(shapes: CloudSet, shape: str = SHAPE) -> Figure:
    """Return the picture that opens chapter 04: latent points before training, by sigma offset."""
    points = torch.from_numpy(shapes.points[shapes.ids.index(shape)])
    scale, noise = points.std(), torch.randn(1, len(points), 4, generator=generator_for(0))
    clouds = {"input x": points}
    for offset in (6, 3, 1, 0):
        torch.manual_seed(0)
        model = pcvae.PointCloudVAE(VAEConfig(sigma_offset=float(offset)))
        with torch.inference_mode():
            posterior = model.encode(points[None] / scale).points
        clouds[f"sigma offset {offset}"] = posterior.sample(noise)[0, :, :3] * scale
    drawn = [cloud.numpy() for cloud in clouds.values()]
    return cloud_grid(drawn, list(clouds), [points[:, 1].numpy()] * 5)


def toy_planes() -> Figure:
    """Return the picture that opens chapter 02: the latent plane of a VAE for three betas."""
    views, _ = random_side_views(600, np.random.default_rng(0))
    data = views.reshape(600, 48)
    models = {f"beta = {beta}": LinearVAE.fit(data, 0.05, beta) for beta in (1, 100, 300)}
    return latent_planes(
        {title: (vae.decode, vae.encode(data[:60]), vae.sigma) for title, vae in models.items()}
    )


if __name__ == "__main__":
    start_here(pcvae.load("furniture"), load_furniture("test")).savefig(HERE / "start_here.png")
    point_clouds().savefig(HERE / "point_clouds.png")
    toy_planes().savefig(HERE / "latent_planes.png")
    style_encoder(pcvae.load("furniture"), load_furniture("test")).savefig(
        HERE / "style_encoder.png"
    )
    point_encoder(load_furniture("test")).savefig(HERE / "point_encoder.png")
