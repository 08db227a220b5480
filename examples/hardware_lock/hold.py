"""Another program that holds a lock for a while: ``python hold.py FOLDER NAME SECONDS`` (POSIX)."""

import fcntl
import hashlib
import os
import sys
import time
from pathlib import Path

folder, name, seconds = sys.argv[1:]
with Path(folder, f"{hashlib.sha256(name.encode()).hexdigest()}.lock").open("w") as lock:
    fcntl.flock(lock, fcntl.LOCK_EX)
    lock.write("hold.py")
    lock.flush()
    if os.fork():  # the child has the lock; whoever started this may go on
        os._exit(0)
    for stream in (0, 1, 2):
        os.close(stream)
    time.sleep(float(seconds))
