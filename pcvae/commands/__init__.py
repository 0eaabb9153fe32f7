"""The command line: a module for each command of `pcvae`; `pcvae --help` names them."""

from pcvae.commands.ends import main
from pcvae.commands.parser import parse

__all__ = ["main", "parse"]
