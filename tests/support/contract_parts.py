#!/usr/bin/env python3
"""contract_parts.py CONTRACT.json OUT - the contract in parts that can be read one by one

A line for each part: three keys that lead to it, and its JSON, apart by tabs. An operation keeps what
its replies are held against. Each test is a process, and reading the whole takes longer than most tests.
"""
import json
import sys
from pathlib import Path

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
KEPT = ("operationId", "responses")


def parts(document):
    for template, item in document["paths"].items():
        for method, operation in item.items():
            if method in METHODS:
                yield "paths", template, method, {key: operation[key] for key in KEPT
                                                  if key in operation}
    for kind, named in document["components"].items():
        for name, component in named.items():
            yield "components", kind, name, component


def main():
    document = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        for *keys, part in parts(document):
            print(*keys, json.dumps(part, ensure_ascii=False, separators=(",", ":")), sep="\t",
                  file=file)


if __name__ == "__main__":
    main()
