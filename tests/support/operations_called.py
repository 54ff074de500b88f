#!/usr/bin/env python3
"""Fail when an operation of the contract was never called with success by any integration test.

Reads the document $EXPRESS_CONTRACT_JSON and the names that tests/support/contract.c
wrote to $EXPRESS_COVERAGE_DIR/operations. Runs after all integration tests.
"""

import json
import os
import pathlib
import sys

METHODS = ("get", "put", "post", "delete", "patch", "options", "head", "trace")


def main():
    folder = os.environ.get("EXPRESS_COVERAGE_DIR")
    if not folder:
        sys.exit("EXPRESS_COVERAGE_DIR is not set: run tools/test, which sets it for a whole run.")
    document = json.loads(pathlib.Path(os.environ["EXPRESS_CONTRACT_JSON"]).read_text())
    notes = pathlib.Path(folder, "operations")
    called = set(notes.read_text().split()) if notes.exists() else set()
    missing = [
        f"{operation['operationId']} ({method.upper()} {path})"
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS and operation["operationId"] not in called
    ]
    for line in missing:
        print(f"never called with success: {line}")
    print(f"{len(called)} operations called, {len(missing)} never")
    sys.exit(1 if missing else 0)


if __name__ == "__main__":
    main()
