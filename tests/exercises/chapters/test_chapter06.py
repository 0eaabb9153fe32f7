"""Typical wrong answers to the exercises of chapter 06: each gets a message of its own."""

import math

import pytest
import torch

from pcvae.exercises import check
from pcvae.models import DiagonalGaussian, Encoding, Reconstruction
from pcvae.objective import KLSchedule, Objective, equilibrium_sigma

# 06.1: the loss


def per_shape(values):
    return values.flatten(1).sum(dim=1).mean()


def elbo(x, decoded, style, local, w, kl=lambda q: q.kl(), error=lambda d: d.abs(), add=per_shape):
    return add(error(decoded - x)) + w * (per_shape(kl(style)) + per_shape(kl(local)))


def without_weight(x, decoded, style, local, w):
    return elbo(x, decoded, style, local, 1.0)


def weighted_error(x, decoded, style, local, w):
    return w * elbo(x, decoded, style, local, 1 / w)


def weighted_z(x, decoded, style, local, w):
    return elbo(x, decoded, style, local, w) + (1 - w) * per_shape(local.kl())


def weighted_h(x, decoded, style, local, w):
    return elbo(x, decoded, style, local, w) + (1 - w) * per_shape(style.kl())


def without_h(x, decoded, style, local, w):
    return elbo(x, decoded, style, local, w) - w * per_shape(local.kl())


def without_z(x, decoded, style, local, w):
    return elbo(x, decoded, style, local, w) - w * per_shape(style.kl())


def subtracted(x, decoded, style, local, w):
    return elbo(x, decoded, style, local, -w)


def negative(x, decoded, style, local, w):
    return -elbo(x, decoded, style, local, w)


def mean_error(x, decoded, style, local, w):
    return elbo(x, decoded, style, local, w, add=torch.mean)


def lions(x, decoded, style, local, w):
    return elbo(x, decoded, style, local, w, add=torch.sum)


def all_summed(x, decoded, style, local, w):
    return len(x) * elbo(x, decoded, style, local, w)


def all_means(x, decoded, style, local, w):
    return (decoded - x).abs().mean() + w * (style.kl().mean() + local.kl().mean())


def mean_kl(x, decoded, style, local, w):
    return per_shape((decoded - x).abs()) + w * (style.kl().mean() + local.kl().mean())


def mean_over_points(x, decoded, style, local, w):
    kl = per_shape(style.kl()) + local.kl().sum(-1).mean()
    return per_shape((decoded - x).abs()) + w * kl


def log_variance(x, decoded, style, local, w):
    def kl(q):
        return 0.5 * (q.mean**2 + q.log_sigma.exp() - 1 - q.log_sigma)

    return elbo(x, decoded, style, local, w, kl)


def sigma_not_squared(x, decoded, style, local, w):
    def kl(q):
        return 0.5 * (q.mean**2 + q.sigma - 1) - q.log_sigma

    return elbo(x, decoded, style, local, w, kl)


def without_half(x, decoded, style, local, w):
    def kl(q):
        return q.mean**2 + q.sigma**2 - 1 - 2 * q.log_sigma

    return elbo(x, decoded, style, local, w, kl)


def without_constant(x, decoded, style, local, w):
    return elbo(x, decoded, style, local, w, lambda q: q.kl() + 0.5)


def wrong_sign(x, decoded, style, local, w):
    return elbo(x, decoded, style, local, w, lambda q: q.kl() + 2 * q.log_sigma)


def without_mean(x, decoded, style, local, w):
    return elbo(x, decoded, style, local, w, lambda q: q.kl() - 0.5 * q.mean**2)


def half_of_log_sigma(x, decoded, style, local, w):
    return elbo(x, decoded, style, local, w, lambda q: q.kl() + 0.5 * q.log_sigma)


def squared_error(x, decoded, style, local, w):
    return elbo(x, decoded, style, local, w, error=torch.square)


def half_squared_error(x, decoded, style, local, w):
    return elbo(x, decoded, style, local, w, error=lambda d: 0.5 * d**2)


def distances(x, decoded, style, local, w):
    return elbo(x, decoded, style, local, w, error=lambda d: d.norm(dim=-1))


