"""Checks of chapter 05: adaptive norms, the decoder, the swap test, a layer of one's own."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pcvae.diagnostics import swap_test
from pcvae.exercises.comparing import Wrong, compare, expect, numbers
from pcvae.exercises.open_tasks import SEEDS, beside, fit, small_chairs, small_vae
from pcvae.exercises.registry import exercise
from pcvae.models import DiagonalGaussian, Encoding
from pcvae.models.layers import EPSILON, NUM_GROUPS, AdaIN
from pcvae.objective import Objective

SKIP_WEIGHT = 0.25


@exercise("05.1", "Adaptive instance norm", difficulty=2, importance=5, minutes=10)
def check_adain(answer: Callable) -> None:
    """Compare on features far from mean 0 and standard deviation 1."""
    features, scale, shift = _features()
    got = _called(answer, features, scale, shift)
    compare(
        got,
        scale * _normalized(features, (1,)) + shift,
        {**_wrong_axes(features, scale, shift), **_wrong_formulas(features, scale, shift)},
        what="The output",
    )
    _check_one_point(answer, features[:, :1], scale, shift)
    _check_epsilon(answer, 1e-4 * features, scale, shift)


def _check_epsilon(answer: Callable, quiet: Tensor, scale: Tensor, shift: Tensor) -> None:
    """Compare where the variance is so small that epsilon decides."""
    centered = quiet - quiet.mean(dim=1, keepdim=True)
    outside = centered / (quiet.std(dim=1, keepdim=True, correction=0) + EPSILON)
    compare(
        answer(quiet.clone(), scale.clone(), shift.clone()),
        scale * _normalized(quiet, (1,)) + shift,
        {
            "Where the variance is small, yours differs: epsilon, 1e-5, belongs under the root.": (
                scale * outside + shift
            )
        },
        what="The output for features of hardly any spread",
    )


def _check_one_point(answer: Callable, features: Tensor, scale: Tensor, shift: Tensor) -> None:
    """Expect finite numbers where the variance is 0."""
    try:
        lone = answer(features.clone(), scale.clone(), shift.clone())
    except ValueError as error:  # what torch's own instance norm raises
        raise Wrong(
            "Right for these clouds, but a cloud of one point stops it: PyTorch's `instance_norm` "
            "refuses what has no spread. Write the formula; its epsilon takes care of that."
        ) from error
    expect(
        torch.isfinite(torch.as_tensor(lone)).all(),
        "A cloud of one point becomes NaN: its variance is 0. Add epsilon, 1e-5, under the root.",
    )


def _wrong_axes(features: Tensor, scale: Tensor, shift: Tensor) -> dict[str, Tensor]:
    def over(*dims: int) -> Tensor:
        return scale * _normalized(features, dims) + shift

    return {
        "You normalized over the channels of each point, `dim=2`: that is layer norm. AdaIN takes "
        "each channel over the points of its shape.": over(2),
        "You normalized over the batch too, `dim=(0, 1)`: that is batch norm, and the shapes of a "
        "batch would leak into each other. Keep the batch axis out.": over(0, 1),
        "You took one mean and one variance for all channels. Each channel has its own.": over(
            1, 2
        ),
    }


def _wrong_formulas(features: Tensor, scale: Tensor, shift: Tensor) -> dict[str, Tensor]:
    variance, mean = torch.var_mean(features, dim=1, correction=0, keepdim=True)
    centered, sigma = features - mean, torch.sqrt(variance + EPSILON)
    right = centered / sigma
    unbiased = torch.sqrt(features.var(dim=1, keepdim=True) + EPSILON)
    return {
        "You divided by the variance. Divide by its square root, the standard deviation.": (
            scale * centered / (variance + EPSILON) + shift
        ),
        "Your variance divides by N - 1. Pass `correction=0`; otherwise a cloud of one point "
        "becomes NaN.": scale * centered / unbiased + shift,
        "You divided by the standard deviation without taking the mean away first.": (
            scale * features / sigma + shift
        ),
        "You took the mean away, but did not divide by the standard deviation.": (
            scale * centered + shift
        ),
        **_wrong_affine(right, scale, shift),
        "You did not normalize: the features' own mean and size are still there.": (
            scale * features + shift
        ),
        "You scaled by 1 + scale. Here the scale itself is near 1: the layer's bias says so.": (
            (1 + scale) * right + shift
        ),
    }


def _wrong_affine(right: Tensor, scale: Tensor, shift: Tensor) -> dict[str, Tensor]:
    """Return what becomes of normalized features if scale and shift are put back wrongly."""
    return {
        "You shifted before you scaled: the shift is scaled as well. It comes last.": (
            scale * (right + shift)
        ),
        "The shift is missing.": scale * right,
        "The scale is missing.": right + shift,
        "You did not put back scale and shift.": right,
        "You took the scale for the shift, and the shift for the scale.": shift * right + scale,
    }


def _features() -> tuple[Tensor, Tensor, Tensor]:
    """Return features (2, 12, 16) with statistics of their own, a scale and a shift (2, 1, 16)."""
    generator = torch.Generator().manual_seed(5)
    size = torch.rand(2, 1, 16, generator=generator) + 0.6
    place = 2 * torch.randn(2, 1, 16, generator=generator)
    features = torch.randn(2, 12, 16, generator=generator) * size + place
    scale = 1 + 0.3 * torch.randn(2, 1, 16, generator=generator)
    return features, scale, torch.randn(2, 1, 16, generator=generator)


def _called(answer: Callable, features: Tensor, scale: Tensor, shift: Tensor) -> object:
    """Return what the answer makes of copies, of the shape of the features."""
    value = answer(features.clone(), scale.clone(), shift.clone())
    return numbers(
        value,
        tuple(features.shape),
        what="The output",
        shapes={(*features.shape[:2], 8, 2): "Bring the groups together again with `flatten(2)`."},
    )


def _normalized(features: Tensor, dims: tuple[int, ...]) -> Tensor:
    variance, mean = torch.var_mean(features, dim=dims, correction=0, keepdim=True)
    return (features - mean) / torch.sqrt(variance + EPSILON)


@exercise("05.2", "Adaptive group norm", difficulty=3, importance=3, minutes=15)
def check_adagn(answer: Callable) -> None:
    """Compare with torch's group norm."""
    features, scale, shift = _features()
    got = _called(answer, features, scale, shift)
    right = _grouped(features, NUM_GROUPS)
    wrong = _wrong_groups(features) | _wrong_spread(features)
    mistakes = {k: scale * v + shift for k, v in wrong.items()}
    compare(
        got, scale * right + shift, _wrong_affine(right, scale, shift) | mistakes, what="The output"
    )
    compare(
        numbers(answer(features.clone(), scale, shift, 4), what="The output for 4 groups"),
        scale * _grouped(features, 4) + shift,
        {"Right for 8 groups, but for 4 groups, too, you took 8. Use `groups`.": got},
        what="The output for 4 groups",
    )


