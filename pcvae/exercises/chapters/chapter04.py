"""Checks of chapter 04: the point encoder."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pcvae.exercises.comparing import Wrong, compare, expect, numbers
from pcvae.exercises.open_tasks import SEEDS, beside, fit, look
from pcvae.exercises.registry import exercise
from pcvae.models import DiagonalGaussian, Encoding, PointCloudVAE, Reconstruction, VAEConfig
from pcvae.objective import Objective, Terms, equilibrium_sigma


@exercise("04.1", "Back into the old order", difficulty=2, importance=3, minutes=10)
def check_restore_order(answer: Callable[[Tensor, Tensor], Any]) -> None:
    """Shuffle known latents, and have them put back."""
    h, order = torch.randn(2, 9, 4), torch.tensor([3, 0, 6, 1, 8, 2, 7, 5, 4])
    shuffled = h[:, order]
    mistakes = {
        "You shuffled once more. Undo it: row `order[i]` of the result is row i of the input.": (
            shuffled[:, order]
        ),
        "The rows are still in the shuffled order.": shuffled,
        "You reversed the rows. The order was another one.": shuffled.flip(1),
        "You sorted by a coordinate. The old order was not sorted by anything.": (
            shuffled.gather(1, shuffled[..., :1].argsort(dim=1).expand_as(shuffled))
        ),
        "Each channel was sorted by itself, which tears the latents of a point apart.": (
            shuffled.sort(dim=1).values
        ),
        "You used the reversed order. What undoes a permutation is its inverse.": (
            shuffled[:, order.flip(0)]
        ),
    }
    got = numbers(answer(shuffled.clone(), order.clone()), (2, 9, 4), "The result")
    compare(got, h, mistakes)


@exercise("04.2", "Near the identity on purpose", difficulty=2, importance=5, minutes=15)
def check_local_posterior(answer: Callable[..., Any]) -> None:
    """Two feature channels, so that nobody can rely on one; constants unlike the model's."""
    skip, offset = 0.1, 2.0
    out, points = torch.randn(2, 7, 10), torch.randn(2, 7, 3)
    result = answer(out.clone(), points.clone(), skip, offset)
    if not (isinstance(result, tuple | list) and len(result) == 2):
        raise Wrong("Return two tensors: `mean, log_sigma`.")
    shapes = {
        (2, 7, 3): "Keep the feature channels: 3 + 2 of them here.",
        (2, 7, 10): "Part the output first: one half is for the mean, the other for log sigma.",
    }
    names = ("The mean", "Log sigma")
    got = [numbers(part, (2, 7, 5), n, shapes) for part, n in zip(result, names, strict=True)]
    half, rest = out.chunk(2, dim=-1)
    _check_halves(got, (half, rest), points, skip, offset)
    mean = torch.cat([points + skip * half[..., :3], half[..., 3:]], -1)
    compare(got[0], mean, _wrong_means(half, points, skip), what="The mean")
    compare(got[1], rest - offset, _wrong_log_sigmas(rest, offset), what="Log sigma")


def _check_halves(
    got: list[np.ndarray], halves: tuple[Tensor, Tensor], points: Tensor, skip: float, offset: float
) -> None:
    """See whether the two halves have changed places."""
    half, rest = halves
    swapped = torch.cat([points + skip * rest[..., :3], rest[..., 3:]], -1)
    same = np.allclose(got[0], swapped, atol=1e-4) and np.allclose(got[1], half - offset, atol=1e-4)
    expect(not same, "The first half of the output is for the mean, the second for log sigma.")


def _wrong_means(half: Tensor, points: Tensor, skip: float) -> dict[str, Tensor]:
    """Return what known mistakes make of the first half of the output."""
    xyz, feat = half[..., :3], half[..., 3:]
    moved = points + skip * xyz
    coordinates = {
        "The point itself is missing: the mean of `h_xyz` is the point plus a small step.": (
            skip * xyz
        ),
        "The output is taken alone. Add a small part of it to the point.": xyz,
        "The skip weight is missing: the step is `skip_weight` times the output.": points + xyz,
        "That is a mixture. Keep the whole point: `points + skip_weight * out`.": (
            (1 - skip) * points + skip * xyz
        ),
        "The skip weight is at the wrong place: it goes with the output, not with the point.": (
            skip * points + xyz
        ),
        "The step has the wrong sign.": points - skip * xyz,
    }
    wrong = {message: torch.cat([value, feat], -1) for message, value in coordinates.items()}
    message = "The skip weight is for the coordinates only. Features are taken as they come."
    return {**wrong, message: torch.cat([moved, skip * feat], -1)}


