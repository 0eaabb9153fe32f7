"""Checks of chapter 10: MMD, coverage, 1-NNA, a floor with its spread, a leak, a score fooled."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from scipy.spatial.distance import cdist

from pcvae.data import generate
from pcvae.exercises.comparing import Wrong, compare, expect, numbers
from pcvae.exercises.open_tasks import SEEDS, beside
from pcvae.exercises.registry import exercise
from pcvae.metrics import (
    chamfer_matrix,
    coverage,
    minimum_matching_distance,
    nearer_than,
    nearest_neighbor_accuracy,
    set_scores,
)
from pcvae.shapes import families


@exercise("10.1", "MMD and coverage", difficulty=1, importance=4, minutes=10)
def check_mmd_and_coverage(answer: Callable) -> None:
    """Compare on matrices of unlike sizes, where several samples share a nearest reference."""
    rng = np.random.default_rng(1)
    matrices = [rng.random((9, 6)) + np.linspace(0, 0.5, 6), rng.random((5, 8))]
    both = {(): "Return two numbers: MMD, and the coverage."}
    got = np.stack([numbers(answer(m.copy()), (2,), "The answer", both) for m in matrices])
    cases = [f"{len(m)} samples and {m.shape[1]} references" for m in matrices]
    for column, (what, score, wrong) in enumerate(
        [
            ("MMD", minimum_matching_distance, _DISTANCE),
            ("The coverage", coverage, _COVERAGE),
        ]
    ):
        mistakes = {text: [slip(m) for m in matrices] for text, slip in wrong.items()}
        right = [score(m) for m in matrices]
        compare(got[:, column], right, mistakes, what=what, cases=cases)


_DISTANCE: dict[str, Callable[[np.ndarray], float]] = {
    "MMD comes first, then the coverage.": coverage,
    "For MMD you took the nearest *reference* of each sample. Ask each reference for its nearest "
    "sample: the smallest in a column, `min(axis=0)`.": lambda m: m.min(axis=1).mean(),
    "You added up the smallest distances. MMD is their mean over the references.": lambda m: m.min(
        axis=0
    ).sum(),
    "You divided by the samples. MMD is a mean over the references.": lambda m: (
        m.min(axis=0).sum() / m.shape[0]
    ),
    "That is the mean of *all* distances. MMD takes only the smallest one of each "
    "reference.": np.mean,
    "That is the smallest distance of all. MMD takes the smallest one of *each* reference, and "
    "the mean of these.": np.min,
    "For MMD you took the farthest sample of each reference: `max` where `min` "
    "belongs.": lambda m: m.max(axis=0).mean(),
}


_COVERAGE: dict[str, Callable[[np.ndarray], float]] = {
    "You looked for the nearest *sample* of each reference. Coverage asks each sample for its "
    "nearest reference: `argmin` over the columns, `axis=1`.": lambda m: (
        len(np.unique(m.argmin(axis=0))) / m.shape[0]
    ),
    "You looked for the nearest *sample* of each reference. Ask each sample for its nearest "
    "reference: `axis=1`.": lambda m: len(np.unique(m.argmin(axis=0))) / m.shape[1],
    "You divided by the samples. Coverage is a share of the references.": lambda m: (
        len(np.unique(m.argmin(axis=1))) / m.shape[0]
    ),
    "You counted a reference once for each sample that hits it. Count *distinct* references, "
    "`np.unique`.": lambda m: m.shape[0] / m.shape[1],
    "You returned how many are covered. Coverage is a share: divide by the references.": lambda m: (
        len(np.unique(m.argmin(axis=1)))
    ),
    "You took the farthest reference: `argmax` where `argmin` belongs.": lambda m: (
        len(np.unique(m.argmax(axis=1))) / m.shape[1]
    ),
    "You counted references that have a sample within some distance. Coverage knows no distance, "
    "only who is nearest.": lambda m: float((m.min(axis=0) < np.median(m)).mean()),
    "That is MMD, a mean of distances. Coverage counts.": lambda m: m.min(axis=0).mean(),
    "You returned percent. A share is between 0 and 1.": lambda m: 100 * coverage(m),
    "`np.bincount` ends at the last reference that is hit, so those behind it are not counted as "
    "missed. Give it `minlength`.": lambda m: float((np.bincount(m.argmin(axis=1)) > 0).mean()),
    "You asked which references are nearest samples *and* divided by them: that is always "
    "1.": lambda m: 1.0,
}


@exercise("10.2", "1-NNA", difficulty=3, importance=5, minutes=15)
def check_accuracy(answer: Callable) -> None:
    """Compare on sets of unlike sizes, with equally near shapes."""
    distances, is_sample = _two_sets()
    got = numbers(answer(distances.copy(), is_sample.copy()), (), "The accuracy")
    right, mistakes = _accuracies(distances, is_sample)
    compare(got, right, mistakes, what="The accuracy")


def _two_sets() -> tuple[np.ndarray, np.ndarray]:
    """Return distances (T, T) of 7 samples and 13 references, mixed, some equally near."""
    rng = np.random.default_rng(35)  # the slips below give other numbers than what is right
    places = rng.integers(0, 6, size=(20, 2)).astype(float)
    is_sample = np.zeros(20, dtype=bool)
    is_sample[rng.permutation(20)[:7]] = True
    places[is_sample] *= 0.8
    places[11:13] = places[:2]  # equally near: 11 and 12 stand where 0 and 1 stand
    return cdist(places, places), is_sample


def _accuracies(distances: np.ndarray, is_sample: np.ndarray) -> tuple[float, dict[str, float]]:
    s, r = np.flatnonzero(is_sample), np.flatnonzero(~is_sample)
    within_s, between = distances[np.ix_(s, s)], distances[np.ix_(s, r)]
    within_r = distances[np.ix_(r, r)]
    right = nearest_neighbor_accuracy(within_s, between, within_r)
    others = distances + np.diag(np.full(len(distances), np.inf))
    same = is_sample[:, None] == is_sample[None]
    own = np.where(same, others, np.inf).min(axis=1)
    foreign = np.where(same, np.inf, others).min(axis=1)
    half = np.where(own == foreign, 0.5, own < foreign)
    return right, {
        "Every shape is its own nearest neighbor, at distance 0. Leave the diagonal out.": 1.0,
        "Every shape is its own nearest neighbor, at distance 0. Leave the diagonal out, and "
        "count half where both sets have an equally near shape.": (
            float((is_sample[distances.argmin(axis=1)] == is_sample).mean())
        ),
        "You took the first of the nearest. Where both sets have an equally near shape, count "
        "half: nobody could tell.": (float((is_sample[others.argmin(axis=1)] == is_sample).mean())),
        "You asked the samples alone. Ask the references, too: a generator that copies one of "
        "them is betrayed by the others.": half[s].mean(),
        "You asked the references alone. Ask all shapes of both sets.": half[r].mean(),
        "You counted the mistakes. The accuracy is how often the nearest one is of the *own* "
        "set.": 1 - right,
        "You averaged the accuracies of both sets. The sets differ in size: count over all shapes "
        "together.": (half[s].mean() + half[r].mean()) / 2,
        "Where both sets have an equally near shape, you counted it as right. Count half: nobody "
        "could tell.": float((own <= foreign).mean()),
        "Where both sets have an equally near shape, you counted it as wrong. Count half: nobody "
        "could tell.": float((own < foreign).mean()),
        "You returned a count. Divide by the number of shapes.": half.sum(),
        "Where several shapes are equally near, you took the share of those of the own set. Count "
        "half if both sets have one, however many there are.": (
            ((others == others.min(axis=1, keepdims=True)) & same).sum(axis=1)
            / (others == others.min(axis=1, keepdims=True)).sum(axis=1)
        ).mean(),
        "Is it `np.eye(...) * np.inf`? Off the diagonal that is 0 times infinity, NaN, and "
        "all distances are lost. `np.diag(np.full(T, np.inf))` is 0 there.": (
            float((is_sample[_first_other(len(distances))] == is_sample).mean())
        ),
        "You took the farthest shape for the nearest.": float(
            (is_sample[distances.argmax(axis=1)] == is_sample).mean()
        ),
    }


def _first_other(count: int) -> np.ndarray:
    """Return what `argmin` finds where all but the diagonal is NaN: the first NaN of each row."""
    return np.array([1, *[0] * (count - 1)])


@exercise("10.3", "A floor, and how sure it is", difficulty=3, importance=5, minutes=15)
def check_floor(answer: Callable) -> None:
    """Watch which shapes are scored against which, and compare mean and spread."""
    seen: list[tuple[np.ndarray, np.ndarray]] = []

    def score(samples: np.ndarray, references: np.ndarray) -> float:
        rows = [np.asarray(part).reshape(-1) for part in (samples, references)]
        seen.append((rows[0], rows[1]))
        return float(rows[0].sum() - 0.5 * rows[1].sum()) / 100

    raw = answer(score, 40, 12, 25, np.random.default_rng(3))
    expect(bool(seen), "You never called `score`.")
    if not isinstance(raw, tuple | list) or len(raw) != 2:
        numbers(raw, what="The answer")
        raise Wrong("Return two numbers: the mean of the scores, and their standard deviation.")
    mean, spread = (numbers(part, (), "Each of both numbers") for part in raw)
    _check_draws(seen)
    _check_spread(np.array([score(*pair) for pair in list(seen)]), float(mean), float(spread))


def _check_draws(seen: list[tuple[np.ndarray, np.ndarray]]) -> None:
    """Raise Wrong unless disjoint sets of 12 of the 40 shapes were drawn anew 25 times."""
    for samples, references in seen:
        for rows in (samples, references):
            expect(
                len(rows) == 12,
                f"A set has {len(rows)} shapes; `size` is 12. A score depends on how many there "
                "are, so its floor must rest on as many.",
            )
            expect(
                rows.min() >= 0 and rows.max() < 40,
                f"You scored the shapes {rows.min()} to {rows.max()}. Held-out shapes are numbered "
                "from 0 to 39 here.",
            )
            expect(
                len(np.unique(rows)) == 12,
                "A shape stands twice in a set. Draw without replacement: a twin is its own "
                "nearest neighbor.",
            )
        expect(
            not set(samples) & set(references),
            "Both sets share shapes. A shape that is compared with itself makes the floor too "
            "good. Take both from one permutation.",
        )
    expect(len(seen) == 25, f"You scored {len(seen)} splits; `repeats` is 25.")
    different = {tuple(np.sort(samples)) for samples, _ in seen}
    expect(len(different) > 20, "You drew the same split again and again: permute anew each time.")
    expect(
        len({int(row) for samples, _ in seen for row in samples}) == 40,
        "Some held-out shapes were never drawn. Permute all of them.",
    )


def _check_spread(scores: np.ndarray, mean: float, spread: float) -> None:
    compare(mean, scores.mean(), {"That is the median. Return the mean.": np.median(scores)},
            what="The mean of the scores")  # fmt: skip
    of_the_mean = scores.std() / np.sqrt(len(scores))
    expect(
        abs(spread / of_the_mean - 1) > 0.3,
        "That is how sure the *mean* is: the standard deviation over the root of the number of "
        "splits, or a bootstrap of the mean. The splits all share the same 40 shapes, so more of "
        "them do not make the floor surer: return the plain standard deviation.",
    )
    mistakes = {
        "That is the variance. Take its root.": scores.var(),
        "That is from the lowest to the highest score. Return the standard deviation.": np.ptp(
            scores
        ),
    }
    if not np.isclose(spread, scores.std(ddof=1), rtol=1e-6):
        compare(spread, scores.std(), mistakes, what="The standard deviation")


@exercise("10.4", "A leak", difficulty=2, importance=5, minutes=10)
def check_leak(answer: Callable) -> None:
    """Compare on clouds of which some were trained on, with their points in another order."""
    test, training, right = _leaky()
    got = numbers(
        answer(test.copy(), training.copy()),
        (6,),
        "The answer",
        {(9,): "One answer for each *test* shape, please: yours has one for each training shape."},
    )
    ways = np.stack([[_ways(s, t) for t in training] for s in test])  # (6, 9, 2)
    rows = np.abs(test[:, None] - training).max(axis=(2, 3)).min(axis=1) < 1e-6
    centers = cdist(test.mean(axis=1), training.mean(axis=1)).min(axis=1) < 1e-6
    compare(
        got,
        right.astype(float),
        {
            "You compared point k with point k. A set that is written anew has its points in "
            "another order, and is the same shape.": rows.astype(float),
            "You compared centers. Two shapes may share one.": centers.astype(float),
            "You looked from the test shape to the training shape only. A scrap of a training "
            "shape is not that shape: look both ways.": (ways[..., 0].min(axis=1) < 1e-9) * 1.0,
            "You looked from the training shape to the test shape only: look both ways.": (
                ways[..., 1].min(axis=1) < 1e-9
            )
            * 1.0,
            "You sorted each coordinate by itself: points came apart.": (
                _columns(test, training).min(axis=1) < 1e-9
            )
            * 1.0,
            "True where it should be False. Say whether a test shape *was* trained on.": 1.0
            - right,
            "You call shapes trained on that only look alike. The clouds of a leaked shape are "
            "the *same* points: their distance is 0.": (ways.sum(axis=2).min(axis=1) < 0.05) * 1.0,
        },
        what="Whether it was trained on",
    )


def _ways(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    squared = cdist(one, other, "sqeuclidean")
    return squared.min(axis=1).max(), squared.min(axis=0).max()


def _columns(test: np.ndarray, training: np.ndarray) -> np.ndarray:
    """Return how far sorted coordinates lie apart, each by itself, (S, T)."""
    return np.abs(np.sort(test, axis=1)[:, None] - np.sort(training, axis=1)).max(axis=(2, 3))


def _leaky() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return test clouds (6, 30, 3), training clouds (9, 30, 3), and which tests are in there."""
    rng = np.random.default_rng(14)
    test = rng.normal(size=(6, 30, 3))
    test[4] = np.repeat(test[4, :10], 3, axis=0)  # ten places, each three times
    shuffled = rng.permutation(test[0])
    whole = np.concatenate([test[4, ::3], rng.normal(size=(20, 3))])  # holds all of test 4
    part = np.repeat(test[5, :15], 2, axis=0)  # lies on test 5, and is half of it
    alike = rng.permutation(test[3]) + 0.01 * rng.normal(size=(30, 3))
    centered = rng.normal(size=(30, 3))
    centered += test[2].mean(axis=0) - centered.mean(axis=0)
    apart = [np.stack([rng.permutation(c) for c in test[k].T], axis=1) for k in (3, 4)]
    other = rng.normal(size=(30, 3))
    training = np.stack([other, alike, part, test[1], centered, whole, shuffled, *apart])
    return test, training, np.array([True, True, False, False, False, False])


