"""Starts the server in the clone; a copy has another launcher, and the core beside it."""

import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
sys.path[0] = str(FOLDER.parent)

from in_clone import main  # noqa: E402

main(FOLDER)