def _wrong_log_sigmas(rest: Tensor, offset: float) -> dict[str, Tensor]:
    """Return what known mistakes make of the second half of the output."""
    only_xyz = torch.cat([rest[..., :3] - offset, rest[..., 3:]], -1)
    return {
        "The offset is taken away, so that sigma starts small. You add it.": rest + offset,
        "The offset is missing.": rest,
        "That is sigma. Return its logarithm: no `exp`.": (rest - offset).exp(),
        "The offset belongs to log sigma, not to sigma: subtract it before any `exp`.": (
            rest.exp() - offset
        ),
        "That is half of it, as for a log variance. Here it is a log standard deviation.": (
            0.5 * (rest - offset)
        ),
        "That is twice as much, a log variance. Here it is a log standard deviation.": (
            2 * (rest - offset)
        ),
        "The features need the offset as well as the coordinates.": only_xyz,
    }


@exercise("04.3", "See the latent points", difficulty=2, importance=3, minutes=15)
def check_latent_cloud(answer: Callable[..., Any]) -> None:
    """Sample, take the coordinates, bring them back to the units of the data."""
    mean, log_sigma, noise = torch.randn(8, 4), torch.randn(8, 4) - 1, torch.randn(8, 4)
    center, scale = torch.tensor([0.5, -1.0, 2.0]), 0.4
    shapes = {
        (8, 4): "Three channels are a place in space. Leave the feature out.",
        (8, 1): "That is the feature. The place is in the other channels.",
        (3, 4): "You took three points. Take three channels of each: `[:, :3]`.",
        (1, 8, 3): "There is no batch here: one shape comes in, one goes out.",
    }
    got = answer(mean.clone(), log_sigma.clone(), noise.clone(), center.clone(), scale)
    got = numbers(got, (8, 3), "The cloud", shapes)
    again = answer(mean.clone(), log_sigma.clone(), noise.clone(), center.clone(), scale)
    expect(
        np.allclose(got, numbers(again, what="The cloud")),
        "Two calls with the same noise gave different clouds. Use the noise that you are given.",
    )

    def shown(h: Tensor) -> Tensor:
        return h[:, :3] * scale + center

    h, sigma = mean + log_sigma.exp() * noise, log_sigma.exp()
    mistakes = {
        "You did not use the noise that you were given, or not its sign: the sample is mean + "
        "sigma * noise.": shown(mean - sigma * noise),
        "You added sigma itself. Multiply it by the noise.": shown(mean + sigma),
        "You added noise and sigma. The noise is *multiplied* by sigma.": shown(
            mean + sigma + noise
        ),
        "Mean and sigma have changed places.": shown(sigma + mean * noise),
        "You multiplied the mean by sigma, too. Only the noise is scaled.": shown(
            sigma * (mean + noise)
        ),
        "The mean is missing: that is noise around the center.": shown(sigma * noise),
        "You divided the noise by sigma: `exp(-log_sigma)`.": shown(mean + noise / sigma),
        "You brought the mean back to data units, but not the noise. Draw the sample first.": (
            shown(mean) + (sigma * noise)[:, :3]
        ),
        "You multiplied the noise by the scale squared. Draw the sample first, then undo the "
        "normalization once.": shown(mean + scale * sigma * noise),
        "Those are the means in the units of the model. Draw a sample, then undo the "
        "normalization.": mean[:, :3],
        "You divided by the scale. The normalization had divided; multiply.": h[:, :3] / scale
        + center,
        "You subtracted the center. The normalization had subtracted it; add it.": h[:, :3] * scale
        - center,
        "You subtracted the center first, then multiplied. Multiply by the scale, then add the "
        "center.": (h[:, :3] - center) * scale,
        "You divided by the scale and subtracted the center. Undo both: multiply, then add.": (
            h[:, :3] / scale - center
        ),
        "The place is in the first three channels; you left one of them out.": h[:, [0, 1, 3]]
        * scale
        + center,
        "Those are the last three channels. The place is in the first three.": (
            h[:, 1:] * scale + center
        ),
        "Those are the means. Draw a sample: add sigma times the noise.": shown(mean),
        "The noise has standard deviation 1. Multiply it by sigma.": shown(mean + noise),
        "You multiplied the noise by log sigma. Take `exp` first.": shown(mean + log_sigma * noise),
        "You took log sigma for a log variance: there is a 1/2 too many.": shown(
            mean + (0.5 * log_sigma).exp() * noise
        ),
        "That is the variance times the noise. It should be the standard deviation.": shown(
            mean + (2 * log_sigma).exp() * noise
        ),
        "That is in the units of the model. Undo the normalization.": h[:, :3],
        "The normalization is done once more instead of undone: multiply by the scale, then add "
        "the center.": (h[:, :3] - center) / scale,
        "First multiply by the scale, then add the center.": (h[:, :3] + center) * scale,
        "The center is missing.": h[:, :3] * scale,
        "The scale is missing.": h[:, :3] + center,
    }
    compare(got, shown(h), mistakes, what="The cloud")


