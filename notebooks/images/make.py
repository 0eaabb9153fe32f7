"""Make the pictures of the notebooks anew: `python notebooks/images/make.py`, or some by name.

They show what the widgets show, to readers without a kernel. `film.py` films the explorer.
"""

import io
import sys
import tempfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image
from pytorch_lightning import Trainer
from pytorch_lightning.callbacks import Callback as Watcher

import pcvae
from pcvae import editing
from pcvae.data import CloudSet, generate, load_furniture
from pcvae.diagnostics import style_means
from pcvae.editing import fit_factors, measure, move_factors
from pcvae.figures import INK, as_png, cloud_grid, latent_planes
from pcvae.models import Normalization, VAEConfig
from pcvae.objective import KLSchedule, Objective, equilibrium_sigma
from pcvae.randomness import generator_for
from pcvae.sampling import noise_of_samples
from pcvae.shapes import families
from pcvae.toys import LinearVAE, random_side_views
from pcvae.training import RECIPES, TrainConfig, VAEModule, open_data, train

HERE = Path(__file__).resolve().parent
STILLS = HERE.parents[1] / "site" / "stills"
SHAPE = "Kator Legaz#dining-chair"  # the one that chapter 00 opens with
DONOR = "Blend Swap CC-0#sofa2"
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
    with torch.inference_mode():
        latent = model.normalization.inverse(state.h[:, :3]).numpy()
    clouds = [points, latent, *(editing.decode(model, edited) for edited in edits.values())]
    # A point has one color in all panels, that of the height of the input point it belongs to.
    colors = [points[:, 1]] * len(clouds)
    titles = ["input x", "latent points h_xyz", *edits]
    return cloud_grid(clouds, titles, colors=colors, columns=4)


def leg_height(model: pcvae.PointCloudVAE) -> Figure:
    """Return the picture of chapter 00: one chair, asked for three heights of its legs."""
    chairs, row = generate(["chair"], 300, 512, seed=5), 10
    fitted = fit_factors(style_means(model, chairs.points), chairs.factors, "chair")
    known = {name: float(chairs.factors[f"chair/{name}"][row]) for name in fitted.names}
    state, clouds = editing.encode(model, generate(["chair"], 11, 2048, seed=5).points[row]), {}
    for change in (-10, 0, 15):
        asked = known | {"leg_height": known["leg_height"] + change}
        cloud = editing.decode(model, move_factors(state, fitted, {"leg_height": change}))
        found = measure(fitted, cloud, asked)["leg_height"]
        clouds[f"asked {asked['leg_height']:.0f} cm, measured {found:.0f} cm"] = cloud
    heights = [cloud[:, 1] for cloud in clouds.values()]
    return cloud_grid(list(clouds.values()), list(clouds), heights, 3, panel_inches=2.6)


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


def adain_decoder(model: pcvae.PointCloudVAE, shapes: CloudSet) -> Figure:
    """Return the picture that opens chapter 05: z swapped where it lives, and where it is dead."""
    plain = pcvae.PointCloudVAE(normalization=model.normalization)
    train_by_lion(plain, torch.from_numpy(load_furniture("train").points[:, :256].copy()), 150)
    chosen = [shapes.points[shapes.ids.index(shape)] for shape in (SHAPE, DONOR)]
    clouds = []
    for one in (model, plain):
        own, donor = (editing.encode(one, points) for points in chosen)
        if one.prior is not None:
            own, donor = (editing.through_prior(one, state) for state in (own, donor))
        swapped = editing.with_style_of(own, donor)
        clouds += [*chosen, editing.decode(one, own), editing.decode(one, swapped)]
    titles = ["gives h", "gives z", "h with its own z", "h with the other's z"]
    height, other = (points[:, 1] for points in chosen)
    return cloud_grid(clouds, titles * 2, [height, other, height, height] * 2, 4, panel_inches=2.3)


