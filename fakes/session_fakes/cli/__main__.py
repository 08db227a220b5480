"""``python -m session_fakes.cli``: the command where its script is not on the path."""

from __future__ import annotations

from session_fakes.cli import main

if __name__ == "__main__":
    main()
