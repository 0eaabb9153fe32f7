"""Wrong answers to the exercises of chapter 03, each with the message that it must get."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from pcvae.exercises import check


def shuffled(points):
    return points[:, torch.randperm(points.shape[1])]


def gap_of(move, reduce=lambda difference: difference.abs().max()):
    """An answer to 03.1 that moves the points and reduces the difference in its own way."""
    return lambda encode, points: reduce(encode(points) - encode(move(points)))


def each_coordinate_by_itself(points):
    orders = torch.stack([torch.randperm(points.shape[1]) for _ in range(3)], -1)
    return points.gather(1, orders.expand_as(points))


def only_the_shuffled(encode, points):
    a, b = shuffled(points), shuffled(points)
    return (encode(a) - encode(b)).abs().max()


def compares_one_with_itself(encode, points):
    encode(points)
    other = encode(shuffled(points))
    return (other - other).abs().max()


def pooled(features):
    return torch.cat([features.amax(dim=1), features.mean(dim=1)], -1)


def won(features, dim=1):
    most = features.amax(dim=dim, keepdim=True)
    return (features == most) & (most > 0)


def scattered(places, features):
    return torch.zeros(features.shape[:2], dtype=torch.bool).scatter_(1, places, True)


def encoding(pool=pooled, after_lift=F.relu, after_widen=F.relu, after_mix=F.relu, end=None):
    """An answer to 03.4 with some of its steps replaced."""

    def answer(points, lift, widen, mix, head):
        features = after_widen(widen(after_lift(lift(points))))
        out = head(after_mix(mix(pool(features))))
        return end(out) if end else out.chunk(2, dim=-1)

    return answer


def same(x):
    return x


def flipped(out):
    mean, log_sigma = out.chunk(2, dim=-1)
    return log_sigma, mean


def exponential(out):
    mean, log_sigma = out.chunk(2, dim=-1)
    return mean, log_sigma.exp()


def end(change):
    """An answer to 03.4 that changes mean and log sigma at the end."""
    return encoding(end=lambda out: change(*out.chunk(2, dim=-1)))


# 03.5: the whole encoder


class Whole(nn.Module):
    """An answer to 03.5; the mistakes below change a step of it."""

    def __init__(self, style_dim, mixed=256):
        super().__init__()
        self.lift, self.widen = nn.Linear(3, 64), nn.Linear(64, 128)
        self.mix, self.head = nn.Linear(mixed, 256), nn.Linear(256, 2 * style_dim)

    def pool(self, features, real):
        kept = features * real[..., None]
        return torch.cat([kept.amax(dim=1), kept.sum(dim=1) / real.sum(dim=1, keepdim=True)], -1)

    def features(self, points):
        return F.relu(self.widen(F.relu(self.lift(points))))

    def forward(self, points, real):
        out = self.head(F.relu(self.mix(self.pool(self.features(points), real))))
        return out.chunk(2, dim=-1)


def pooling(most, mean):
    """A class that pools in its own way; both get features and mask."""

    class Pooling(Whole):
        def pool(self, features, real):
            return torch.cat([most(features, real), mean(features, real)], -1)

    return Pooling


def most(features, real):
    return (features * real[..., None]).amax(dim=1)


def mean_of(features, real):
    return (features * real[..., None]).sum(dim=1) / real.sum(dim=1, keepdim=True)


class Narrow(Whole):
    def __init__(self, style_dim):
        super().__init__(style_dim, mixed=128)


class Renamed(Whole):
    def __init__(self, style_dim):
        super().__init__(style_dim)
        self.first = self.lift
        del self.lift


class Extra(Whole):
    def __init__(self, style_dim):
        super().__init__(style_dim)
        self.more = nn.Linear(2, 2)


class WithoutRelu(Whole):
    def features(self, points):
        return self.widen(F.relu(self.lift(points)))


class Exchanged(Whole):
    def forward(self, points, real):
        return super().forward(points, real)[::-1]


class PointsToZero(Whole):
    def forward(self, points, real):
        everyone = torch.ones_like(real)
        return super().forward(points * real[..., None], everyone)


class Detached(Whole):
    def features(self, points):
        return super().features(points).detach()


class UpsideDown(Whole):
    def pool(self, features, real):
        real = real if real.all() else ~real
        kept = features * real[..., None]
        count = real.sum(dim=1, keepdim=True).clamp(min=1)
        return torch.cat([kept.amax(dim=1), kept.sum(dim=1) / count], -1)


class Sluggish(Whole):
    """The right numbers, but its weights start at nearly nothing."""

    def __init__(self, style_dim):
        super().__init__(style_dim)
        for weight in self.parameters():
            nn.init.constant_(weight, 1e-3)


WRONG = [
    ("03.1", gap_of(lambda p: p), "same order each time"),
    ("03.1", gap_of(lambda p: p.flip(0)), "shuffled the shapes"),
    ("03.1", gap_of(lambda p: p[..., [1, 2, 0]]), "shuffled x, y and z"),
    ("03.1", gap_of(each_coordinate_by_itself), "tears the points apart"),
    ("03.1", gap_of(lambda p: p[:, torch.randint(16, (16,))]), "`torch.randint` does not"),
    ("03.1", gap_of(lambda p: shuffled(p)[:, :8]), "so they stay"),
    ("03.1", only_the_shuffled, "in the order they came in"),
    ("03.1", lambda encode, points: encode(points).abs().max(), "Encode twice"),
    ("03.1", compares_one_with_itself, "has the gap 0"),
    ("03.1", gap_of(shuffled, torch.max), "absolute value before"),
    ("03.1", gap_of(shuffled, lambda d: d.abs().mean()), "mean difference"),
    ("03.1", gap_of(shuffled, torch.norm), "length of the difference"),
    ("03.1", gap_of(shuffled, lambda d: d.abs().sum()), "sum of the differences"),
    ("03.2", lambda f: torch.cat([f.amax(2), f.mean(2)], -1), "over the channels"),
    ("03.2", lambda f: torch.cat([f.amax(0), f.mean(0)], -1), "over the shapes"),
    ("03.2", lambda f: torch.cat([f.amax(1), f.sum(1)], -1), "grows with their number"),
    ("03.2", lambda f: torch.cat([f.mean(1), f.amax(1)], -1), "come second"),
    ("03.2", lambda f: torch.cat([f.amin(1), f.mean(1)], -1), "minimum"),
    ("03.2", lambda f: torch.cat([f.argmax(1).float(), f.mean(1)], -1), "places of the maximum"),
    ("03.2", lambda f: torch.cat([f.abs().amax(1), f.mean(1)], -1), "Leave the sign"),
    ("03.2", lambda f: torch.stack([f.amax(1), f.mean(1)], -1).flatten(1), "alternate"),
    ("03.2", lambda f: torch.stack([f.amax(1), f.mean(1)], 1), "not a new dimension"),
    ("03.2", lambda f: torch.cat([f.amax(1), f.mean(1)]), "not along the shapes"),
    ("03.2", lambda f: f.amax(1), "side by side"),
    ("03.2", lambda f: f.max(dim=1), "values and places"),
    ("03.3", lambda f: scattered(f.argmax(dim=1), f), "with you, point 0 wins it"),
    ("03.3", lambda f: (f == f.amax(1, keepdim=True)).any(-1), "with you, all points win it"),
    ("03.3", lambda f: won(f, dim=2).any(-1), "points of one channel"),
    ("03.3", lambda f: (f > 0).any(-1), "feature above zero"),
    ("03.3", lambda f: (f > f.mean(1, keepdim=True)).any(-1), "above the mean"),
    ("03.3", lambda f: won(f, dim=(0, 1)).any(-1), "all shapes together"),
    ("03.3", lambda f: (f == f.amax(1, keepdim=True)).all(-1), "One channel is enough"),
    ("03.3", lambda f: scattered(f.argmin(dim=1), f), "argmin"),
    ("03.3", lambda f: f.argmax(dim=1), "scatter_"),
    ("03.3", won, "`.any(dim=-1)` over the channels"),
    ("03.4", encoding(end=flipped), "changed places"),
    ("03.4", encoding(end=exponential), "sigma where log sigma"),
    ("03.4", encoding(end=lambda out: (out[:, 0::2], out[:, 1::2])), "every second number"),
    ("03.4", encoding(end=lambda out: out.relu().chunk(2, -1)), "after the head"),
    ("03.4", encoding(after_lift=same), "after `lift` is missing"),
    ("03.4", encoding(after_widen=same), "after `widen` is missing"),
    ("03.4", encoding(after_mix=same), "after `mix` is missing"),
    ("03.4", encoding(pool=lambda f: torch.cat([f.mean(1), f.amax(1)], -1)), "come second"),
    ("03.4", encoding(pool=lambda f: torch.cat([f, f], -1)), "Pool over the points"),
    ("03.4", encoding(end=same), "`chunk(2, dim=-1)` makes them"),
    ("03.4", encoding(end=lambda out: (out, out)), "part them"),
    ("03.1", gap_of(lambda p: p.flip(1)), "turned the order around"),
    ("03.1", gap_of(lambda p: p.roll(3, dims=1)), "only moved the beginning"),
    ("03.4", end(lambda mean, log_sigma: (mean, log_sigma / 2)), "log sigma is halved"),
    ("03.4", end(lambda mean, log_sigma: (mean, 2 * log_sigma)), "log sigma is doubled"),
    ("03.4", end(lambda m, s: (m - s.exp(), m + s.exp())), "two ends"),
    ("03.5", lambda style_dim: None, "should give an `nn.Module`"),
    ("03.5", Renamed, "There is no weight `lift.weight`"),
    ("03.5", Narrow, "`mix.weight` should have shape"),
    ("03.5", Extra, "one weight too many"),
    ("03.5", WithoutRelu, "A `relu` after `widen` is missing"),
    ("03.5", Exchanged, "have changed places"),
    ("03.5", pooling(lambda f, r: f.amax(dim=1), lambda f, r: f.mean(dim=1)), "changes nothing"),
    ("03.5", pooling(lambda f, r: f.amax(dim=1), mean_of), "The maximum still sees"),
    ("03.5", pooling(most, lambda f, r: f.mean(dim=1)), "The mean still sees"),
    ("03.5", pooling(most, lambda f, r: (f * r[..., None]).mean(dim=1)), "divides by all rows"),
    (
        "03.5",
        pooling(most, lambda f, r: (f * r[..., None]).sum(dim=1) / r.sum(dim=1).float().mean()),
        "Each cloud has its own",
    ),
    ("03.5", PointsToZero, "drop features, not coordinates"),
    ("03.5", UpsideDown, "upside down"),
    ("03.5", Detached, "`lift.weight` gets no gradient"),
    ("03.5", Sluggish, "with its usual start"),
]


@pytest.mark.parametrize(("id", "answer", "words"), WRONG)
def test_wrong_answer(rejects, id, answer, words):
    rejects(id, answer, words)


@pytest.mark.parametrize(
    ("id", "answer"),
    [
        # Another order for each shape is as good as one for all.
        ("03.1", gap_of(lambda p: torch.stack([shuffled(cloud[None])[0] for cloud in p]))),
        ("03.1", lambda encode, p: float((encode(shuffled(p)) - encode(p)).abs().max())),
        ("03.2", lambda f: torch.cat([f.max(dim=1).values, f.sum(dim=1) / f.shape[1]], dim=1)),
        ("03.3", lambda f: won(f).any(-1).numpy()),
        ("03.3", lambda f: won(f).sum(-1) > 0),
        ("03.4", encoding(end=lambda out: (out[:, :5], out[:, 5:]))),
    ],
)
def test_other_ways_that_are_right(id, answer):
    assert check(id, answer).status == "done"