def kl_annealing() -> Figure:
    """Return the picture that opens chapter 06: a loss that rises in a run that goes well."""
    points = torch.from_numpy(generate(["chair"], 512, 128).points)
    normalization = Normalization(points.mean(dim=(0, 1)), points.std().item())
    model = pcvae.PointCloudVAE(VAEConfig(style_dim=16), normalization)
    history = np.array(train_by_lion(model, points, 320))
    figure = Figure(figsize=(9, 3), dpi=120, layout="constrained")
    loss, noise = figure.subplots(1, 2)
    loss.plot(history[:, 0], color="black")
    loss.set(xlabel="step", title="loss")
    noise.plot(history[:, 2], color="tab:blue", label="standard deviation of h")
    noise.plot(history[:, 1], color="tab:orange", ls="-.", label="error of a coordinate")
    noise.axhline(equilibrium_sigma(0.5, 32), color="tab:blue", ls="--", lw=1)
    noise.set(xlabel="step", title="what h and the decoder do", ylim=(0, None))
    noise.legend(loc="lower right")
    return figure


def training() -> Figure:
    """Return the picture that opens chapter 07: a chair decoded from its z, during a small run."""
    with tempfile.TemporaryDirectory() as folder:
        config = TrainConfig(
            **RECIPES["one_shot"].settings
            | {"num_points": 256, "style_dim": 16, "learning_rate": 3e-3, "progress": False},
            data="procedural:chair",
            num_shapes=900,
            max_epochs=12,
            out=Path(folder),
        )
        points = open_data(config).splits.test.points[3]
        watching = Snapshots(points, (0, 20, 60, 150, 468))
        train(config, [watching])
    clouds = {**watching.clouds, "the chair itself": points}
    heights = [cloud[:, 1] for cloud in clouds.values()]
    return cloud_grid(list(clouds.values()), list(clouds), heights, len(clouds))


class Snapshots(Watcher):
    """Keeps what a shape's z decodes to at some steps of a run, with the same noise for h."""

    def __init__(self, points: np.ndarray, steps: tuple[int, ...]) -> None:
        self.points, self.steps = points, steps
        self.clouds: dict[str, np.ndarray] = {}

    def on_train_batch_start(self, trainer: Trainer, module: VAEModule, *_: object) -> None:
        """Look at the untrained model."""
        if trainer.global_step == 0:
            self._keep(0, module.model)

    def on_train_batch_end(self, trainer: Trainer, module: VAEModule, *_: object) -> None:
        """Look at the model after a step."""
        if trainer.global_step in self.steps:
            self._keep(trainer.global_step, module.model)

    @torch.no_grad()
    def _keep(self, step: int, model: pcvae.PointCloudVAE) -> None:
        z = model.encode_style(model.normalization(torch.from_numpy(self.points[None]))).mean
        noise = torch.randn(1, 2048, 4, generator=generator_for(0))
        decoded = model.normalization.inverse(model.decode(noise, z))
        self.clouds[f"step {step}"] = decoded[0].numpy()


def train_by_lion(
    model: pcvae.PointCloudVAE, points: torch.Tensor, steps: int
) -> list[tuple[float, float, float]]:
    """Train by LION's loss and schedule, 32 clouds a step; return loss, error and sigma of each."""
    torch.manual_seed(0)
    objective, schedule, found = Objective(reduction="batch"), KLSchedule(), []
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, betas=(0.9, 0.99))
    for step in range(steps):
        x = model.normalization(points[torch.randint(len(points), (32,))])
        output = model(x)
        terms = objective(x, output, schedule(step, steps))
        optimizer.zero_grad()
        terms.loss.backward()
        optimizer.step()
        error = terms.reconstruction.item() / x[0].numel()
        sigma = output.encoding.points.sigma[..., :3].mean().item()
        found.append((terms.loss.item(), error, sigma))
    model.eval()
    return found


# Boxes of the map, at (x, y), and the arrows between them: from box to box.
BOXES = {
    "cloud x\n(01)": (0, 0.8),
    "style encoder\n(03)": (1.6, 1.6),
    "z, one list\n(02, 08)": (3.2, 1.6),
    "point encoder\n(04)": (3.2, 0),
    "h, per point\n(04, 08)": (4.9, 0),
    "decoder\n(05)": (6.2, 0.8),
    "cloud again\n(07)": (7.6, 0.8),
    "learned prior\n(09)": (4.1, 0.8),
}
ARROWS = ((0, 1), (0, 3), (1, 2), (2, 3), (2, 5), (3, 4), (4, 5), (5, 6), (7, 2), (7, 4))


