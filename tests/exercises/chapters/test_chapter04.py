"""Wrong answers to the exercises of chapter 04, each with the message that it must get."""

import math

import pytest
import torch
from torch import nn

from pcvae.exercises import check
from pcvae.models import ConditionedNetwork, DiagonalGaussian, StyleEncoder


def posterior(xyz, feat=lambda out, s: out, log_sigma=lambda out, o: out - o, order=(0, 1)):
    """An answer to 04.2 made of its three formulas."""

    def answer(out, points, skip_weight, sigma_offset):
        halves = out.chunk(2, dim=-1)
        first, second = halves[order[0]], halves[order[1]]
        mean = [xyz(points, first[..., :3], skip_weight), feat(first[..., 3:], skip_weight)]
        return torch.cat(mean, dim=-1), log_sigma(second, sigma_offset)

    return answer


def right_xyz(points, out, s):
    return points + s * out


def feature_without_offset(out, offset):
    return torch.cat([out[..., :3] - offset, out[..., 3:]], dim=-1)


def root(p, q, r):
    return (-q + math.sqrt(q * q + 4 * p * r)) / (2 * p)


A = math.sqrt(2 / math.pi)


def balance(weight, copies):
    return root(weight, copies * A, weight)


def by_descent(weight, copies):
    """The same minimum, found by an optimizer."""
    log_sigma = torch.zeros((), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([log_sigma], max_iter=100, line_search_fn="strong_wolfe")

    def cost():
        optimizer.zero_grad()
        kl = 0.5 * (2 * log_sigma).exp() - log_sigma
        value = copies * A * log_sigma.exp() + weight * kl
        value.backward()
        return value

    optimizer.step(cost)
    return log_sigma.exp()


def scattered(h, order):
    result = torch.empty_like(h)
    result[:, order] = h
    return result


def by_height(h, order):
    return h.gather(1, h[..., :1].argsort(dim=1).expand_as(h))


def sampled(mean, log_sigma, noise):
    return mean + log_sigma.exp() * noise


def cloud(h=sampled, channels=slice(3), place=lambda x, center, scale: x * scale + center):
    """An answer to 04.3 made of its three steps."""
    return lambda mean, log_sigma, noise, center, scale: place(
        h(mean, log_sigma, noise)[:, channels], center, scale
    )


def rooted(formula):
    """An answer to 04.4 by a formula of w and a."""
    return lambda w, r: formula(w, r * A, math.sqrt((r * A) ** 2 + 4 * w * w))


def left_out(h, center, scale):
    return h[:, [0, 1, 3]] * scale + center


def separately(m, ls, e, center, scale):
    return m[:, :3] * scale + center + (ls.exp() * e)[:, :3]


def scaled_twice(m, ls, e, center, scale):
    return cloud(h=lambda m, ls, e: m + scale * ls.exp() * e)(m, ls, e, center, scale)


# 04.5: the whole model


class Model(nn.Module):
    """An answer to 04.5; `wrong` names the mistakes that it is to make."""

    def __init__(self, style_dim, skip_weight, sigma_offset, **wrong):
        super().__init__()
        sizes = {"style_dim": style_dim, "conditioning": "adain"}
        self.style_encoder = StyleEncoder(style_dim)
        width = wrong.get("width", 32)
        self.point_network = ConditionedNetwork(3, 8, width=width, depth=1, **sizes)
        self.decoder_network = ConditionedNetwork(4, 3, width=32, depth=2, **sizes)
        self.skip, self.offset, self.wrong = skip_weight, sigma_offset, wrong

    def forward(self, x, z_noise, h_noise):
        wrong, skip = self.wrong, self.skip
        style = self.style_encoder(x)
        z = style.mean + (wrong.get("power", 1) * style.log_sigma).exp() * z_noise
        z_of_h = style.mean if "mean_z" in wrong else z
        mean, log_sigma = self.point_network(x, z_of_h).chunk(2, dim=-1)
        xyz = wrong.get("start", 1) * x + wrong.get("point_skip", skip) * mean[..., :3]
        features = mean[..., 3:] * (skip if "skip_all" in wrong else 1)
        log_sigma = log_sigma - wrong.get("sign", 1) * self.offset
        local = DiagonalGaussian(torch.cat([xyz, features], dim=-1), log_sigma)
        h = local.mean + (0 if "mean_h" in wrong else local.sigma * h_noise)
        z_of_x = style.mean if "mean_z_decoder" in wrong else z
        moved = wrong.get("decoder_skip", skip) * self.decoder_network(h, z_of_x)
        points = (x if "sees_x" in wrong else h[..., :3] * wrong.get("passes", 1)) + moved
        return (points, style, local)[: wrong.get("things", 3)]


def modelled(**wrong):
    return lambda *constants: Model(*constants, **wrong)


class Nameless(nn.Module):
    def __init__(self, *constants):
        super().__init__()


WRONG = [
    ("04.2", posterior(lambda x, out, s: s * out), "point itself is missing"),
    ("04.2", posterior(lambda x, out, s: out), "taken alone"),
    ("04.2", posterior(lambda x, out, s: x + out), "skip weight is missing"),
    ("04.2", posterior(lambda x, out, s: (1 - s) * x + s * out), "mixture"),
    ("04.2", posterior(lambda x, out, s: s * x + out), "wrong place"),
    ("04.2", posterior(right_xyz, feat=lambda out, s: s * out), "coordinates only"),
    ("04.2", posterior(right_xyz, log_sigma=lambda out, o: out + o), "You add it"),
    ("04.2", posterior(right_xyz, log_sigma=lambda out, o: out), "offset is missing"),
    ("04.2", posterior(right_xyz, log_sigma=lambda out, o: (out - o).exp()), "no `exp`"),
    ("04.2", posterior(right_xyz, log_sigma=lambda out, o: out.exp() - o), "before any `exp`"),
    ("04.2", posterior(right_xyz, log_sigma=lambda out, o: (out - o) / 2), "half of it"),
    ("04.2", posterior(right_xyz, log_sigma=lambda out, o: 2 * (out - o)), "twice as much"),
    ("04.2", posterior(right_xyz, log_sigma=feature_without_offset), "features need the offset"),
    ("04.2", posterior(right_xyz, order=(1, 0)), "first half of the output"),
    ("04.2", lambda out, x, s, o: (x + s * out[..., :3], out[..., 5:] - o), "Keep the feature"),
    ("04.2", lambda out, x, s, o: out, "Return two tensors"),
    ("04.4", lambda w, r: root(w, r, w), "mean of |noise|"),
    ("04.4", lambda w, r: root(w, r / A, w), "not `sqrt(pi / 2)`"),
    ("04.4", lambda w, r: root(w, A, w), "copies are missing"),
    ("04.4", lambda w, r: root(1, r * A, 1), "KL weight is missing"),
    ("04.4", lambda w, r: root(2 * w, r * A, w), "1/2 before sigma squared"),
    ("04.4", lambda w, r: root(w * r, A, w * r), "not of the KL"),
    ("04.4", lambda w, r: root(1, w * r * A, 1), "not at the error"),
    ("04.4", lambda w, r: w / (r * A), "sigma squared of the KL is missing"),
    ("04.4", lambda w, r: balance(w, r) ** 2, "variance"),
    ("04.4", lambda w, r: -w / balance(w, r), "the other root"),
    ("04.1", lambda h, order: h[:, order], "once more"),
    ("04.1", lambda h, order: h, "still in the shuffled order"),
    ("04.1", lambda h, order: h.flip(1), "reversed the rows"),
    ("04.1", by_height, "sorted by a coordinate"),
    ("04.1", lambda h, order: h.sort(dim=1).values, "tears the latents"),
    ("04.1", lambda h, order: h[:, order.flip(0)], "its inverse"),
    ("04.3", cloud(channels=slice(1, 4)), "last three channels"),
    ("04.3", cloud(channels=slice(4), place=lambda x, c, s: x * s), "Leave the feature out"),
    ("04.3", cloud(h=lambda m, ls, e: m), "Those are the means"),
    ("04.3", cloud(h=lambda m, ls, e: m + e), "Multiply it by sigma"),
    ("04.3", cloud(h=lambda m, ls, e: m + ls * e), "Take `exp` first"),
    ("04.3", cloud(h=lambda m, ls, e: m + (ls / 2).exp() * e), "1/2 too many"),
    ("04.3", cloud(h=lambda m, ls, e: m + (2 * ls).exp() * e), "variance times the noise"),
    ("04.3", cloud(place=lambda x, c, s: x), "units of the model"),
    ("04.3", cloud(place=lambda x, c, s: (x - c) / s), "instead of undone"),
    ("04.3", cloud(place=lambda x, c, s: (x + c) * s), "then add the center"),
    ("04.3", cloud(place=lambda x, c, s: x * s), "center is missing"),
    ("04.3", cloud(place=lambda x, c, s: x + c), "scale is missing"),
    ("04.3", cloud(h=lambda m, ls, e: m - ls.exp() * e), "not its sign"),
    ("04.3", cloud(h=lambda m, ls, e: m + ls.exp()), "added sigma itself"),
    ("04.3", cloud(h=lambda m, ls, e: m + ls.exp() + e), "is *multiplied* by sigma"),
    ("04.3", cloud(h=lambda m, ls, e: ls.exp() + m * e), "have changed places"),
    ("04.3", cloud(h=lambda m, ls, e: ls.exp() * (m + e)), "Only the noise is scaled"),
    ("04.3", cloud(h=lambda m, ls, e: ls.exp() * e), "noise around the center"),
    ("04.3", cloud(h=lambda m, ls, e: m + e / ls.exp()), "divided the noise by sigma"),
    ("04.3", cloud(h=lambda m, ls, e: m + ls.exp() * torch.randn(8, 4)), "same noise gave"),
    ("04.3", separately, "but not the noise"),
    ("04.3", scaled_twice, "the scale squared"),
    ("04.3", cloud(lambda m, ls, e: m, place=lambda x, c, s: x), "means in the units of the model"),
    ("04.3", cloud(place=lambda x, c, s: x / s + c), "You divided by the scale. The"),
    ("04.3", cloud(place=lambda x, c, s: x * s - c), "You subtracted the center. The"),
    ("04.3", cloud(place=lambda x, c, s: (x - c) * s), "subtracted the center first"),
    ("04.3", cloud(place=lambda x, c, s: x / s - c), "Undo both"),
    ("04.3", cloud(channels=slice(4), place=left_out), "left one of them out"),
    ("04.3", lambda m, ls, e, c, s: sampled(m, ls, e)[:3], "You took three points"),
    ("04.3", lambda m, ls, e, c, s: cloud()(m, ls, e, c, s)[None], "no batch here"),
    ("04.4", lambda w, r: root(w, r * A * A, w), "2 / pi without the root"),
    ("04.4", lambda w, r: math.sqrt(w / (2 * r + w)), "balance of a squared error"),
    ("04.4", rooted(lambda w, a, d: (a + d) / (2 * w)), "+a in front"),
    ("04.4", rooted(lambda w, a, d: (-a + math.sqrt(a * a + 4 * w)) / (2 * w)), "a^2 + 4 w^2"),
    ("04.4", rooted(lambda w, a, d: (-a + math.sqrt(a * a + w * w)) / (2 * w)), "The 4 under"),
    ("04.4", rooted(lambda w, a, d: (-a + d) / w), "divides by 2 w"),
    ("04.4", rooted(lambda w, a, d: (-a + d) / 2), "forgot w"),
    ("04.4", rooted(lambda w, a, d: (-a + d) / 2 * w), "from left to right"),
    ("04.4", lambda w, r: 7.0, "Sigma for a KL weight of 0.5 and 32 copies should be"),
    ("04.5", lambda *constants: None, "should be an `nn.Module`"),
    ("04.5", Nameless, "There is no network `style_encoder`"),
    ("04.5", modelled(width=16), "`point_network` has other sizes"),
    ("04.5", modelled(things=2), "Return three things"),
    ("04.5", modelled(mean_z=True), "The point encoder gets the mean of z"),
    ("04.5", modelled(power=2), "Your z is drawn with the variance"),
    ("04.5", modelled(start=0), "x is not added to the mean"),
    ("04.5", modelled(point_skip=1), "missing in the mean of h_xyz"),
    ("04.5", modelled(skip_all=True), "is on the feature, too"),
    ("04.5", modelled(sign=-1), "The sigma offset is added"),
    ("04.5", modelled(sign=0), "The sigma offset is missing"),
    ("04.5", modelled(mean_h=True), "The decoder gets the mean of h"),
    ("04.5", modelled(mean_z_decoder=True), "The decoder gets the mean of z"),
    ("04.5", modelled(sees_x=True), "The decoder starts from x"),
    ("04.5", modelled(passes=0), "h_xyz is not added"),
    ("04.5", modelled(decoder_skip=1), "missing in the decoder"),
    ("04.5", modelled(passes=0, decoder_skip=1), "only says how far"),
]


@pytest.mark.parametrize(("id", "answer", "words"), WRONG)
def test_wrong_answer(rejects, id, answer, words):
    rejects(id, answer, words)


@pytest.mark.parametrize(
    ("id", "answer"),
    [
        ("04.2", posterior(right_xyz)),
        ("04.4", balance),
        ("04.4", by_descent),
        ("04.1", lambda h, order: h[:, order.argsort()]),
        ("04.1", scattered),
        ("04.3", cloud()),
    ],
)
def test_ways_that_are_right(id, answer):
    assert check(id, answer).status == "done"