def without_absolute(x, decoded, style, local, w):
    return elbo(x, decoded, style, local, w, error=lambda d: d)


def mean_not_squared(x, decoded, style, local, w):
    def kl(q):
        return 0.5 * (q.mean + q.sigma**2 - 1) - q.log_sigma

    return elbo(x, decoded, style, local, w, kl)


def over_points_only(x, decoded, style, local, w):
    kl = style.kl().sum(dim=1).mean() + local.kl().sum(dim=1).mean()
    return per_shape((decoded - x).abs()) + w * kl


def without_features(x, decoded, style, local, w):
    return elbo(x, decoded, style, local, w) - w * per_shape(local.kl()[..., 3:])


def of_each_shape(x, decoded, style, local, w):
    error = (decoded - x).abs().sum(dim=(1, 2))
    return error + w * (style.kl().sum(1) + local.kl().sum(dim=(1, 2)))


# 06.2: the noise at equilibrium: a, b, c of the quadratic equation, and what is made of them


def root(w, a, sign=1.0):
    return (-a + sign * math.sqrt(a * a + 4 * w * w)) / (2 * w)


RATIO = math.sqrt(2 / math.pi)


def other_root(w, r):
    return root(w, r * RATIO, sign=-1.0)


def without_ratio(w, r):
    return root(w, r)


def upside_down(w, r):
    return root(w, r / RATIO)


def without_inner_root(w, r):
    return root(w, r * 2 / math.pi)


def without_copies(w, r):
    return root(w, RATIO)


def divided_by_copies(w, r):
    return root(w, RATIO / r)


def without_kl_weight(w, r):
    return root(1.0, r * RATIO)


def weight_on_the_error(w, r):
    return root(1.0, r * w * RATIO)


def variance(w, r):
    return root(w, r * RATIO) ** 2


def log_sigma(w, r):
    return math.log(root(w, r * RATIO))


def little_noise(w, r):
    return w / (r * RATIO)


def not_divided_by_w(w, r):
    return root(w, r * RATIO) * w


def divided_by_w(w, r):
    return 2 * root(w, r * RATIO)


def of_squared_error(w, r):
    return math.sqrt(w / (2 * r + w))


def multiplied_by_w(w, r):
    return (-r * RATIO + math.sqrt((r * RATIO) ** 2 + 4 * w * w)) / 2 * w


def plus_a(w, r):
    return (r * RATIO + math.sqrt((r * RATIO) ** 2 + 4 * w * w)) / (2 * w)


def four_w(w, r):
    return (-r * RATIO + math.sqrt((r * RATIO) ** 2 + 4 * w)) / (2 * w)


def without_four(w, r):
    return (-r * RATIO + math.sqrt((r * RATIO) ** 2 + w * w)) / (2 * w)


def both_roots(w, r):
    return [root(w, r * RATIO), other_root(w, r)]


# 06.3: annealing


def line(step, total, start, end, ratio, low=None, height=None):
    low, height = start if low is None else low, end - start if height is None else height
    return min(max(low + height * step / (ratio * total), start), end)


def unclipped(step, total, start=1e-7, end=0.5, ratio=0.5):
    return start + (end - start) * step / (ratio * total)


def over_all_steps(step, total, start=1e-7, end=0.5, ratio=0.5):
    return line(step, total, start, end, 1.0)


def the_other_share(step, total, start=1e-7, end=0.5, ratio=0.5):
    return line(step, total, start, end, 1 - ratio)


def multiplied(step, total, start=1e-7, end=0.5, ratio=0.5):
    return line(step, total, start, end, 1 / ratio)


def from_zero(step, total, start=1e-7, end=0.5, ratio=0.5):
    return line(step, total, start, end, ratio, low=0.0, height=end)


def too_high(step, total, start=1e-7, end=0.5, ratio=0.5):
    return line(step, total, start, end, ratio, height=end)


def downwards(step, total, start=1e-7, end=0.5, ratio=0.5):
    return start + end - line(step, total, start, end, ratio)


def to_one(step, total, start=1e-7, end=0.5, ratio=0.5):
    return min(step / (ratio * total), 1.0)


