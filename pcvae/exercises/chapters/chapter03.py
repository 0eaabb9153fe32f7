"""Checks of chapter 03: the style encoder."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from pcvae.exercises.comparing import Wrong, compare, expect, numbers
from pcvae.exercises.registry import exercise
from pcvae.models import StyleEncoder


@exercise("03.1", "A test for the order", difficulty=2, importance=4, minutes=15)
def check_order_gap(answer: Callable[[Callable, Tensor], Any]) -> None:
    """Spy on what the answer encodes, then on what it makes of the results."""
    points = torch.randn(2, 16, 3)
    seen: list[Tensor] = []

    def spy(x: Tensor) -> Tensor:
        seen.append(x.detach().clone())
        return x[:, 5]

    gap = numbers(answer(spy, points.clone()), shape=(), what="The gap")
    _check_what_was_encoded(seen, points)
    expect(
        gap > 0,
        "An encoder that looks at one point only has the gap 0 by your test. Do you compare two "
        "different results?",
    )
    for difference in ([[0.0, 4.0], [3.0, 0.0]], [[0.0, -4.0], [-3.0, 0.0]]):
        _check_gap(answer, points, torch.tensor(difference))


def _check_what_was_encoded(seen: list[Tensor], points: Tensor) -> None:
    """The encoder must see each cloud twice: the same points, in two orders."""
    expect(len(seen) > 1, "Encode twice: the points as they are, and in another order.")
    shuffled = [x for x in seen if not torch.equal(x, points)]
    expect(len(shuffled) > 0, "The encoder got the same order each time. Use `torch.randperm`.")
    expect(len(shuffled) < len(seen), "Encode the points in the order they came in, too.")
    for x in shuffled:
        _check_shuffle(x, points)


def _check_shuffle(x: Tensor, points: Tensor) -> None:
    """Say what was shuffled, if it was not whole points within their cloud."""
    if x.shape != points.shape:
        raise Wrong(
            f"The encoder got a tensor of shape {tuple(x.shape)}; the points are of shape "
            f"{tuple(points.shape)}, and so they stay: `points[:, order]`."
        )
    if torch.equal(x, points.flip(1)):
        raise Wrong(
            "You turned the order around, and an encoder that treats both ends alike would pass. "
            "Draw a random order: `torch.randperm(N)`."
        )
    if any(torch.equal(x, points.roll(k, dims=1)) for k in range(1, points.shape[1])):
        raise Wrong(
            "You only moved the beginning: neighbors stay neighbors, and an encoder that looks at "
            "them would pass. Draw a random order: `torch.randperm(N)`."
        )
    if torch.equal(_in_order(x), _in_order(points)):
        return
    if torch.equal(x, points.flip(0)):
        raise Wrong("You shuffled the shapes, dimension 0. The points are dimension 1.")
    if torch.equal(x.sort(dim=2).values, points.sort(dim=2).values):
        raise Wrong("You shuffled x, y and z, dimension 2. The points are dimension 1.")
    if torch.equal(x.sort(dim=1).values, points.sort(dim=1).values):
        raise Wrong(
            "Each coordinate was shuffled by itself, which tears the points apart. Move whole "
            "points: `points[:, order]`."
        )
    raise Wrong(
        "The shuffled cloud is another set of points. Each point must occur exactly once: "
        "`torch.randperm(N)` does that, `torch.randint` does not."
    )


def _in_order(x: Tensor) -> Tensor:
    """Return the points of each cloud by their first coordinate, whatever order they came in."""
    return x.gather(1, x[..., :1].argsort(dim=1).expand_as(x))


def _check_gap(answer: Callable, points: Tensor, difference: Tensor) -> None:
    """Compare the gap of an encoder whose two results differ by known numbers."""

    def encoder(x: Tensor) -> Tensor:
        return torch.zeros(2, 2) if torch.equal(x, points) else difference.clone()

    gap = numbers(answer(encoder, points.clone()), shape=(), what="The gap")
    size = difference.abs()
    mistakes = {
        "Take the absolute value before the maximum: a difference may be negative.": 0.0,
        "That is the mean difference. One number that differs is enough: take the largest.": (
            size.mean()
        ),
        "That is the length of the difference. Take its largest absolute number.": size.norm(),
        "That is the sum of the differences. Take the largest one.": size.sum(),
    }
    compare(gap, size.max(), mistakes, what="The gap")


@exercise("03.2", "Pool by maximum and mean", difficulty=1, importance=5, minutes=10)
def check_pool(answer: Callable[[Tensor], Any]) -> None:
    """Compare with both poolings, and with what axes and sums mixed up would give."""
    features = torch.randn(2, 6, 4)
    most, mean = features.amax(dim=1), features.mean(dim=1)
    shapes = {
        (2, 4): "Put both poolings side by side: `torch.cat([...], dim=-1)`.",
        (4, 4): "Join them along the channels (`dim=-1`), not along the shapes.",
        (2, 12): "You pooled over the channels (dimension 2). The points are dimension 1.",
        (6, 8): "You pooled over the shapes (dimension 0). The points are dimension 1.",
        (2, 2, 4): "Join two poolings along the channels: `torch.cat`, not a new dimension. And "
        "`max(dim=1)` gives values and places: `amax` gives the values alone.",
        (2, 1, 8): "The points' dimension is still there: leave `keepdim` out.",
    }
    mistakes = {
        "The mean must come second, after the maximum.": torch.cat([mean, most], -1),
        "That is the sum over the points, not the mean: it grows with their number.": torch.cat(
            [most, features.sum(dim=1)], -1
        ),
        "That is the minimum over the points, not the maximum.": torch.cat(
            [features.amin(dim=1), mean], -1
        ),
        "Those are places of the maximum (`argmax`), not its values.": torch.cat(
            [features.argmax(dim=1).float(), mean], -1
        ),
        "The maximum is that of absolute values. Leave the sign.": torch.cat(
            [features.abs().amax(dim=1), mean], -1
        ),
        "The mean is that of all shapes together. Each shape has its own.": torch.cat(
            [most, mean.mean(dim=0, keepdim=True).expand(2, -1)], -1
        ),
        "Channels of maximum and mean alternate. First all maxima, then all means.": torch.stack(
            [most, mean], -1
        ).flatten(1),
    }
    expected = torch.cat([most, mean], -1)
    got = numbers(answer(features.clone()), (2, 8), "The pooled tensor", shapes)
    compare(got, expected, mistakes, what="The pooled tensor")


@exercise("03.3", "The points that decide", difficulty=3, importance=3, minutes=20)
def check_critical_points(answer: Callable[[Tensor], Any]) -> None:
    """Two clouds, six channels: one channel dead, one point the best in two, one in none."""
    features = F.relu(torch.randn(2, 40, 6))
    features[:, :, 4] = 0.0  # dead
    features[:, 0] *= 0.1  # `argmax` of a dead channel names point 0
    features[:, 7:12] = 0.0  # points without any feature
    features[0] *= 3.0  # the first shape is larger in everything
    result = answer(features.clone())
    kind = getattr(result, "dtype", None)
    expect(
        str(kind).endswith("bool"),
        f"Return True or False for each point (a tensor of `bool`), not `{kind}`. "
        "Places can be turned into a mask by `mask.scatter_(1, places, True)`.",
    )
    shapes = {
        (2, 40, 6): "One answer for each point: `.any(dim=-1)` over the channels.",
        (2, 6): "That is one for each channel. Say it for each point.",
        (40,): "Say it for each shape of the batch by itself.",
    }
    got = numbers(result, (2, 40), "The mask", shapes)
    most = features.amax(dim=1, keepdim=True)
    wins = features == most
    compare(got, (wins & (most > 0)).any(-1).float(), _wrong_masks(features), what="The mask")


def _wrong_masks(features: Tensor) -> dict[str, Tensor]:
    """Return what known mistakes make of the features."""
    first = torch.zeros(features.shape[:2]).scatter_(1, features.argmax(dim=1), 1.0)
    ends = features.argmin(dim=1)
    masks = {
        "A channel that is 0 at every point has no winner; with you, point 0 wins it.": first,
        "A channel that is 0 at every point has no winner; with you, all points win it.": (
            features == features.amax(dim=1, keepdim=True)
        ).any(-1),
        "Those are all points with a feature above zero. Compare the points of one channel with "
        "each other (`dim=1`): only the largest wins.": (features > 0).any(-1),
        "Those are points above the mean. Only the largest one wins a channel.": (
            features > features.mean(dim=1, keepdim=True)
        ).any(-1),
        "You take the maximum over all shapes together. Each shape has its own.": (
            (features == features.amax(dim=(0, 1))) & (features > 0)
        ).any(-1),
        "Those are the points that win every channel. One channel is enough: `any`.": (
            features == features.amax(dim=1, keepdim=True)
        ).all(-1),
        "Those are the smallest features (`argmin`). The largest ones win.": torch.zeros(
            features.shape[:2]
        ).scatter_(1, ends, 1.0),
    }
    return {message: mask.float() for message, mask in masks.items()}


@exercise("03.4", "From points to a Gaussian", difficulty=3, importance=5, minutes=20)
def check_encode(answer: Callable[..., Any]) -> None:
    """Compare with the package's encoder that has the same layers."""
    encoder = StyleEncoder(5)
    points = torch.randn(3, 32, 3)
    with torch.no_grad():
        right = encoder(points)
        result = answer(points.clone(), encoder.lift, encoder.widen, encoder.mix, encoder.head)
        expected = torch.cat([right.mean, right.log_sigma], -1)
        mistakes = _wrong_encodings(points, encoder)
    if not (isinstance(result, tuple | list) and len(result) == 2):
        raise Wrong("Return two tensors: `mean, log_sigma`. `chunk(2, dim=-1)` makes them.")
    shapes = {
        (3, 10): "The head returns mean and log sigma side by side: part them.",
        (3, 32, 5): "There is one Gaussian for each point. Pool over the points before `mix`.",
    }
    got = [
        numbers(part, (3, 5), f"The {name}", shapes)
        for part, name in zip(result, ("mean", "log sigma"), strict=True)
    ]
    compare(np.concatenate(got, axis=-1), expected, mistakes, what="The result")


