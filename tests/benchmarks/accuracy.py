"""How well each family's `measure` reads its factors off clean and off noisy clouds.

python tests/benchmarks/accuracy.py
"""

from __future__ import annotations

import numpy as np

from pcvae.shapes import Family, families

NOISES = (0.0, 0.01, 0.02, 0.03)


def measurement_errors(
    family: Family, noise: float = 0.0, count: int = 300, num_points: int = 2048, seed: int = 0
) -> dict[str, np.ndarray]:
    """Measure random shapes and subtract the truth.

    Args:
        family: The family whose `measure` is tried.
        noise: Standard deviation of Gaussian noise on every coordinate, in cloud units.
        count: Number of shapes.
        num_points: Points of each cloud.
        seed: Makes shapes, points and noise repeatable.

    Returns:
        For each measured factor the errors of all shapes, ``(count,)``: lengths in cloud units,
        angles in degrees. NaN where the factor has no effect or was not found.
    """
    rng = np.random.default_rng(seed)
    factors = family.random_factors(rng, count)
    points = family.build(factors).sample(num_points, rng).points
    points += noise * rng.standard_normal(points.shape, dtype=np.float32)
    truth, found = family.truth(factors), family.measure(points)
    return {name: found[name] - truth[name] for name in family.measured}


def accuracy_table(family: Family, count: int = 300) -> str:
    """Return a table of the mean absolute error of each measured factor at each noise."""
    head = f"{family.name:<16}{'unit':>8}" + "".join(f"{f'noise {n:g}':>12}" for n in NOISES)
    errors = [measurement_errors(family, noise, count) for noise in NOISES]
    rows = [head]
    for name in family.measured:
        factor = family.factor(name)
        cells = [f"{np.nanmean(np.abs(e[name])):>12.4f}" for e in errors]
        rows.append(f"{name:<16}{'cloud' if factor.is_length else factor.unit:>8}" + "".join(cells))
    return "\n".join(rows)


def main() -> None:
    """Print the table of every family."""
    for family in families().values():
        print(accuracy_table(family), end="\n\n")


if __name__ == "__main__":
    main()