# 10.5: a score fooled
SHAPES, POINTS = 60, 64
REFERENCE = (1.0, 1.0, 1.0)  # 1-NNA of the walk-through's shapes


@exercise(
    "10.5", "Open task: fool coverage, and be found out", difficulty=4, importance=3, minutes=40
)
def check_fooling(answer: Callable) -> str:
    """Score what a reader's generator makes, over three seeds."""
    found = [fooled(answer, seed) for seed in SEEDS]
    said = [
        f"Seed {seed}: COV {cov:.2f} (real shapes {floor:.2f}), 1-NNA {accuracy:.2f}, nearer to a "
        f"training shape than held-out ones {copied:.2f}. "
        for seed, (cov, floor, accuracy, copied) in zip(SEEDS, found, strict=True)
    ]
    shares = [cov / floor for cov, floor, _, _ in found]
    for words, (*_, copied) in zip(said, found, strict=True):
        expect(
            copied < 0.5,
            words + "These are copies of training shapes, or nearly. Below 0.5 is asked for.",
        )
    expect(
        np.mean(shares) >= 0.8,
        "COV is " + ", ".join(f"{share:.2f}" for share in shares) + " of what real shapes have; "
        "0.8 is asked for on average. Real shapes to begin with are a good start: change little "
        "that decides which reference is nearest.",
    )
    for words, (*_, accuracy, _) in zip(said, found, strict=True):
        expect(
            accuracy >= 0.95,
            words
            + "1-NNA is to see through it: 0.95 at least. COV compares the distances of *one* "
            "sample to all references. What could you add to all of them?",
        )
    return beside("1-NNA", [accuracy for _, _, accuracy, _ in found], REFERENCE)


@cache
def _real(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return references and peers, (60, 64, 3) each, and 120 training shapes."""
    count = 2 * SHAPES + 120
    points = generate(tuple(families()), count=count, num_points=POINTS, seed=20 + seed).points
    return points[:SHAPES], points[SHAPES : 2 * SHAPES], points[2 * SHAPES :]


def fooled(answer: Callable, seed: int) -> tuple[float, float, float, float]:
    """Return COV and its floor, 1-NNA, and how often samples are nearer to training shapes."""
    references, peers, training = _real(seed)
    raw = answer(training.copy(), SHAPES, np.random.default_rng(seed))
    new = numbers(raw, (SHAPES, POINTS, 3), "What your generator makes").astype(np.float32)
    distances = chamfer_matrix(np.concatenate([references, peers, new]))
    rows = np.arange(SHAPES)
    ours = set_scores(distances, rows + 2 * SHAPES, rows)
    floor = set_scores(distances, rows + SHAPES, rows)
    near = chamfer_matrix(np.concatenate([new, peers]), training).min(axis=1)
    copied = nearer_than(near[:SHAPES], near[SHAPES:])
    return ours["cov"], floor["cov"], ours["1-nna"], copied