@exercise("04.4", "How much noise pays", difficulty=4, importance=4, minutes=25)
def check_balance(answer: Callable[..., Any]) -> None:
    """Compare with the closed form at three settings."""
    settings = ((0.5, 1), (0.5, 32), (0.1, 2))
    got = [float(numbers(answer(w, r), (), "Sigma")) for w, r in settings]
    expect(min(got) > 0, "A standard deviation is positive: take the other root of the equation.")
    expected = [equilibrium_sigma(w, r) for w, r in settings]
    mistakes = {
        message: [_root(*coefficients(w, r)) for w, r in settings]
        for message, coefficients in _WRONG_EQUATIONS.items()
    }
    for message, wrong in _WRONG_ROOTS.items():
        mistakes[message] = [wrong(w, r * MEAN_ABSOLUTE) for w, r in settings]
    mistakes["That is the variance. Take the square root."] = [s * s for s in expected]
    mistakes["That is log sigma's place, not sigma: take `exp`."] = [math.log(s) for s in expected]
    cases = [f"a KL weight of {w} and {r} copies" for w, r in settings]
    compare(got, expected, mistakes, what="Sigma", cases=cases)


MEAN_ABSOLUTE = math.sqrt(2 / math.pi)  # of standard normal noise

# Of p s^2 + q s - r = 0, for a KL weight w that comes with R copies of the error.
_WRONG_EQUATIONS: dict[str, Callable[[float, int], tuple[float | int, ...]]] = {
    "The mean of |noise| is not 1 but `sqrt(2 / pi)`.": lambda w, r: (w, r, w),
    "It is `sqrt(2 / pi)`, not `sqrt(pi / 2)`: less than 1.": (
        lambda w, r: (w, r / MEAN_ABSOLUTE, w)
    ),
    "You used 2 / pi without the root.": lambda w, r: (w, r * MEAN_ABSOLUTE**2, w),
    "That is the balance of a squared error. Here it is the absolute one.": (
        lambda w, r: (w + 2 * r, 0, w)
    ),
    "The copies are missing: the error counts R times.": lambda w, r: (w, MEAN_ABSOLUTE, w),
    "The KL weight is missing.": lambda w, r: (1, r * MEAN_ABSOLUTE, 1),
    "The 1/2 before sigma squared is missing: its derivative is sigma, not 2 sigma.": (
        lambda w, r: (2 * w, r * MEAN_ABSOLUTE, w)
    ),
    "The copies are of the error, not of the KL.": lambda w, r: (w * r, MEAN_ABSOLUTE, w * r),
    "The weight stands at the KL, not at the error.": lambda w, r: (1, w * r * MEAN_ABSOLUTE, 1),
    "The term sigma squared of the KL is missing.": lambda w, r: (0, r * MEAN_ABSOLUTE, w),
}


def _root(p: float | int, q: float | int, r: float | int) -> float:
    """Return the positive root of p s^2 + q s - r = 0."""
    return 2 * r / (q + math.sqrt(q * q + 4 * p * r))


