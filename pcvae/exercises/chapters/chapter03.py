"""Checks of chapter 03: the style encoder."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pcvae.data import generate
from pcvae.exercises.comparing import Wrong, compare, expect, numbers
from pcvae.exercises.open_tasks import SEEDS, beside
from pcvae.exercises.registry import exercise
from pcvae.models import StyleEncoder
from pcvae.randomness import generator_for


@exercise("03.1", "A test for the order", difficulty=2, importance=4, minutes=15)
def check_order_gap(answer: Callable[[Callable, Tensor], Any]) -> None:
    """Spy on what the answer encodes, then on what it makes of the results."""
    points = torch.randn(5, 16, 3)  # so that clouds that are shuffled are seldom in their order
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
    if torch.equal(x.sort(dim=0).values, points.sort(dim=0).values):
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
    shapes = {
        (3, 10): "The head returns mean and log sigma side by side: part them.",
        (3, 32, 5): "There is one Gaussian for each point. Pool over the points before `mix`.",
    }
    compare(_side_by_side(result, (3, 5), shapes), expected, mistakes, what="The result")


def _side_by_side(
    result: Any, shape: tuple[int, int], shapes: Mapping[tuple[int, ...], str] | None = None
) -> np.ndarray:
    """Return mean and log sigma in one array, or say what was returned in their place."""
    if not (isinstance(result, tuple | list) and len(result) == 2):
        raise Wrong("Return two tensors: `mean, log_sigma`. `chunk(2, dim=-1)` makes them.")
    parts = zip(result, ("mean", "log sigma"), strict=True)
    return np.concatenate(
        [numbers(part, shape, f"The {name}", shapes) for part, name in parts], axis=-1
    )


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


# 03.5: the whole encoder, for clouds that are padded to one length
STYLE, LONGEST, SHORTEST = 16, 64, 16
LEGS = (0.90, 0.92, 0.89)  # R^2 of the walk-through's encoder, over the seeds


@exercise(
    "03.5",
    "Open task: a whole style encoder, for clouds of any size",
    difficulty=4,
    importance=4,
    minutes=40,
)
def check_style_encoder(answer: Callable[[int], nn.Module]) -> str:
    """Its parts, its numbers without and with padding, its gradients, and what it can learn."""
    encoder, theirs = answer(STYLE), StyleEncoder(STYLE)
    _check_parts(encoder, theirs)
    encoder.load_state_dict(theirs.state_dict())
    points, real = torch.randn(4, 24, 3), torch.arange(24) < torch.tensor([[24], [9], [17], [1]])
    everyone = torch.ones(4, 24, dtype=torch.bool)
    got = _encoded(encoder, points, everyone)
    with torch.no_grad():
        mistakes = _wrong_encodings(points, theirs)
    compare(got, _expected(theirs, points, everyone), mistakes, what="Without padding, the result")
    for filler in (5.0, 0.0):
        padded = torch.where(real[..., None], points, filler)
        got = _encoded(encoder, padded, real)
        mistakes = _wrong_maskings(padded, real, theirs)
        compare(got, _expected(theirs, points, real), mistakes, what="With padding, the result")
    _check_gradients(encoder, points, real)
    scores = [leg_height_read(answer, seed) for seed in SEEDS]
    expect(
        min(scores) > 0.75,
        f"Trained, it reads the leg height with an R^2 of {min(scores):.2f} only; above 0.75 is "
        "asked for. Are the layers those of `nn.Linear`, with its usual start?",
    )
    return beside("R^2 of the leg height, read off padded clouds,", scores, LEGS)


def _check_parts(encoder: Any, theirs: nn.Module) -> None:
    """Names and shapes of all weights must be those of the table."""
    expect(
        isinstance(encoder, nn.Module),
        f"What you hand in, called with {STYLE}, should give an `nn.Module`, but gives a value of "
        f"type `{type(encoder).__name__}`.",
    )
    mine = {name: tuple(weight.shape) for name, weight in encoder.state_dict().items()}
    for name, weight in theirs.state_dict().items():
        expect(name in mine, f"There is no weight `{name}`. The parts are named as in the table.")
        shape = tuple(weight.shape)
        expect(
            mine[name] == shape,
            f"`{name}` should have shape {shape}, but has {mine[name]}. (A linear layer's weight "
            "is (out, in); pooled features are twice as wide, and the head gives two numbers for "
            "each coordinate of z.)",
        )
    more = sorted(set(mine) - set(theirs.state_dict()))
    expect(not more, f"`{(more or [''])[0]}` is one weight too many: the four layers are enough.")


def _encoded(encoder: nn.Module, points: Tensor, real: Tensor) -> np.ndarray:
    """Return mean and log sigma side by side, (B, 2 S)."""
    with torch.no_grad():
        return _side_by_side(encoder(points.clone(), real.clone()), (len(points), STYLE))


def _expected(encoder: StyleEncoder, points: Tensor, real: Tensor) -> Tensor:
    """Return what each cloud gives by itself, without its padding."""
    with torch.no_grad():
        alone = [encoder(cloud[kept][None]) for cloud, kept in zip(points, real, strict=True)]
    return torch.cat([torch.cat([q.mean, q.log_sigma], dim=-1) for q in alone])


def _wrong_maskings(points: Tensor, real: Tensor, encoder: StyleEncoder) -> dict[str, Tensor]:
    """Return what known mistakes with the padding lead to."""
    weight = real[..., None].float()  # (B, N, 1)
    count = weight.sum(dim=1)  # (B, 1)

    def after(most: Tensor, mean: Tensor) -> Tensor:
        return encoder.head(F.relu(encoder.mix(torch.cat([most, mean], -1))))

    with torch.no_grad():
        features = F.relu(encoder.widen(F.relu(encoder.lift(points))))  # (B, N, 128)
        at_zero = F.relu(encoder.widen(F.relu(encoder.lift(points * weight))))
        most, mean = (features * weight).amax(dim=1), (features * weight).sum(dim=1) / count
        return {
            "The padding is not looked at: `real` changes nothing.": after(
                features.amax(dim=1), features.mean(dim=1)
            ),
            "The maximum still sees the padding.": after(features.amax(dim=1), mean),
            "The mean still sees the padding.": after(most, features.mean(dim=1)),
            "Your mean divides by all rows. Divide by the number of real points of each cloud.": (
                after(most, (features * weight).mean(dim=1))
            ),
            "Your mean divides by the mean number of real points. Each cloud has its own.": after(
                most, (features * weight).sum(dim=1) / count.mean()
            ),
            "You keep the padding and drop the real points: the mask is upside down.": after(
                (features * (1 - weight)).amax(dim=1),
                (features * (1 - weight)).sum(dim=1) / (1 - weight).sum(dim=1).clamp(min=1),
            ),
            "You set the padded *points* to 0. A point at the origin is a point like any other, "
            "and has features: drop features, not coordinates.": after(
                at_zero.amax(dim=1), at_zero.mean(dim=1)
            ),
        }


def _check_gradients(encoder: nn.Module, points: Tensor, real: Tensor) -> None:
    """Every weight must learn, and no padding may be heard of."""
    inputs = points.clone().requires_grad_()
    with torch.enable_grad():
        mean, log_sigma = encoder(inputs, real)
        expect(mean.requires_grad, "No gradient leads back to the weights. Is there a `no_grad`?")
        (mean.square().sum() + log_sigma.square().sum()).backward()
    for name, weight in encoder.named_parameters():
        heard = weight.grad is not None and bool(weight.grad.any())
        expect(heard, f"`{name}` gets no gradient, so it would never learn.")


@cache
def _padded_chairs() -> tuple[Tensor, Tensor, Tensor]:
    """Return 320 padded clouds (S, N, 3), which points are real, and standardized leg heights."""
    chairs = generate(["chair"], count=320, num_points=LONGEST, seed=0)
    points = torch.from_numpy(chairs.points)
    counts = torch.randint(SHORTEST, LONGEST + 1, (320, 1), generator=generator_for(0))
    legs = torch.from_numpy(chairs.factors["chair/leg_height"] * chairs.factors["scale"]).float()
    real = torch.arange(LONGEST) < counts
    return points / points.std() * real[..., None], real, (legs - legs.mean()) / legs.std()


def leg_height_read(answer: Callable[[int], nn.Module], seed: int, steps: int = 200) -> float:
    """Train an encoder to tell the leg height of padded chairs; return R^2 on 64 others."""
    torch.manual_seed(seed)
    points, real, legs = _padded_chairs()
    encoder, read = answer(STYLE), nn.Linear(STYLE, 1)
    optimizer = torch.optim.Adam([*encoder.parameters(), *read.parameters()], lr=3e-3)
    for _ in range(steps):
        rows = torch.randint(256, (32,))
        predicted = read(encoder(points[rows], real[rows])[0])[:, 0]
        optimizer.zero_grad()
        F.mse_loss(predicted, legs[rows]).backward()
        optimizer.step()
    with torch.no_grad():
        predicted = read(encoder(points[256:], real[256:])[0])[:, 0]
    error = (predicted - legs[256:]).square().mean()
    return float(1 - error / legs[256:].var(correction=0))
