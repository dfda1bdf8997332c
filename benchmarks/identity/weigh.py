"""Runs a command and writes down what it used: ``python weigh.py FILE COMMAND...``.

Linux counts into a process's largest memory that of the process which started it. So what is measured is started from
here, where there is next to nothing, and not from a benchmark that has just invented millions of rows.
"""

import json
import os
import subprocess
import sys
import time

if __name__ == "__main__":
    begun = time.perf_counter()
    process = subprocess.Popen(sys.argv[2:])
    # Waited for by hand: it is the one way to learn what this child alone has used.
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    taken = {"code": process.returncode, "seconds": time.perf_counter() - begun, "peak_mib": used.ru_maxrss / 1024}
    with open(sys.argv[1], "w") as file:  # noqa: PTH123 (the import would weigh more than the rest)
        json.dump(taken, file)
