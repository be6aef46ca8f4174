"""A small blog API to try the project with: `python projects/blog/demo_api.py [PORT]`.

It answers as such APIs do: pages (`?page=2&per_page=100`), a bearer token (any one will do, but there must be one),
and now and then a 429 with Retry-After.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

TABLES = {
    "posts": [{"id": n, "user_id": n % 10 + 1, "title": f"Post {n}", "body": "…"} for n in range(1, 251)],
    "comments": [{"id": n, "post_id": n % 250 + 1, "email": f"reader{n}@example.org"} for n in range(1, 501)],
    "users": [{"id": n, "name": f"User {n}", "boss_id": n - 1 if n > 1 else None} for n in range(1, 11)],
}


class BlogApi(BaseHTTPRequestHandler):
    """Serves `/posts`, `/comments` and `/users`."""

    requests = 0

    def do_GET(self):
        """Answers one request."""
        type(self).requests += 1
        url = urlsplit(self.path)
        query = {key: int(values[0]) for key, values in parse_qs(url.query).items()}
        if not self.headers.get("Authorization", "").startswith("Bearer "):
            return self.answer(401, {"error": "no token"})
        if type(self).requests % 5 == 0:
            return self.answer(429, {"error": "too many requests"}, {"Retry-After": "0.1"})
        if url.path.strip("/") not in TABLES:
            return self.answer(404, {"error": "no such entity"})
        size = query.get("per_page", 100)
        start = (query.get("page", 1) - 1) * size
        return self.answer(200, TABLES[url.path.strip("/")][start : start + size])

    def answer(self, status, content, headers=()):
        """Sends a JSON response."""
        body = json.dumps(content).encode()
        self.send_response(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Says nothing for each request."""


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
    print(f"The blog API listens on http://localhost:{port}; stop it with Ctrl+C.")
    ThreadingHTTPServer(("127.0.0.1", port), BlogApi).serve_forever()