def _wrong_groups(features: Tensor) -> dict[str, Tensor]:
    """Return what is normalized if the wrong numbers share mean and variance."""
    grouped = features.unflatten(-1, (NUM_GROUPS, -1))
    strided = features.unflatten(-1, (-1, NUM_GROUPS))
    return {
        "You normalized each channel by itself: that is AdaIN. The channels of a group share mean "
        "and variance.": _normalized(features, (1,)),
        "You normalized over all channels at once, as if there were one group.": (
            _normalized(features, (1, 2))
        ),
        "You normalized each point by itself. The statistics go over the points, too: "
        "`dim=(1, 3)`.": _normalized(grouped, (3,)).flatten(2),
        "Your groups have 8 channels; there should be 8 groups. `unflatten(-1, (groups, -1))` puts "
        "the groups first.": _grouped(features, features.shape[-1] // NUM_GROUPS),
        "Your groups are made of channels far apart (0 and 8, 1 and 9, ...). Neighbors belong "
        "together.": _normalized(strided, (1, 2)).flatten(2),
        "The batch axis is in your statistics: shapes of a batch would leak into each other.": (
            _normalized(grouped, (0, 1, 3)).flatten(2)
        ),
        "Your statistics go over the groups, `dim=(1, 2)`, and not over the channels inside one: "
        "`dim=(1, 3)`.": _normalized(grouped, (1, 2)).flatten(2),
    }


def _wrong_spread(features: Tensor) -> dict[str, Tensor]:
    """Return what the right groups become under a wrong measure of their spread."""
    grouped = features.unflatten(-1, (NUM_GROUPS, -1))
    variance, mean = torch.var_mean(grouped, dim=(1, 3), correction=0, keepdim=True)
    unbiased = grouped.var(dim=(1, 3), keepdim=True)
    return {
        "You divided by the variance. Divide by its square root, the standard deviation.": (
            ((grouped - mean) / (variance + EPSILON)).flatten(2)
        ),
        "Your variance divides by the count minus 1. Pass `correction=0`.": (
            ((grouped - mean) / torch.sqrt(unbiased + EPSILON)).flatten(2)
        ),
        "You took the mean away, but did not divide by the standard deviation.": (
            (grouped - mean).flatten(2)
        ),
    }


def _grouped(features: Tensor, groups: int) -> Tensor:
    return F.group_norm(features.mT, groups, eps=EPSILON).mT


@exercise("05.3", "The decoder", difficulty=1, importance=4, minutes=5)
def check_decode(answer: Callable) -> None:
    """Compare on a small network whose output depends on everything that it gets."""
    generator = torch.Generator().manual_seed(6)
    latents = torch.randn(2, 7, 5, generator=generator)
    style = torch.randn(2, 3, generator=generator)
    mixing = torch.randn(5, 3, generator=generator)

    def network(latents: Tensor, style: Tensor) -> Tensor:
        expect(latents.ndim == 3 and style.ndim == 2, "The network takes h first, then z as it is.")
        expect(
            latents.shape[-1] <= 5,
            "Your network got more than h. z is its second argument: the network joins them.",
        )
        expect(
            latents.shape[-1] == 5,
            "Your network got only a part of h. Give it all of it: the feature channels are for "
            "the network.",
        )
        return torch.tanh(latents @ mixing) + style[:, None]

    said, xyz = network(latents, style), latents[..., :3]
    got = numbers(
        answer(network, latents.clone(), style.clone(), SKIP_WEIGHT),
        (2, 7, 3),
        what="The cloud",
        shapes={(2, 7, 5): "Points have three coordinates: take the first three numbers of h."},
    )
    compare(
        got,
        xyz + SKIP_WEIGHT * said,
        {
            "You left out the skip weight: the network moves points by all that it says.": xyz
            + said,
            "You left out h_xyz: the decoder should start from there and move points a little.": (
                SKIP_WEIGHT * said
            ),
            "You weighted h_xyz by the skip weight. It belongs to what the network says.": (
                SKIP_WEIGHT * xyz + said
            ),
            "You mixed h_xyz and the network's output like (1 - s) and s. h_xyz keeps its full "
            "weight.": (1 - SKIP_WEIGHT) * xyz + SKIP_WEIGHT * said,
            "You took the last three numbers of h. The coordinates are the first three.": (
                latents[..., -3:] + SKIP_WEIGHT * said
            ),
            "You returned what the network says, and nothing else. It says by how much to *move* "
            "the points of h_xyz.": said,
            "You wrote 0.01 into the formula. Use `skip_weight`: models have other ones, too.": (
                xyz + 0.01 * said
            ),
            "You returned h_xyz as it is. The network has no say.": xyz,
            "You subtracted what the network says.": xyz - SKIP_WEIGHT * said,
        },
        what="The cloud",
    )


class Toy:
    """A model whose decoder stretches h by z, so that every mistake shows in the displacement."""

    def encode(self, x: Tensor) -> Encoding:
        """Return posteriors that are far from noise-free."""
        mean = x.mean(dim=1)[:, :2]  # (B, 2)
        h = torch.cat([x, x[..., :1]], dim=-1)
        return Encoding(
            DiagonalGaussian(mean, torch.zeros_like(mean)), DiagonalGaussian(h, torch.zeros_like(h))
        )

    def decode(self, h: Any, z: Any) -> Tensor:  # whatever the reader gives it
        """Scale by the first number of z and shift by the second."""
        expect(
            isinstance(h, Tensor) and isinstance(z, Tensor),
            "`model.decode` takes tensors, but got a whole posterior. Give it the `.mean`.",
        )
        expect(h.ndim == 3 and z.ndim == 2, "`model.decode` takes h first, then z.")
        return h[..., :3] * (1 + z[:, None, :1]) + z[:, None, 1:]


@exercise("05.4", "The swap test", difficulty=3, importance=5, minutes=15)
def check_swap(answer: Callable) -> None:
    """Compare on a model that uses both latents."""
    generator = torch.Generator().manual_seed(7)
    offset = torch.tensor([[0.0, 0.0, 0.0], [1.0, -0.5, 0.0], [3.0, 0.7, 0.0]])[:, None]
    x, model = torch.randn(3, 40, 3, generator=generator) + offset, Toy()
    got = numbers(answer(model, x.clone()), what="The displacement")
    again = numbers(answer(model, x.clone()), what="The displacement")
    expect(
        np.array_equal(got, again),
        "Two calls gave different numbers. Did you draw samples? Swap the means: sampled noise "
        "moves points by itself.",
    )
    expect(
        got.shape == (),
        f"One number was asked for, the mean over all points and shapes; yours has shape "
        f"{got.shape}.",
    )
    right = mean_norm(_moved(model, x, lambda z: z.roll(-1, 0)))
    compare(got, right, _wrong_swaps(model, x) | _wrong_lengths(model, x), what="The displacement")


def _moved(
    model: Toy,
    x: Tensor,
    of_z: Callable[[Tensor], Tensor] = lambda z: z,
    of_h: Callable[[Tensor], Tensor] = lambda h: h,
) -> Tensor:
    """Return how points move, (B, N, 3), if z and h are changed by these functions."""
    encoding = model.encode(x)
    z, h = encoding.style.mean, encoding.points.mean
    return model.decode(of_h(h), of_z(z)) - model.decode(h, z)


def mean_norm(moved: Tensor) -> Tensor:
    """Return the mean length of displacements."""
    return moved.norm(dim=-1).mean()


def _wrong_swaps(model: Toy, x: Tensor) -> dict[str, Tensor]:
    def following(latent: Tensor) -> Tensor:
        return latent.roll(-1, 0)

    encoding = model.encode(x)
    latents = encoding.points.mean, encoding.style.mean
    decoded = model.decode(latents[0], following(latents[1]))
    return {
        "You swapped h. Hold h, and swap z.": mean_norm(_moved(model, x, of_h=following)),
        "You swapped both latents. Then all of the shape is another; hold h.": mean_norm(
            _moved(model, x, following, following)
        ),
        "You took z of the shape before. The next one is `roll(-1, dims=0)`.": mean_norm(
            _moved(model, x, lambda z: z.roll(1, 0))
        ),
        "You rolled z along its own numbers. Pass `dims=0`: the shapes change places.": mean_norm(
            _moved(model, x, lambda z: z.roll(-1))
        ),
        "You rolled z along `dims=1`, its own numbers. The shapes should change places.": mean_norm(
            _moved(model, x, lambda z: z.roll(-1, 1))
        ),
        "You compared with the input x. Compare with what the shape's own z decodes to: the "
        "question is what z did, not how good the model is.": mean_norm(decoded - x),
        "You compared with the donor's own h and z. Compare with the same h under its own z.": (
            mean_norm(decoded - model.decode(*(following(latent) for latent in latents)))
        ),
        "You turned the batch round. Give each shape the z of the next: `roll(-1, dims=0)`.": (
            mean_norm(_moved(model, x, lambda z: z.flip(0)))
        ),
        "Points do not move at all. Did you decode twice with the same z?": torch.tensor(0.0),
    }


def _wrong_lengths(model: Toy, x: Tensor) -> dict[str, Tensor]:
    """Return other numbers that one can make of the right displacements."""
    moved = _moved(model, x, lambda z: z.roll(-1, 0))
    return {
        "You took the mean of absolute differences of coordinates. A point's displacement is the "
        "norm over its three coordinates.": moved.abs().mean(),
        "You took squared distances. The displacement is the norm itself.": (
            moved.square().sum(dim=-1).mean()
        ),
        "You took the norm over everything. First a norm for each point (`dim=-1`), then the "
        "mean.": moved.norm(),
        "You took the norm along the points, `dim=1`. A point's displacement is the norm over its "
        "three coordinates, `dim=-1`.": moved.norm(dim=1).mean(),
        "You added up the displacements. Take their mean.": moved.norm(dim=-1).sum(),
        "You added up the absolute differences of the coordinates. A displacement is a straight "
        "line: the norm.": moved.abs().sum(dim=-1).mean(),
    }


# 05.5: a layer that beats AdaIN in a small race
CHANNELS, STYLE, RACE, MOST_WEIGHTS, AHEAD = 32, 16, 250, 5000, 0.15
BEATING = (0.635, 0.625, 0.637)  # the walk-through's, over the seeds


class _Block(nn.Module):
    """The chapter's block, with a layer of the reader's."""

    def __init__(self, kind: Callable[[int, int], nn.Module]) -> None:
        super().__init__()
        self.inner = nn.Linear(CHANNELS, CHANNELS, bias=False)
        self.norm = kind(CHANNELS, STYLE)
        self.outer = nn.Linear(CHANNELS, CHANNELS)

    def forward(self, features: Tensor, style: Tensor) -> Tensor:
        return features + self.outer(F.relu(self.norm(self.inner(features), style)))


class _Racer(nn.Module):
    """The chapter's decoder in small: two blocks, skip weight 1."""

    def __init__(self, kind: Callable[[int, int], nn.Module]) -> None:
        super().__init__()
        self.stem, self.head = nn.Linear(4, CHANNELS), nn.Linear(CHANNELS, 3)
        self.blocks = nn.ModuleList(_Block(kind) for _ in range(2))
        nn.init.normal_(self.head.weight, std=1e-3)
        nn.init.zeros_(self.head.bias)

    def forward(self, latents: Tensor, style: Tensor) -> Tensor:
        features = self.stem(latents)
        for block in self.blocks:
            features = block(features, style)
        return latents[..., :3] + self.head(F.relu(features))


@exercise("05.5", "Open task: beat AdaIN", difficulty=5, importance=3, minutes=45)
def check_layer(answer: Callable[[int, int], nn.Module]) -> str:
    """Try the layer by itself, then race it against AdaIN, seed by seed."""
    _check_manners(answer)
    adain, found = [race(AdaIN, seed) for seed in SEEDS], []
    for seed, opponent in zip(SEEDS, adain, strict=True):
        found.append(race(answer, seed))
        expect(
            found[-1] < opponent,
            f"Seed {seed}: with another's z, your shapes end {found[-1]:.3f} from the donor, those "
            f"of AdaIN {opponent:.3f}. Smaller is better.",
        )
    nearer = 1 - sum(found) / sum(adain)
    expect(
        nearer > AHEAD,
        f"Over the seeds your shapes end {nearer:.0%} nearer to the donor than AdaIN's. "
        f"{AHEAD:.0%} are asked for.",
    )
    theirs = ", ".join(f"{value:.3f}" for value in adain)
    return beside(f"Distance from the donor (AdaIN: {theirs})", found, BEATING)


@cache
def race(kind: Callable[[int, int], nn.Module], seed: int) -> float:
    """Train a small model with this layer; return how far from the donor a swapped z leads."""
    vae = small_vae(seed, skip_weight=1.0, sigma_offset=1.0)
    vae.decoder = _Racer(kind)
    torch.manual_seed(100 + seed)  # the same batches and the same noise for every layer
    objective = Objective("l1", "shape", style_weight=0.02)
    fit(vae, lambda x, _: objective(x, vae(x), 0.4), RACE, falling=True)
    return swap_test(vae, small_chairs()[1])["z"].to_donor


def _check_manners(answer: Callable[[int, int], nn.Module]) -> None:
    """Shapes, company, order, z and size, each with what is wrong."""
    layer = answer(CHANNELS, STYLE)
    expect(
        isinstance(layer, nn.Module),
        f"`{getattr(answer, '__name__', 'The answer')}({CHANNELS}, {STYLE})` should be an "
        f"`nn.Module`, but is of type `{type(layer).__name__}`.",
    )
    features, style = torch.randn(3, 24, CHANNELS), torch.randn(3, STYLE)
    with torch.no_grad():
        out = torch.as_tensor(layer(features.clone(), style.clone()))
        got = numbers(out, tuple(features.shape), "What your layer returns")
        alone = layer(features[:1].clone(), style[:1].clone())
        order = torch.randperm(24)
        mixed = layer(features[:, order], style)
        other = layer(features.clone(), style.roll(1, dims=0))
    expect(
        np.allclose(numbers(alone), got[:1], atol=1e-4),
        "A shape comes out differently alone and in a batch: some statistic is taken over the "
        "batch.",
    )
    expect(
        np.allclose(numbers(mixed), got[:, order], atol=1e-4),
        "Your layer minds the order of the points. Shuffled points must come out shuffled alike.",
    )
    expect(
        not np.allclose(numbers(other), got, atol=1e-4),
        "Another z changes nothing: your layer does not listen.",
    )
    count = sum(weight.numel() for weight in layer.parameters())
    expect(
        count <= MOST_WEIGHTS,
        f"Your layer has {count:,} weights. At most {MOST_WEIGHTS:,} are allowed (AdaIN has "
        "1,088): a larger network would win by its size.",
    )
