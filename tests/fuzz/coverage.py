#!/usr/bin/env python3
"""Reads `llvm-cov show` from stdin: the share of lines reached, and those that were not.

    coverage.py NAME PERCENT_MIN [SOURCE]

SOURCE names the lines when there is only one: llvm-cov gives no title then.
Exit 1 when the share is under PERCENT_MIN or there was nothing to read.
"""

import os
import re
import sys

name, percent_min = sys.argv[1], float(sys.argv[2])
path, lines, reached, missed = (sys.argv[3] if len(sys.argv) > 3 else ""), 0, 0, []
for line in sys.stdin:
    title = re.match(r"(\S+\.(?:cc|h)):$", line)
    if title:
        path = os.path.relpath(title.group(1))
    counted = re.match(r"\s*(\d+)\|\s*([\d.]+[kMGT]?)\|", line)
    if counted:
        lines += 1
        if counted.group(2) == "0":
            missed.append(f"{path}:{counted.group(1)}")
        else:
            reached += 1
percent = 100.0 * reached / lines if lines else 0.0
print(f"{name}: {percent:.1f} % of {lines} lines reached by the corpus alone")
for place in missed:
    print(f"  not reached: {place}")
sys.exit(0 if lines and percent >= percent_min else 1)