def course_map() -> Figure:
    """Return the map of chapter 00: the way of a shape through the model, and its chapters."""
    figure = Figure(figsize=(10, 3.5), dpi=120)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(-0.75, 8.35), ylim=(-0.85, 2.4))
    axes.axis("off")
    boxes = [_box(axes, name, place) for name, place in BOXES.items()]
    figure.draw_without_rendering()  # boxes have their sizes then, and arrows end at their edges
    for start, end in ARROWS:
        ends = {"patchA": boxes[start].get_bbox_patch(), "patchB": boxes[end].get_bbox_patch()}
        arrow = {"arrowstyle": "-|>", "color": INK, "shrinkA": 4, "shrinkB": 4, **ends}
        axes.annotate("", boxes[end].get_position(), boxes[start].get_position(), arrowprops=arrow)
    notes = {
        2.15: "what it learns from: loss and schedule (06), a whole run (07)",
        -0.7: "how good new shapes are (10), your own meshes (11), LION's own network (12)",
    }
    for height, note in notes.items():
        axes.text(3.8, height, note, ha="center", fontsize=10, color="#5b7fc7")
    return figure


def _box(axes: Axes, name: str, place: tuple[float, float]) -> Text:
    """Write a name in a box; latents have a color of their own."""
    fill = "#2a788e40" if name[0] in "zh" else "none"
    style = {"boxstyle": "round,pad=0.45", "fc": fill, "ec": "#2a788e"}
    return axes.text(*place, name, ha="center", va="center", bbox=style, fontsize=10)


WALK = (7, 1, 0, 2, 6)  # samples that the walk leads by: numbers of `pcvae.sample(..., seed=1)`
FRAMES = 8  # from one shape to the next


def walk(model: pcvae.PointCloudVAE, path: Path) -> None:
    """Write README's animation: a walk in the prior's noise from shape to shape and back."""
    style, points = noise_of_samples(model, range(40), 1024, seed=1)
    stops = [style[index] for index in WALK]
    pictures = []
    for start, end in pairwise([*stops, stops[0]]):
        for amount in np.linspace(0, 1, FRAMES, endpoint=False):
            noise = editing.slerp(start, end, float(amount))
            with torch.inference_mode():
                z = model.draw_style(noise[None])
                cloud = model.normalization.inverse(model.draw_points(points[:1], z))[0].numpy()
            pictures.append(_picture(cloud, points[0, :, 1].numpy()))
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=120, loop=0)


def _picture(cloud: np.ndarray, shade: np.ndarray) -> Image.Image:
    """Return one frame, every frame at the same scale."""
    figure = Figure(figsize=(3.2, 3.2), dpi=80)
    axes = figure.add_axes((0, 0, 1, 1), projection="3d", computed_zorder=False)
    x, y, z = cloud.T
    axes.scatter(z, x, y, s=4, c=shade, cmap="viridis", linewidths=0, vmin=-2, vmax=2.5)
    axes.set(xlim=(-0.8, 0.8), ylim=(-0.8, 0.8), zlim=(-0.8, 0.8), box_aspect=(1, 1, 1))
    axes.view_init(20, 35)
    axes.axis("off")
    page = io.BytesIO()
    figure.savefig(page, format="png")
    return Image.open(page).convert("P", palette=Image.Palette.ADAPTIVE, colors=64)


PICTURES: dict[str, Callable[[], Figure]] = {
    "map": course_map,
    "leg_height": lambda: leg_height(pcvae.load("shapes")),
    "start_here": lambda: start_here(pcvae.load("one_shot"), load_furniture("test")),
    "point_clouds": point_clouds,
    "latent_planes": toy_planes,
    "style_encoder": lambda: style_encoder(pcvae.load("one_shot"), load_furniture("test")),
    "point_encoder": lambda: point_encoder(load_furniture("test")),
    "adain_decoder": lambda: adain_decoder(pcvae.load("one_shot"), load_furniture("test")),
    "kl_annealing": kl_annealing,
    "training": training,
}

if __name__ == "__main__":
    for name in sys.argv[1:] or ["walk", "panel", *PICTURES]:
        if name == "walk":
            walk(pcvae.load("shapes"), HERE / "walk.gif")
        elif name == "panel":  # as the browser showed it to site/make_stills.py
            picture = Image.open(STILLS / "00-2-light.webp").quantize(96)
            picture.save(HERE / "panel.png", optimize=True)
        else:
            (HERE / f"{name}.png").write_bytes(as_png(PICTURES[name]()))
