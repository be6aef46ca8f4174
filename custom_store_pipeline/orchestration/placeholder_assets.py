"""Placeholder assets: a mapping file that cannot be used is visible in the graph, and fails with the reason."""

import re
from collections.abc import Iterator, Sequence

import dagster as dg

from custom_store_pipeline.config.loading import LoadedFile
from custom_store_pipeline.config.models import BROKEN_FILES
from custom_store_pipeline.config.values import is_plain_name
from custom_store_pipeline.errors import ConfigurationError, Problem
from custom_store_pipeline.identifiers import dagster_identifier


def build_placeholders(broken_files: Sequence[LoadedFile]) -> Iterator[dg.AssetsDefinition]:
    """One asset for each file that cannot be used."""
    seen: set[tuple[str, str]] = set()
    for file in broken_files:
        name = file.path.stem
        if (file.project, name) in seen:  # posts.yml beside posts.yaml, or a file in a folder below
            name = file.path.as_posix().partition(f"/{file.project}/mappings/")[2]
        if (file.project, name) not in seen:
            seen.add((file.project, name))
            yield _placeholder(file, name)


def _placeholder(file: LoadedFile, name: str) -> dg.AssetsDefinition:
    line = max(file.problems[0].line, 1)
    reference = dg.LocalFileCodeReference(file_path=str(file.path), line_number=line, label="mapping")
    spec = dg.AssetSpec(
        key=[file.project, BROKEN_FILES, name],
        description=f"This mapping file cannot be used:\n\n{_as_markdown(file.problems)}",
        group_name=file.project if is_plain_name(file.project) else dagster_identifier(file.project),
        metadata={"dagster/code_references": dg.CodeReferencesMetadataValue(code_references=[reference])},
    )

    @dg.multi_asset(
        name=dagster_identifier(file.project, BROKEN_FILES, "file", name),
        outs={dagster_identifier("to", name): dg.AssetOut.from_spec(spec)},
    )
    def placeholder() -> None:
        raise ConfigurationError(file.problems)

    return placeholder


def _as_markdown(problems: Sequence[Problem]) -> str:
    """A list of the problems, with Markdown's special characters escaped: a block of code would not be wrapped."""
    return "\n".join("- " + re.sub(r"([\\`*_{}\[\]<>#|~$&])", r"\\\1", str(problem)) for problem in problems)