def constant(step, total, start=1e-7, end=0.5, ratio=0.5):
    return end


def from_left_to_right(step, total, start=1e-7, end=0.5, ratio=0.5):
    return min(start + (end - start) * step / ratio * total, end)


def larger(step, total, start=1e-7, end=0.5, ratio=0.5):
    return max(unclipped(step, total, start, end, ratio), end)


def jump(step, total, start=1e-7, end=0.5, ratio=0.5):
    return end if step >= ratio * total else start


def late_jump(step, total, start=1e-7, end=0.5, ratio=0.5):
    return end if step > ratio * total else start


def by_a_factor(step, total, start=1e-7, end=0.5, ratio=0.5):
    return start * (end / start) ** min(step / (ratio * total), 1)


def as_usual(step, total, start=1e-7, end=0.5, ratio=0.5):
    return line(step, total, 1e-7, 0.5, 0.5)


# 06.4: free bits


def shape_by_shape(kl, bits):
    return kl.clamp(min=bits).sum(dim=1).mean()


def all_together(kl, bits):
    return kl.sum(dim=1).mean().clamp(min=bits)


def all_together_times(kl, bits):
    return kl.sum(dim=1).mean().clamp(min=bits * kl.shape[1])


def minimum(kl, bits):
    return kl.mean(dim=0).clamp(max=bits).sum()


def taken_off(kl, bits):
    return (kl.mean(dim=0) - bits).clamp(min=0).sum()


def mean_of_coordinates(kl, bits):
    return kl.mean(dim=0).clamp(min=bits).mean()


def summed_over_the_batch(kl, bits):
    return kl.sum(dim=0).clamp(min=bits).sum()


def wrong_axis(kl, bits):
    return kl.mean(dim=1).clamp(min=bits).sum()


def without_bits(kl, bits):
    return kl.sum(dim=1).mean()


def all_summed_up(kl, bits):
    return kl.clamp(min=bits).sum()


def whole_shapes(kl, bits):
    return kl.sum(dim=1).clamp(min=bits).mean()


def of_each_coordinate(kl, bits):
    return kl.mean(dim=0).clamp(min=bits)