# Of w s^2 + a s - w = 0: what slips of the pen make of its positive root.
_WRONG_ROOTS: dict[str, Callable[[float, float], float]] = {
    "Your root has +a in front. In w s^2 + a s - w = 0 it is -a.": (
        lambda w, a: (a + math.sqrt(a * a + 4 * w * w)) / (2 * w)
    ),
    "Under the root it is a^2 + 4 w^2: minus four times the product of w and -w.": (
        lambda w, a: (-a + math.sqrt(a * a + 4 * w)) / (2 * w)
    ),
    "The 4 under the root is missing.": lambda w, a: (-a + math.sqrt(a * a + w * w)) / (2 * w),
    "You divided by w where the root formula divides by 2 w.": (
        lambda w, a: (-a + math.sqrt(a * a + 4 * w * w)) / w
    ),
    "You divided by 2 and forgot w, the coefficient of s squared.": (
        lambda w, a: (-a + math.sqrt(a * a + 4 * w * w)) / 2
    ),
    "You divided by 2 and multiplied by w. Python works from left to right: write `/ (2 * w)`.": (
        lambda w, a: (-a + math.sqrt(a * a + 4 * w * w)) / 2 * w
    ),
}


# 04.5: the whole model, from its three networks
STYLE, SKIP, OFFSET, STEPS = 16, 0.3, 1.5, 200
STIRRED = (0.27, 0.21, 0.25)  # how far z moves points in the walk-through, over the seeds
PARTS = ("style_encoder", "point_network", "decoder_network")


@exercise("04.5", "Open task: the whole hierarchical VAE", difficulty=4, importance=5, minutes=40)
def check_whole_vae(answer: Callable[..., nn.Module]) -> str:
    """Give the package's model the same weights and noise; then train, and do the swap test."""
    torch.manual_seed(0)
    mine = answer(STYLE, SKIP, OFFSET)
    _check_networks(mine)
    for network in (mine.point_network, mine.decoder_network):
        nn.init.normal_(network.head.weight, std=0.2)  # a fresh one would hide mistakes
    x = torch.randn(3, 20, 3)
    z_noise, h_noise = torch.randn(3, STYLE), torch.randn(3, 20, 4)
    with torch.no_grad():
        output = mine(x.clone(), z_noise.clone(), h_noise.clone())
    _check_output(output, transplanted(mine, SKIP, OFFSET), x, z_noise, h_noise)
    found = [stirred(answer, seed) for seed in SEEDS]
    return beside("The way that a swapped z moves points,", found, STIRRED)


def transplanted(mine: nn.Module, skip_weight: float, sigma_offset: float) -> PointCloudVAE:
    """Return the package's model with the reader's weights."""
    config = VAEConfig(style_dim=STYLE, skip_weight=skip_weight, sigma_offset=sigma_offset, **LEAST)
    vae = PointCloudVAE(config)
    vae.style_encoder.load_state_dict(mine.style_encoder.state_dict())
    vae.point_encoder.network.load_state_dict(mine.point_network.state_dict())
    vae.decoder.network.load_state_dict(mine.decoder_network.state_dict())
    return vae


LEAST = {"width": 32, "encoder_depth": 1, "decoder_depth": 2}


def _check_networks(mine: Any) -> None:
    """The three networks must be there, and of the sizes in the table."""
    expect(
        isinstance(mine, nn.Module),
        f"`WholeVAE({STYLE}, {SKIP}, {OFFSET})` should be an `nn.Module`, but is of type "
        f"`{type(mine).__name__}`.",
    )
    theirs = PointCloudVAE(VAEConfig(style_dim=STYLE, **LEAST))
    pairs = zip(
        PARTS,
        (theirs.style_encoder, theirs.point_encoder.network, theirs.decoder.network),
        strict=True,
    )
    for name, other in pairs:
        network = getattr(mine, name, None)
        expect(isinstance(network, nn.Module), f"There is no network `{name}`.")
        sizes, right = (
            {key: tuple(weight.shape) for key, weight in one.state_dict().items()}
            for one in (network, other)
        )
        off = [key for key in right if sizes.get(key) != right[key]]
        expect(
            not off and len(sizes) == len(right),
            f"`{name}` has other sizes than the table says"
            + (f": its `{off[0]}` is {sizes.get(off[0])}, not {right[off[0]]}." if off else "."),
        )


