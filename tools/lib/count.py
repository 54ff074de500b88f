#!/usr/bin/env python3
"""Count the tests in the JSON logs of `meson test`: prints "PASSED FAILED".

A program that speaks TAP counts each of its tests, any other program counts as one. A
program that failed although each of its tests passed (a crash at the end, a leak) is
one more failure. What the failed ones said goes to standard error: meson keeps it to itself.
"""

import json
import re
import sys


def count(record):
    output = record.get("stdout", "")
    passed = len(re.findall(r"^ok\b", output, re.MULTILINE))
    failed = len(re.findall(r"^not ok\b", output, re.MULTILINE))
    good = record["result"] == "OK"
    if passed + failed == 0:
        return (1, 0) if good else (0, 1)
    return passed, failed if good or failed else 1


def tell(record):
    """Each "not ok" with the lines that explain it, up to the next test."""
    told = False
    for line in record.get("stdout", "").splitlines():
        if re.match(r"(not )?ok\b|Bail out!", line):
            told = not line.startswith("ok")
            if told:
                print(f"--- {record['name']}", file=sys.stderr)
        if told:
            print(line, file=sys.stderr)


def main():
    passed = failed = 0
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as log:
            for line in log:
                record = json.loads(line)
                more_passed, more_failed = count(record)
                if more_failed > 0:
                    tell(record)
                passed += more_passed
                failed += more_failed
    print(passed, failed)


if __name__ == "__main__":
    main()
