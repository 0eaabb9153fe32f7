"""Typical wrong answers to the exercises of chapter 06: each gets a message of its own."""

import pytest
import torch

from pcvae.exercises import check
from pcvae.models import DiagonalGaussian, Encoding, Reconstruction
from pcvae.objective import KLSchedule, Objective

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


# 06.2: annealing


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


# 06.3: free bits


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


# 06.4: waking z


def set_to(**settings):
    return lambda: settings


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
    ("06.1", without_half, "Is its 1/2 missing"),
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
    ("06.2", unclipped, "Clip it"),
    ("06.2", over_all_steps, "takes all steps"),
    ("06.2", the_other_share, "the share 1 - "),
    ("06.2", multiplied, "where you should divide"),
    ("06.2", from_zero, "begins at 0"),
    ("06.2", too_high, "it arrives too early"),
    ("06.2", downwards, "Your weight goes down"),
    ("06.2", to_one, "goes from 0 to 1"),
    ("06.2", constant, "constant from the beginning"),
    ("06.2", from_left_to_right, "from left to right"),
    ("06.2", larger, "with `min`"),
    ("06.2", jump, "jumps at the end of the ramp"),
    ("06.2", late_jump, "jumps just after the end"),
    ("06.2", by_a_factor, "the same *factor*"),
    ("06.2", as_usual, "the usual end points"),
    ("06.3", shape_by_shape, "shape by shape"),
    ("06.3", all_together, "all coordinates together with the free bits"),
    ("06.3", all_together_times, "S times the free bits"),
    ("06.3", minimum, "You took the minimum"),
    ("06.3", taken_off, "You took the free bits off"),
    ("06.3", mean_of_coordinates, "Sum them"),
    ("06.3", summed_over_the_batch, "You summed over the batch"),
    ("06.3", wrong_axis, "The batch is axis 0"),
    ("06.3", without_bits, "have no effect"),
    ("06.3", all_summed_up, "summed over everything"),
    ("06.3", whole_shapes, "all coordinates together, with the free bits"),
    ("06.3", of_each_coordinate, "then the sum over the coordinates"),
    ("06.4", set_to(batch_size=1), "There is no setting `batch_size`"),
    ("06.4", set_to(schedule="slow"), "is one of linear, cyclical, constant"),
    ("06.4", set_to(kl_weight=-1.0), "must not be negative"),
    ("06.4", lambda: 8.0, "Return a dict of settings"),
    ("06.4", set_to(), "Which KL weight acts here"),
    ("06.4", set_to(free_bits=0.5), "nobody reads them"),
    ("06.4", set_to(sigma_offset=1.0), "drove h back to a copy"),
    ("06.4", set_to(schedule="cyclical"), "It has to cost something"),
    ("06.4", set_to(kl_weight=2.0, sigma_offset=1.0), "Go on in this way"),
    ("06.4", set_to(kl_weight=8.0), "began as a copy"),
    (
        "06.4",
        set_to(kl_weight=8.0, sigma_offset=1.0, schedule="constant"),
        "cost more than they bring",
    ),
    ("06.4", set_to(kl_weight=60.0, sigma_offset=1.0, schedule="constant"), "shape is lost"),
    ("06.4", set_to(kl_weight=8.0, sigma_offset=1.0, style_weight=0.1), "both hold it back"),
]


UNKNOWN = [
    ("06.2", lambda *inputs: 7.0, "The weight for `annealed(0, 50, 0.1, 0.9, 0.4)` should be 0.1"),
    ("06.3", lambda *inputs: 7.0, "for 4.0 free nats and a `kl` of [[0.1, 0.2, 0.9, 2.0], ["),
]


@pytest.mark.parametrize(("id", "answer", "words"), UNKNOWN)
def test_an_unknown_mistake_is_told_what_the_answer_was_given(rejects, id, answer, words):
    rejects(id, answer, words)


@pytest.mark.parametrize(("id", "answer", "words"), WRONG)
def test_wrong_answer(rejects, id, answer, words):
    rejects(id, answer, words)


# The package's own functions are right answers


def test_objective_of_the_package_passes():
    def answer(x, decoded, style, local, kl_weight):
        output = Reconstruction(decoded, Encoding(style, local), style.mean, local.mean)
        return Objective()(x, output, kl_weight).loss

    assert check("06.1", answer).status == "done"


def test_schedule_of_the_package_passes():
    def answer(step, total_steps, start=1e-7, end=0.5, ratio=0.5):
        return KLSchedule(start=start, end=end, ratio=ratio)(step, total_steps)

    assert check("06.2", answer).status == "done"


def test_free_bits_of_the_package_are_what_is_asked_for(generator):
    def right(kl, bits):
        return kl.mean(dim=0).clamp(min=bits).sum()

    assert check("06.3", right).status == "done"
    style = DiagonalGaussian(*torch.randn(2, 5, 8, generator=generator))
    h = DiagonalGaussian(torch.zeros(5, 3, 4), torch.zeros(5, 3, 4))
    output = Reconstruction(torch.zeros(5, 3, 3), Encoding(style, h), style.mean, h.mean)
    found = Objective(free_bits=0.7)(torch.zeros(5, 3, 3), output, 1.0).kl_style
    torch.testing.assert_close(found, right(style.kl(), 0.7))
