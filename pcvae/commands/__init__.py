"""The command line, `pcvae train | sample | evaluate | diagnose | prepare`: a module for each."""

from pcvae.commands.ends import main
from pcvae.commands.parser import parse

__all__ = ["main", "parse"]
