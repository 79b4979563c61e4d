#!/usr/bin/env python3
"""Adds up what scripts/test.sh ran: count_tests.py REPORT_FOLDER FAILED_PHASES

Prints the judge's table (engine by engine, over all its processes) and the closing line.

Reads ctest's JUnit files. A GoogleTest program counts with each of its cases, any other test as
one. Prints "N passed, N failed, N skipped" and exits 1 where something failed or nothing ran.
"""
import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

PASSED = re.compile(r"^\[  PASSED  \] (\d+) tests?\.", re.MULTILINE)
SKIPPED = re.compile(r"^\[  SKIPPED \] (\d+) tests?[.,]", re.MULTILINE)
FAILED = re.compile(r"^\[  FAILED  \] (\w+[./]\S+)", re.MULTILINE)


def number(pattern, text):
    found = pattern.search(text)
    return int(found.group(1)) if found else 0


def count_case(case):
    """{"passed": n, "failed": n, "skipped": n} of one ctest entry."""
    output = case.findtext("system-out") or ""
    counts = {"passed": number(PASSED, output), "failed": len(set(FAILED.findall(output))),
              "skipped": number(SKIPPED, output)}
    status = case.get("status")
    if status == "fail" and counts["failed"] == 0:
        counts["failed"] = 1  # it crashed, ran out of time, or is no GoogleTest program
    elif status == "run" and not any(counts.values()):
        counts["passed"] = 1
    elif status not in ("run", "fail"):
        counts["skipped"] += 1
    return counts


LEDGER = re.compile(r"^(\w+ \w+) +(\d+) problems +(\d+) passed +(\d+) failed +(\d+) skipped",
                    re.MULTILINE)


def print_ledger(title, cases):
    rows = {}
    for case in cases:
        for engine, *counts in LEDGER.findall(case.findtext("system-out") or ""):
            before = rows.get(engine, (0,) * 4)
            rows[engine] = tuple(a + int(b) for a, b in zip(before, counts))
    if rows:
        print(f"{title}: engines against the reference")
    for engine, (problems, passed, failed, skipped) in sorted(rows.items()):
        print(f"  {engine:<46} {problems:6} problems {passed:6} passed {failed:4} failed "
              f"{skipped:6} skipped")


def main():
    report, failed_phases = Path(sys.argv[1]), int(sys.argv[2])
    total = {"passed": 0, "failed": 0, "skipped": 0}
    for file in sorted(report.glob("*.xml")):
        cases = list(ElementTree.parse(file).getroot().iter("testcase"))
        print_ledger(file.stem, cases)
        for case in cases:
            for name, count in count_case(case).items():
                total[name] += count
    total["failed"] = max(total["failed"], failed_phases)
    print(f"{total['passed']} passed, {total['failed']} failed, {total['skipped']} skipped")
    return 0 if total["passed"] > 0 and total["failed"] == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
