#!/usr/bin/env python3
"""A web server for the keys of outside issuers, and for all that is not keys.

issuer.py FOLDER - prints its port, and serves until its standard input ends.

/keys/NAME   the file NAME of the folder
/html        a page of a proxy that is in the way
/large       ten megabytes that begin like keys
/slow        one byte a second, without an end
/broken      an error

Adds the path of each request to the file FOLDER/requests, a line each.
"""

import http.server
import pathlib
import sys
import threading
import time

FOLDER = pathlib.Path(sys.argv[1])


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        with open(FOLDER / "requests", "a", encoding="ascii") as log:
            log.write(self.path + "\n")
        if self.path.startswith("/keys/"):
            self.answer(200, "application/json", (FOLDER / pathlib.Path(self.path).name).read_bytes())
        elif self.path == "/html":
            self.answer(200, "text/html", b"<!doctype html><title>Sign in to the network</title>")
        elif self.path == "/large":
            self.answer(200, "application/json", b'{"keys":[' + b" " * 10_000_000 + b"]}")
        elif self.path == "/slow":
            self.drip()
        else:
            self.answer(500, "application/json", b"{}")

    def answer(self, status, media_type, body):
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def drip(self):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "100000")
        self.end_headers()
        while True:
            self.wfile.write(b" ")
            time.sleep(1)

    def handle(self):
        try:
            super().handle()
        except ConnectionError:
            pass  # who has heard enough goes away

    def log_message(self, *_):
        pass


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
