"""Reads a REST API page by page."""

import time

import httpx

from custom_store_pipeline import TerminalError


class ApiStoreDriver:
    """A REST API as a store: an entity is a path. `args: {base_url: …, token: …, page_size: …}`."""

    def pull_data(self, mapping_config, entity):
        """Yields one page after the other, so that no more than one is held in memory."""
        args = mapping_config["args"]
        size = args.get("page_size", 100)
        self.client = httpx.Client(
            base_url=args["base_url"], headers={"Authorization": f"Bearer {args['token']}"}, timeout=30
        )
        page = 1
        while rows := self.get(f"/{entity}", {"page": page, "per_page": size}):
            yield rows
            page += 1

    def get(self, path, params, attempts=5):
        """One response's JSON; waits as long as the server asks for when it answers 429."""
        for _ in range(attempts):
            response = self.client.get(path, params=params)
            if response.status_code == 429:
                time.sleep(float(response.headers.get("Retry-After", 1)))
                continue
            if response.status_code in (401, 403, 404):  # will not get better by trying again
                raise TerminalError(f"GET {path} answered {response.status_code} {response.reason_phrase}")
            return response.raise_for_status().json()
        raise RuntimeError(f"GET {path} was answered with 429 Too Many Requests {attempts} times")

    def close(self):
        """Called at the end, whatever happened."""
        if hasattr(self, "client"):
            self.client.close()
