"""Writes a register map that takes long to read: ``long_register_map.py PATH REGISTER``."""

import sys
from pathlib import Path

HEADER = "Register Name,Register Address,Default Data\n"
LONGEST = 1 << 20

path, register = sys.argv[1:]
row = f"{register},0x01,0x00\n"
Path(path).write_text(HEADER + row + "\n" * (LONGEST - len(HEADER + row)), encoding="utf-8")
