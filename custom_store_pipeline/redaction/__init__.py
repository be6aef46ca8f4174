"""Secrets are taken out of everything that a driver says before it is shown or stored.

Secret is what came from ``${…}``, and the password in any URL. What cannot be covered is listed in docs/secrets.md.
"""

from custom_store_pipeline.redaction.output import redacted_output
from custom_store_pipeline.redaction.parts import passwords_in_urls
from custom_store_pipeline.redaction.redactor import MASK, Redactor

__all__ = ["MASK", "Redactor", "passwords_in_urls", "redacted_output"]
