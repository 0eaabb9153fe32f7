"""Typical wrong answers to the exercises of chapter 10: each gets a message of its own."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from pcvae.exercises import check

# 10.1: MMD and coverage


def mmd(distances):
    return distances.min(axis=0).mean()


def coverage(distances):
    return len(np.unique(distances.argmin(axis=1))) / distances.shape[1]


def covering(score):
    """MMD as it should be, with some score in the place of coverage."""
    return lambda distances: (mmd(distances), score(distances))


def matching(score):
    """Coverage as it should be, with some score in the place of MMD."""
    return lambda distances: (score(distances), coverage(distances))


# 10.2: 1-NNA


def shares(distances, is_sample, diagonal=np.inf):
    """For each shape: the nearest of its own set, the nearest of the other."""
    others = distances + np.diag(np.full(len(distances), diagonal))
    same = is_sample[:, None] == is_sample[None]
    return np.where(same, others, np.inf).min(axis=1), np.where(same, np.inf, others).min(axis=1)


def halves(distances, is_sample, diagonal=np.inf):
    own, foreign = shares(distances, is_sample, diagonal)
    return np.where(own == foreign, 0.5, own < foreign)


def accuracy(distances, is_sample):
    return halves(distances, is_sample).mean()


def strict(distances, is_sample):
    own, foreign = shares(distances, is_sample)
    return (own < foreign).mean()


def kind(distances, is_sample):
    own, foreign = shares(distances, is_sample)
    return (own <= foreign).mean()


def share_of_the_nearest(distances, is_sample):
    found = []
    for k, row in enumerate(distances):
        others, kinds = np.delete(row, k), np.delete(is_sample, k)
        found.append((kinds[others == others.min()] == is_sample[k]).mean())
    return np.mean(found)


def times_infinity(distances, is_sample):
    with np.errstate(invalid="ignore"):
        others = distances + np.eye(len(distances)) * np.inf
    return (is_sample[others.argmin(axis=1)] == is_sample).mean()


def by_set(distances, is_sample):
    found = halves(distances, is_sample)
    return (found[is_sample].mean() + found[~is_sample].mean()) / 2


# 10.3: a floor, and how sure it is


def floor(score, held_out, size, repeats, rng, spread=np.std, center=np.mean):
    found = []
    for _ in range(repeats):
        rows = rng.permutation(held_out)
        found.append(score(rows[:size], rows[size : 2 * size]))
    return center(found), spread(found)


def drawn(draw):
    """A floor whose two sets are drawn in some way."""

    def answer(score, held_out, size, repeats, rng):
        found = [score(*draw(held_out, size, rng)) for _ in range(repeats)]
        return np.mean(found), np.std(found)

    return answer


def once(score, held_out, size, repeats, rng):
    return floor(score, held_out, size, 1, rng)


def frozen(score, held_out, size, repeats, rng):
    rows = rng.permutation(held_out)
    found = [score(rows[:size], rows[size : 2 * size]) for _ in range(repeats)]
    return np.mean(found), np.std(found)


def standard_error(values):
    return np.std(values) / np.sqrt(len(values))


def first_half(held_out, size, rng):
    rows = rng.permutation(2 * size)
    return rows[:size], rows[size:]


# 10.4: a leak


def both_ways(one, other):
    squared = cdist(one, other, "sqeuclidean")
    return max(squared.min(axis=1).max(), squared.min(axis=0).max())


def first_of_the_nearest(distances, is_sample):
    others = distances + np.diag(np.full(len(distances), np.inf))
    return (is_sample[others.argmin(axis=1)] == is_sample).mean()


def leaked(test, training, distance=both_ways, near=1e-9):
    return np.array([min(distance(s, t) for t in training) < near for s in test])


def there(one, other):
    return cdist(one, other, "sqeuclidean").min(axis=1).max()


def sum_of_means(one, other):
    squared = cdist(one, other, "sqeuclidean")
    return squared.min(axis=1).mean() + squared.min(axis=0).mean()


def by_sorting(test, training):
    def key(cloud):
        return cloud[np.lexsort(cloud.T)]

    return np.array([any(np.allclose(key(s), key(t)) for t in training) for s in test])


# 10.5: a score fooled


def stray(training, count, rng):
    clouds = training[rng.permutation(len(training))[:count]]
    clouds[:, 0] = [3.0, 0.0, 0.0]
    return clouds


def blurred(amount):
    def answer(training, count, rng):
        clouds = training[rng.permutation(len(training))[:count]]
        return clouds + amount * rng.normal(size=clouds.shape)

    return answer


def few(training, count, rng):
    return np.repeat(stray(training, 1, rng), count, axis=0)


WRONG = [
    ("10.1", coverage, "Return two numbers"),
    ("10.1", matching(coverage), "MMD comes first"),
    ("10.1", matching(lambda m: m.min(axis=1).mean()), "the nearest *reference* of each sample"),
    ("10.1", matching(lambda m: m.min(axis=0).sum()), "You added up"),
    ("10.1", matching(lambda m: m.min(axis=0).sum() / len(m)), "a mean over the references"),
    ("10.1", matching(np.mean), "the mean of *all* distances"),
    ("10.1", matching(np.min), "the smallest distance of all"),
    ("10.1", matching(lambda m: m.max(axis=0).mean()), "`max` where `min` belongs"),
    ("10.1", covering(lambda m: len(np.unique(m.argmin(axis=0))) / m.shape[0]), "nearest *sample*"),
    ("10.1", covering(lambda m: len(np.unique(m.argmin(axis=0))) / m.shape[1]), "Ask each sample"),
    ("10.1", covering(lambda m: len(np.unique(m.argmin(axis=1))) / m.shape[0]), "by the samples"),
    ("10.1", covering(lambda m: len(m) / m.shape[1]), "Count *distinct* references"),
    ("10.1", covering(lambda m: len(np.unique(m.argmin(axis=1)))), "You returned how many"),
    ("10.1", covering(lambda m: len(np.unique(m.argmax(axis=1))) / m.shape[1]), "the farthest"),
    ("10.1", covering(lambda m: (m.min(axis=0) < np.median(m)).mean()), "within some distance"),
    ("10.1", covering(mmd), "That is MMD"),
    ("10.1", covering(lambda m: 100 * coverage(m)), "You returned percent"),
    ("10.1", covering(lambda m: (np.bincount(m.argmin(axis=1)) > 0).mean()), "`minlength`"),
    ("10.2", lambda d, s: halves(d, s, 0).mean() * 0 + 1.0, "Leave the diagonal out"),
    ("10.2", lambda d, s: (s[d.argmin(axis=1)] == s).mean(), "Leave the diagonal out, and"),
    ("10.2", first_of_the_nearest, "You took the first of the nearest"),
    ("10.2", lambda d, s: halves(d, s)[s].mean(), "You asked the samples alone"),
    ("10.2", lambda d, s: halves(d, s)[~s].mean(), "You asked the references alone"),
    ("10.2", lambda d, s: 1 - accuracy(d, s), "You counted the mistakes"),
    ("10.2", by_set, "You averaged the accuracies"),
    ("10.2", kind, "you counted it as right"),
    ("10.2", strict, "you counted it as wrong"),
    ("10.2", lambda d, s: halves(d, s).sum(), "You returned a count"),
    ("10.2", share_of_the_nearest, "you took the share"),
    ("10.2", times_infinity, "0 times infinity, NaN"),
    ("10.2", lambda d, s: (s[d.argmax(axis=1)] == s).mean(), "the farthest shape"),
    ("10.3", lambda *a: (0.0, 0.0), "You never called `score`"),
    ("10.3", once, "You scored 1 splits"),
    ("10.3", frozen, "the same split again and again"),
    ("10.3", lambda *a: floor(*a, spread=standard_error), "how sure the *mean* is"),
    ("10.3", lambda *a: floor(*a, spread=np.var), "That is the variance"),
    ("10.3", lambda *a: floor(*a, spread=np.ptp), "from the lowest to the highest"),
    ("10.3", lambda *a: floor(*a, center=np.median), "That is the median"),
    ("10.3", lambda *a: floor(*a)[0], "Return two numbers"),
    (
        "10.3",
        drawn(lambda n, size, rng: (rng.permutation(n)[:size], rng.permutation(n)[:size])),
        "Both sets share shapes",
    ),
    (
        "10.3",
        drawn(lambda n, size, rng: (rng.integers(n, size=size), rng.integers(n, size=size))),
        "Draw without replacement",
    ),
    (
        "10.3",
        drawn(lambda n, size, rng: np.split(rng.permutation(n), 2)),
        "A set has 20 shapes",
    ),
    ("10.3", drawn(first_half), "Some held-out shapes were never drawn"),
    (
        "10.3",
        drawn(
            lambda n, size, rng: (lambda p: (p[:size], n + p[size : 2 * size]))(rng.permutation(n))
        ),
        "Held-out shapes are numbered",
    ),
    ("10.4", lambda a, b: leaked(a, b, lambda s, t: np.abs(s - t).max()), "point k with point k"),
    (
        "10.4",
        lambda a, b: leaked(a, b, lambda s, t: np.linalg.norm(s.mean(0) - t.mean(0)), 1e-6),
        "You compared centers",
    ),
    ("10.4", lambda a, b: leaked(a, b, there), "A scrap of a training shape"),
    (
        "10.4",
        lambda a, b: leaked(a, b, lambda s, t: np.abs(np.sort(s, 0) - np.sort(t, 0)).max()),
        "each coordinate by itself",
    ),
    (
        "10.4",
        lambda a, b: leaked(a, b, lambda s, t: there(t, s)),
        "from the training shape to the test shape only",
    ),
    ("10.4", lambda a, b: ~leaked(a, b), "True where it should be False"),
    ("10.4", lambda a, b: leaked(a, b, sum_of_means, 0.05), "only look alike"),
    ("10.4", lambda a, b: leaked(b, a), "One answer for each *test* shape"),
    ("10.5", lambda t, count, rng: t[:count], "These are copies"),
    ("10.5", blurred(0.2), "1-NNA is to see through it"),
    ("10.5", blurred(0.3), "What could you add to all of them?"),
    ("10.5", few, "COV is 0.03"),
    ("10.5", lambda t, count, rng: None, "Is the `return` missing?"),
    ("10.5", lambda t, count, rng: t, "should have shape (60, 64, 3)"),
]


@pytest.mark.parametrize(("id", "answer", "words"), WRONG)
def test_wrong_answer(rejects, id, answer, words):
    rejects(id, answer, words)


@pytest.mark.parametrize(
    ("id", "answer"),
    [
        ("10.1", covering(coverage)),
        ("10.1", lambda m: [sum(m.min(axis=0)) / len(m.T), len(set(m.argmin(axis=1))) / len(m.T)]),
        ("10.2", accuracy),
        ("10.3", floor),
        ("10.3", lambda *a: floor(*a, spread=lambda v: np.std(v, ddof=1))),
        ("10.4", leaked),
        ("10.4", by_sorting),
        ("10.5", stray),
    ],
)
def test_other_ways_that_are_right(id, answer):
    assert check(id, answer).status == "done"
