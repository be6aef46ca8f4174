"""The checks of the contract kit, in the order in which they run: the first ones explain failures of later ones."""

from types import ModuleType

from custom_store_pipeline.testing.check import Check
from custom_store_pipeline.testing.checks import failures, instances, pulling, values, writing


def _checks_of(module: ModuleType) -> list[Check]:
    return [found for found in vars(module).values() if isinstance(found, Check)]


CHECKS: dict[str, Check] = {
    check.name: check for module in (instances, pulling, writing, values, failures) for check in _checks_of(module)
}
