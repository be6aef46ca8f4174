"""The world that tests run in: a projects folder, processes that serve it, and scenarios on top of it."""