def _check_output(
    output: Any, theirs: PointCloudVAE, x: Tensor, z_noise: Tensor, h_noise: Tensor
) -> None:
    """Compare first q(z | x), then q(h | x, z), then the decoded points."""
    if not (isinstance(output, tuple | list) and len(output) == 3):
        raise Wrong("Return three things: decoded points, q(z|x) and q(h|x, z).")
    points, style, local = output
    for what, q in (("q(z|x)", style), ("q(h|x, z)", local)):
        known = hasattr(q, "mean") and hasattr(q, "log_sigma")
        expect(known, f"{what} should be a `DiagonalGaussian`, but is a `{type(q).__name__}`.")
    with torch.no_grad():
        right = theirs(x, z_noise, h_noise)
        wrong = _wrong_models(theirs, x, z_noise, h_noise)
    got = numbers(points, tuple(x.shape), "The decoded cloud")
    compare(style.mean, right.encoding.style.mean, what="The mean of z")
    for name in ("mean", "log_sigma"):
        expected = getattr(right.encoding.points, name)
        what = f"The {name.replace('_', ' ')} of h"
        value = numbers(getattr(local, name), tuple(expected.shape), what)
        mistakes = {text: getattr(q, name) for text, (q, _) in wrong.items() if q is not None}
        compare(value, expected, mistakes, what=what)
    mistakes = {text: cloud for text, (_, cloud) in wrong.items() if cloud is not None}
    compare(got, right.points, mistakes, what="The decoded cloud")


def _wrong_models(
    vae: PointCloudVAE, x: Tensor, z_noise: Tensor, h_noise: Tensor
) -> dict[str, tuple[DiagonalGaussian | None, Tensor | None]]:
    """Return what known mistakes make of q(h | x, z), and of the decoded points."""
    style = vae.encode_style(x)
    z = style.sample(z_noise)
    right = vae.encode_points(x, z)
    h = right.sample(h_noise)
    out, log_sigma = vae.point_encoder.network(x, z).chunk(2, dim=-1)
    moved = vae.decoder.network(h, z)
    spread = (2 * right.log_sigma).exp()
    wide = style.mean + (2 * style.log_sigma).exp() * z_noise

    def local(mean: Tensor | None = None, spread: Tensor | None = None) -> DiagonalGaussian:
        mean = right.mean if mean is None else mean
        return DiagonalGaussian(mean, right.log_sigma if spread is None else spread)

    return {
        "The point encoder gets the mean of z. It gets the z that was drawn.": (
            vae.encode_points(x, style.mean),
            None,
        ),
        "Your z is drawn with the variance in place of sigma.": (vae.encode_points(x, wide), None),
        "x is not added to the mean of h_xyz.": (
            local(torch.cat([SKIP * out[..., :3], out[..., 3:]], -1)),
            None,
        ),
        "The skip weight is missing in the mean of h_xyz.": (
            local(torch.cat([x + out[..., :3], out[..., 3:]], -1)),
            None,
        ),
        "The skip weight is on the feature, too. It belongs to the coordinates alone.": (
            local(torch.cat([x + SKIP * out[..., :3], SKIP * out[..., 3:]], -1)),
            None,
        ),
        "The sigma offset is added. Subtract it.": (local(spread=log_sigma + OFFSET), None),
        "The sigma offset is missing.": (local(spread=log_sigma), None),
        "The decoder gets the mean of h. It gets the h that was drawn.": (
            None,
            vae.decode(right.mean, z),
        ),
        "Your h is drawn with the variance in place of sigma.": (
            None,
            vae.decode(right.mean + spread * h_noise, z),
        ),
        "The decoder gets the mean of z. It gets the z that was drawn.": (
            None,
            vae.decode(h, style.mean),
        ),
        "The decoder starts from x. It must not see x: it starts from h_xyz.": (
            None,
            x + SKIP * moved,
        ),
        "h_xyz is not added to what the decoder's network says.": (None, SKIP * moved),
        "The decoder's network only says how far: the cloud is h_xyz + skip_weight * out.": (
            None,
            moved,
        ),
        "The skip weight is missing in the decoder.": (None, h[..., :3] + moved),
    }


def stirred(answer: Callable[..., nn.Module], seed: int) -> float:
    """Train the reader's model for a moment; return how far a swapped z moves points."""
    torch.manual_seed(seed)
    mine, objective = answer(STYLE, 1.0, 1.0), Objective("l1", "shape", style_weight=0.1)

    def loss(x: Tensor, _: int) -> Terms:
        z_noise, h_noise = torch.randn(len(x), STYLE), torch.randn(*x.shape[:2], 4)
        points, style, local = mine(x, z_noise, h_noise)
        return objective(x, Reconstruction(points, Encoding(style, local), z_noise, h_noise), 0.5)

    fit(mine, loss, STEPS)
    return look(transplanted(mine, 1.0, 1.0)).moved
