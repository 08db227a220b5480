"""Another program that locks a database for a while: ``python hold.py PATH SECONDS``."""

import sqlite3
import subprocess
import sys
import time

path, seconds, *role = sys.argv[1:]
if role:
    connection = sqlite3.connect(path)
    connection.execute("begin exclusive")
    print("locked", flush=True)
    time.sleep(float(seconds))
else:
    command = [sys.executable, __file__, path, seconds, "child"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert child.stdout is not None
    child.stdout.readline()  # it has the lock; whoever started this may go on
