"""`python -m staticfire.toolchain.node`: see the package."""

import sys

from . import main

sys.exit(main())
