"""Procedural shape families: named factors in, labeled point clouds with known truth out."""

from pcvae.shapes.airplane import Airplane
from pcvae.shapes.chair import Chair
from pcvae.shapes.factors import Factor
from pcvae.shapes.family import Family
from pcvae.shapes.lamp import Lamp
from pcvae.shapes.mug import Mug
from pcvae.shapes.surface import Part, Samples, Surface
from pcvae.shapes.table import Table

__all__ = ["Factor", "Family", "Part", "Samples", "Surface", "families"]


def families() -> dict[str, Family]:
    """Return all families by name."""
    return {family.name: family for family in (Chair(), Table(), Lamp(), Airplane(), Mug())}
