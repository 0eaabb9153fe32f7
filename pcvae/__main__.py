"""`python -m pcvae` is `pcvae`."""

import sys

from pcvae.cli import main

sys.exit(main())