def _wrong_encodings(points: Tensor, encoder: StyleEncoder) -> dict[str, Tensor]:
    """Return what known mistakes make of the same points and layers."""

    def pooled(features: Tensor) -> Tensor:
        return torch.cat([features.amax(dim=1), features.mean(dim=1)], -1)

    lifted = F.relu(encoder.lift(points))
    features = pooled(F.relu(encoder.widen(lifted)))
    out = encoder.head(F.relu(encoder.mix(features)))
    mean, log_sigma = out.chunk(2, dim=-1)
    unlifted = pooled(F.relu(encoder.widen(encoder.lift(points))))
    return {
        "Mean and log sigma have changed places: the first half is the mean.": torch.cat(
            [log_sigma, mean], -1
        ),
        "That is sigma where log sigma should be. Leave the `exp` for later.": torch.cat(
            [mean, log_sigma.exp()], -1
        ),
        "Your log sigma is halved, as one does with a log variance. The second half of the head's "
        "output is log sigma itself.": torch.cat([mean, 0.5 * log_sigma], -1),
        "Your log sigma is doubled: that is a log variance. The second half of the head's output "
        "is log sigma itself.": torch.cat([mean, 2 * log_sigma], -1),
        "You returned a sample's two ends, mean - sigma and mean + sigma. Return mean and log "
        "sigma.": torch.cat([mean - log_sigma.exp(), mean + log_sigma.exp()], -1),
        "You took every second number for the mean. It is the first half: `chunk`.": torch.cat(
            [out[:, 0::2], out[:, 1::2]], -1
        ),
        "There is a `relu` after the head, so that no mean can be negative.": F.relu(out),
        "A `relu` after `lift` is missing: two linear layers in a row are but one.": (
            encoder.head(F.relu(encoder.mix(unlifted)))
        ),
        "A `relu` after `widen` is missing, before the pooling.": encoder.head(
            F.relu(encoder.mix(pooled(encoder.widen(lifted))))
        ),
        "A `relu` after `mix` is missing.": encoder.head(encoder.mix(features)),
        "The mean must come second in the pooling, after the maximum.": encoder.head(
            F.relu(encoder.mix(torch.cat(features.chunk(2, -1)[::-1], -1)))
        ),
    }
