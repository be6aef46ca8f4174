"""A code location for each project: ``custom_store_pipeline.locations`` has one attribute for each of them.

For ``workspace.yaml``: ``python_module: {module_name: custom_store_pipeline.locations, attribute: shop}``. Teams whose
drivers need packages that clash give each location a Python of its own (``executable_path``).
"""

# Nothing else may have a name here, because a project may have any.
from custom_store_pipeline.definitions import definitions_of as __getattr__

__all__ = ["__getattr__"]
