"""Typical wrong answers to the exercises of chapter 05: each gets a message of its own."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from pcvae.diagnostics import swap_test
from pcvae.exercises import check
from pcvae.models import AdaGN, AdaIN, AdaLN, PointCloudVAE, VAEConfig
from pcvae.models.layers import AdaptiveNorm


def normalized(x, dim, correction=0, epsilon=1e-5):
    variance, mean = torch.var_mean(x, dim=dim, correction=correction, keepdim=True)
    return (x - mean) / torch.sqrt(variance + epsilon)


def grouped(x, groups=8, dim=(1, 3)):
    return normalized(x.unflatten(-1, (groups, -1)), dim).flatten(2)


# 05.1: adaptive instance norm


def layer_norm(x, scale, shift):
    return scale * F.layer_norm(x, x.shape[-1:]) + shift


def batch_norm(x, scale, shift):
    return scale * normalized(x, (0, 1)) + shift


def all_at_once(x, scale, shift):
    return scale * normalized(x, (1, 2)) + shift


def by_the_variance(x, scale, shift):
    variance, mean = torch.var_mean(x, dim=1, correction=0, keepdim=True)
    return scale * (x - mean) / (variance + 1e-5) + shift


def unbiased(x, scale, shift):
    return scale * (x - x.mean(1, keepdim=True)) / (x.std(1, keepdim=True) + 1e-5) + shift


def not_centered(x, scale, shift):
    return scale * x / x.std(1, correction=0, keepdim=True) + shift


def only_centered(x, scale, shift):
    return scale * (x - x.mean(1, keepdim=True)) + shift


def shifted_first(x, scale, shift):
    return scale * (normalized(x, 1) + shift)


def without_shift(x, scale, shift):
    return scale * normalized(x, 1)


def without_scale(x, scale, shift):
    return normalized(x, 1) + shift


def one_plus_scale(x, scale, shift):
    return (1 + scale) * normalized(x, 1) + shift


def without_epsilon(x, scale, shift):
    return scale * normalized(x, 1, epsilon=0) + shift


def nothing_put_back(x, scale, shift):
    return normalized(x, 1)


def not_normalized(x, scale, shift):
    return scale * x + shift


def exchanged(x, scale, shift):
    return shift * normalized(x, 1) + scale


def torchs_own(x, scale, shift):
    return scale * F.instance_norm(x.mT).mT + shift


# 05.2: adaptive group norm


def instance_norm(x, scale, shift, groups=8):
    return scale * normalized(x, 1) + shift


def one_group(x, scale, shift, groups=8):
    return scale * normalized(x, (1, 2)) + shift


def each_point(x, scale, shift, groups=8):
    return scale * grouped(x, groups, dim=3) + shift


def groups_of_eight(x, scale, shift, groups=8):
    return scale * normalized(x.unflatten(-1, (-1, groups)), (1, 3)).flatten(2) + shift


def channels_far_apart(x, scale, shift, groups=8):
    return scale * normalized(x.unflatten(-1, (-1, groups)), (1, 2)).flatten(2) + shift


def over_the_batch(x, scale, shift, groups=8):
    return scale * grouped(x, groups, dim=(0, 1, 3)) + shift


def groups_not_put_back(x, scale, shift, groups=8):
    return grouped(x, groups)


def groups_exchanged(x, scale, shift, groups=8):
    return shift * grouped(x, groups) + scale


def groups_without_scale(x, scale, shift, groups=8):
    return grouped(x, groups) + shift


def over_the_groups(x, scale, shift, groups=8):
    return scale * grouped(x, groups, dim=(1, 2)) + shift


def spread(x, scale, shift, groups, of_variance, correction=0):
    split = x.unflatten(-1, (groups, -1))
    variance, mean = torch.var_mean(split, dim=(1, 3), correction=correction, keepdim=True)
    return scale * ((split - mean) / of_variance(variance + 1e-5)).flatten(2) + shift


def group_variance(x, scale, shift, groups=8):
    return spread(x, scale, shift, groups, lambda v: v)


def group_unbiased(x, scale, shift, groups=8):
    return spread(x, scale, shift, groups, torch.sqrt, correction=1)


def group_centered(x, scale, shift, groups=8):
    return spread(x, scale, shift, groups, torch.ones_like)


def not_flattened(x, scale, shift, groups=8):
    return normalized(x.unflatten(-1, (groups, -1)), (1, 3))


def always_eight(x, scale, shift, groups=8):
    return scale * grouped(x, 8) + shift


# 05.3: the decoder


def without_weight(network, h, z, s):
    return h[..., :3] + network(h, z)


def without_points(network, h, z, s):
    return s * network(h, z)


def weighted_points(network, h, z, s):
    return s * h[..., :3] + network(h, z)


def mixed(network, h, z, s):
    return (1 - s) * h[..., :3] + s * network(h, z)


def last_three(network, h, z, s):
    return h[..., -3:] + s * network(h, z)


def only_points(network, h, z, s):
    return h[..., :3]


def subtracted(network, h, z, s):
    return h[..., :3] - s * network(h, z)


def cut_off(network, h, z, s):
    return h[..., :3] + s * network(h[..., :3], z)


def all_of_h(network, h, z, s):
    return h + s * F.pad(network(h, z), (0, 2))


def only_network(network, h, z, s):
    return network(h, z)


def always_hundredth(network, h, z, s):
    return h[..., :3] + 0.01 * network(h, z)


def turned_round(network, h, z, s):
    return h[..., :3] + s * network(z, h)


def joined(network, h, z, s):
    together = torch.cat([h, z[:, None].expand(-1, h.shape[1], -1)], dim=-1)
    return h[..., :3] + s * network(together, z)


# 05.4: the swap test


def swap(model, x, new_z=lambda z: z.roll(-1, 0), new_h=lambda h: h, samples=False):
    """Return how points move, (B, N, 3), and what they were."""
    encoding = model.encode(x)
    z, h = encoding.style.mean, encoding.points.mean
    if samples:
        z, h = encoding.style.sample(), encoding.points.sample()
    own = model.decode(h, z)
    return model.decode(new_h(h), new_z(z)) - own, own


def mean(moved):
    return moved.norm(dim=-1).mean()


def of_h(model, x):
    return mean(swap(model, x, new_z=lambda z: z, new_h=lambda h: h.roll(-1, 0))[0])


def of_both(model, x):
    return mean(swap(model, x, new_h=lambda h: h.roll(-1, 0))[0])


def of_the_one_before(model, x):
    return mean(swap(model, x, new_z=lambda z: z.roll(1, 0))[0])


def rolled_flat(model, x):
    return mean(swap(model, x, new_z=lambda z: z.roll(-1))[0])


def rolled_within(model, x):
    return mean(swap(model, x, new_z=lambda z: z.roll(-1, 1))[0])


def from_the_input(model, x):
    moved, own = swap(model, x)
    return mean(moved + own - x)


def absolute(model, x):
    return swap(model, x)[0].abs().mean()


def squared(model, x):
    return swap(model, x)[0].square().sum(-1).mean()


def norm_of_all(model, x):
    return swap(model, x)[0].norm()


def norm_along_points(model, x):
    return swap(model, x)[0].norm(dim=1).mean()


def added_up(model, x):
    return swap(model, x)[0].norm(dim=-1).sum()


def along_the_axes(model, x):
    return swap(model, x)[0].abs().sum(-1).mean()


def from_the_donor(model, x):
    moved, own = swap(model, x)
    return mean(moved + own - own.roll(-1, 0))


def reversed_batch(model, x):
    return mean(swap(model, x, new_z=lambda z: z.flip(0))[0])


def of_posteriors(model, x):
    encoding = model.encode(x)
    return mean(model.decode(encoding.points, encoding.style))


def decoded_turned_round(model, x):
    encoding = model.encode(x)
    return mean(model.decode(encoding.style.mean, encoding.points.mean))


def of_samples(model, x):
    return mean(swap(model, x, samples=True)[0])


def for_each_shape(model, x):
    return swap(model, x)[0].norm(dim=-1).mean(dim=1)


def unmoved(model, x):
    return mean(swap(model, x, new_z=lambda z: z)[0])


# 05.5: a layer that beats AdaIN


class OverBatch(AdaptiveNorm):
    def modulate(self, features, scale, shift):
        return scale * normalized(features, dim=(0, 1)) + shift


class OrderMatters(AdaptiveNorm):
    def modulate(self, features, scale, shift):
        return scale * normalized(features, dim=2) + torch.arange(features.shape[1])[:, None]


class Deaf(AdaptiveNorm):
    def modulate(self, features, scale, shift):
        return normalized(features, dim=2)


class Large(AdaLN):
    def __init__(self, channels, style_dim):
        super().__init__(channels, style_dim)
        self.more = nn.Linear(100, 100)


class OnePoint(nn.Linear):
    def forward(self, features, style):
        return features.mean(dim=1)


def epsilon_outside(features, scale, shift):
    centered = features - features.mean(1, True)
    return scale * centered / (features.std(dim=1, keepdim=True, correction=0) + 1e-5) + shift


WRONG = [
    ("05.1", epsilon_outside, "epsilon, 1e-5, belongs under the root."),
    ("05.1", layer_norm, "that is layer norm"),
    ("05.1", batch_norm, "that is batch norm"),
    ("05.1", all_at_once, "Each channel has its own"),
    ("05.1", by_the_variance, "divided by the variance"),
    ("05.1", unbiased, "divides by N - 1"),
    ("05.1", not_centered, "without taking the mean away"),
    ("05.1", only_centered, "did not divide"),
    ("05.1", shifted_first, "the shift is scaled"),
    ("05.1", without_shift, "The shift is missing"),
    ("05.1", without_scale, "The scale is missing"),
    ("05.1", one_plus_scale, "1 + scale"),
    ("05.1", without_epsilon, "Add epsilon"),
    ("05.1", nothing_put_back, "did not put back"),
    ("05.1", not_normalized, "did not normalize"),
    ("05.1", exchanged, "the shift for the scale"),
    ("05.1", torchs_own, "`instance_norm` refuses"),
    ("05.2", instance_norm, "that is AdaIN"),
    ("05.2", one_group, "as if there were one group"),
    ("05.2", each_point, "each point by itself"),
    ("05.2", groups_of_eight, "there should be 8 groups"),
    ("05.2", channels_far_apart, "Neighbors belong together"),
    ("05.2", over_the_batch, "The batch axis is in your statistics"),
    ("05.2", groups_not_put_back, "did not put back"),
    ("05.2", groups_exchanged, "the shift for the scale"),
    ("05.2", groups_without_scale, "The scale is missing"),
    ("05.2", over_the_groups, "not over the channels inside one"),
    ("05.2", group_variance, "divided by the variance"),
    ("05.2", group_unbiased, "the count minus 1"),
    ("05.2", group_centered, "did not divide"),
    ("05.2", not_flattened, "`flatten(2)`"),
    ("05.2", always_eight, "Right for 8 groups"),
    ("05.3", without_weight, "left out the skip weight"),
    ("05.3", without_points, "left out h_xyz"),
    ("05.3", weighted_points, "weighted h_xyz"),
    ("05.3", mixed, "keeps its full weight"),
    ("05.3", last_three, "the last three numbers"),
    ("05.3", only_points, "has no say"),
    ("05.3", subtracted, "You subtracted"),
    ("05.3", cut_off, "Give it all of it"),
    ("05.3", all_of_h, "Points have three coordinates"),
    ("05.3", only_network, "and nothing else"),
    ("05.3", always_hundredth, "Use `skip_weight`"),
    ("05.3", turned_round, "takes h first"),
    ("05.3", joined, "got more than h"),
    ("05.4", of_h, "You swapped h."),
    ("05.4", of_both, "You swapped both"),
    ("05.4", of_the_one_before, "the shape before"),
    ("05.4", rolled_flat, "Pass `dims=0`"),
    ("05.4", rolled_within, "along `dims=1`"),
    ("05.4", from_the_input, "compared with the input"),
    ("05.4", absolute, "absolute differences"),
    ("05.4", squared, "squared distances"),
    ("05.4", norm_of_all, "the norm over everything"),
    ("05.4", norm_along_points, "the norm along the points"),
    ("05.4", added_up, "Take their mean"),
    ("05.4", along_the_axes, "a straight line"),
    ("05.4", from_the_donor, "under its own z"),
    ("05.4", reversed_batch, "turned the batch round"),
    ("05.4", of_posteriors, "a whole posterior"),
    ("05.4", decoded_turned_round, "takes h first"),
    ("05.4", of_samples, "Did you draw samples"),
    ("05.4", for_each_shape, "One number was asked for"),
    ("05.4", unmoved, "do not move at all"),
    ("05.5", lambda channels, style_dim: None, "should be an `nn.Module`"),
    ("05.5", OnePoint, "should have shape (3, 24, 32)"),
    ("05.5", OverBatch, "differently alone and in a batch"),
    ("05.5", OrderMatters, "minds the order of the points"),
    ("05.5", Deaf, "does not listen"),
    ("05.5", Large, "would win by its size"),
    ("05.5", AdaIN, "Smaller is better"),
    ("05.5", AdaGN, "nearer to the donor than AdaIN's"),
]


@pytest.mark.parametrize(("id", "answer", "words"), WRONG)
def test_wrong_answer(rejects, id, answer, words):
    rejects(id, answer, words)


# The package's own layers and diagnostics are right answers


def test_layers_of_the_package_pass():
    adain, adagn = AdaIN(16, 1), AdaGN(16, 1)
    assert check("05.1", adain.modulate).status == "done"
    # The package's layer always has 8 groups, so it fails for 4, and only there.
    assert "for 4 groups" in check("05.2", lambda x, a, b, g=8: adagn.modulate(x, a, b)).message


def test_swap_test_of_the_package_measures_the_same(generator):
    x = torch.randn(3, 30, 3, generator=generator) + torch.randn(3, 1, 3, generator=generator)
    model = PointCloudVAE(VAEConfig(style_dim=8, skip_weight=1.0, width=16)).eval()
    torch.nn.init.normal_(model.decoder.network.head.weight)
    expected = swap_test(model, x)["z"].displacement
    assert mean(swap(model, x)[0]).item() == pytest.approx(expected, rel=1e-5)
    assert check("05.4", lambda model, x: mean(swap(model, x)[0])).status == "done"
