"""`python -m pcvae` is `pcvae`."""

import sys

from pcvae.commands import main

sys.exit(main())
