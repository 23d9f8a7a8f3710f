#!/usr/bin/env python3
"""Reads `llvm-cov show` from stdin: the share of lines reached, and those that were not.

    coverage.py NAME PERCENT_MIN SOURCE...

Counts the lines of SOURCES, which are named from the repository's root, where this is run.
Exit 1 when the share is under PERCENT_MIN, or when one of SOURCES has no line in what was read.
"""

import os
import re
import sys

name, percent_min = sys.argv[1], float(sys.argv[2])
lines = {source: 0 for source in sys.argv[3:]}
path, reached, missed = None, 0, []
for line in sys.stdin:
    title = re.match(r"(\S+\.(?:cc|h)):$", line)
    if title:
        path = os.path.relpath(os.path.realpath(title.group(1)))
    counted = re.match(r"\s*(\d+)\|\s*([\d.]+[kMGT]?)\|", line)
    if counted and path in lines:
        lines[path] += 1
        if counted.group(2) == "0":
            missed.append(f"{path}:{counted.group(1)}")
        else:
            reached += 1
total = sum(lines.values())
percent = 100.0 * reached / total if total else 0.0
print(f"{name}: {percent:.1f} % of {total} lines reached by the corpus alone")
for place in missed:
    print(f"  not reached: {place}")
unseen = [source for source, count in lines.items() if count == 0]
for source in unseen:
    print(f"  not in the binary: {source}")
sys.exit(0 if percent >= percent_min and not unseen else 1)