WRONG = [
    ("06.1", without_weight, "The KL weight is missing"),
    ("06.1", weighted_error, "weight is on the error"),
    ("06.1", weighted_z, "one KL term only. It belongs to both"),
    ("06.1", weighted_h, "one KL term only. It belongs to z and to h"),
    ("06.1", without_h, "The KL of h is missing"),
    ("06.1", without_z, "The KL of z is missing"),
    ("06.1", subtracted, "The KL is subtracted"),
    ("06.1", negative, "The loss is its negative"),
    ("06.1", mean_error, "the mean of the error"),
    ("06.1", lions, "That is LION's loss"),
    ("06.1", all_summed, "You summed over the batch"),
    ("06.1", all_means, "means of everything"),
    ("06.1", mean_kl, "the mean of KL over its coordinates"),
    ("06.1", mean_over_points, "the KL of h over the points"),
    ("06.1", log_variance, "as a log variance"),
    ("06.1", sigma_not_squared, "where sigma squared belongs"),
    ("06.1", without_half, "Is the 1/2 missing"),
    ("06.1", without_constant, "The constant -1/2"),
    ("06.1", wrong_sign, "the wrong sign before log sigma"),
    ("06.1", without_mean, "The term of the mean"),
    ("06.1", half_of_log_sigma, "half of log sigma"),
    ("06.1", squared_error, "Your error is squared"),
    ("06.1", half_squared_error, "half the square"),
    ("06.1", distances, "the distance of the points"),
    ("06.1", without_absolute, "The absolute value is missing"),
    ("06.1", mean_not_squared, "The mean is not squared"),
    ("06.1", over_points_only, "over its points only"),
    ("06.1", without_features, "the three coordinates only"),
    ("06.1", of_each_shape, "Sum inside a shape"),
    ("06.2", other_root, "the other root"),
    ("06.2", without_ratio, "left out the factor sqrt(2 / pi)"),
    ("06.2", upside_down, "is sqrt(pi / 2)"),
    ("06.2", without_inner_root, "2 / pi without the root"),
    ("06.2", without_copies, "how often the error counts"),
    ("06.2", divided_by_copies, "You divided the error by R"),
    ("06.2", without_kl_weight, "You ignored the KL weight"),
    ("06.2", weight_on_the_error, "put the weight on the error"),
    ("06.2", variance, "That is the variance"),
    ("06.2", log_sigma, "That is log sigma"),
    ("06.2", little_noise, "for very little noise only"),
    ("06.2", not_divided_by_w, "forgot to divide by w"),
    ("06.2", divided_by_w, "divides by 2 w"),
    ("06.2", of_squared_error, "a squared error"),
    ("06.2", multiplied_by_w, "from left to right"),
    ("06.2", plus_a, "+a in front"),
    ("06.2", four_w, "a^2 + 4 w^2"),
    ("06.2", without_four, "The 4 under the root"),
    ("06.2", both_roots, "sigma should be one number"),
    ("06.3", unclipped, "Clip it"),
    ("06.3", over_all_steps, "takes all steps"),
    ("06.3", the_other_share, "the share 1 - "),
    ("06.3", multiplied, "where you should divide"),
    ("06.3", from_zero, "begins at 0"),
    ("06.3", too_high, "it arrives too early"),
    ("06.3", downwards, "Your weight goes down"),
    ("06.3", to_one, "goes from 0 to 1"),
    ("06.3", constant, "constant from the beginning"),
    ("06.3", from_left_to_right, "from left to right"),
    ("06.3", larger, "with `min`"),
    ("06.3", jump, "jumps at the end of the ramp"),
    ("06.3", late_jump, "jumps just after the end"),
    ("06.3", by_a_factor, "the same *factor*"),
    ("06.3", as_usual, "the usual end points"),
    ("06.4", shape_by_shape, "shape by shape"),
    ("06.4", all_together, "all coordinates together with the free bits"),
    ("06.4", all_together_times, "S times the free bits"),
    ("06.4", minimum, "You took the minimum"),
    ("06.4", taken_off, "You took the free bits off"),
    ("06.4", mean_of_coordinates, "Sum them"),
    ("06.4", summed_over_the_batch, "You summed over the batch"),
    ("06.4", wrong_axis, "The batch is axis 0"),
    ("06.4", without_bits, "have no effect"),
    ("06.4", all_summed_up, "summed over everything"),
    ("06.4", whole_shapes, "all coordinates together, with the free bits"),
    ("06.4", of_each_coordinate, "then the sum over the coordinates"),
]


@pytest.mark.parametrize(("id", "answer", "words"), WRONG)
def test_wrong_answer(rejects, id, answer, words):
    rejects(id, answer, words)


# The package's own functions are right answers


def test_objective_of_the_package_passes():
    def answer(x, decoded, style, local, kl_weight):
        output = Reconstruction(decoded, Encoding(style, local), style.mean, local.mean)
        return Objective()(x, output, kl_weight).loss

    assert check("06.1", answer).status == "done"


def test_closed_form_of_the_package_passes():
    assert check("06.2", equilibrium_sigma).status == "done"
    # So does the textbook's root, whose digits get lost only far outside of the cases.
    assert check("06.2", lambda w, r: root(w, r * RATIO)).status == "done"


def test_schedule_of_the_package_passes():
    def answer(step, total_steps, start=1e-7, end=0.5, ratio=0.5):
        return KLSchedule(start=start, end=end, ratio=ratio)(step, total_steps)

    assert check("06.3", answer).status == "done"


def test_free_bits_of_the_package_are_what_is_asked_for(generator):
    def right(kl, bits):
        return kl.mean(dim=0).clamp(min=bits).sum()

    assert check("06.4", right).status == "done"
    style = DiagonalGaussian(*torch.randn(2, 5, 8, generator=generator))
    h = DiagonalGaussian(torch.zeros(5, 3, 4), torch.zeros(5, 3, 4))
    output = Reconstruction(torch.zeros(5, 3, 3), Encoding(style, h), style.mean, h.mean)
    found = Objective(free_bits=0.7)(torch.zeros(5, 3, 3), output, 1.0).kl_style
    torch.testing.assert_close(found, right(style.kl(), 0.7))
