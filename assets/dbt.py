"""The dbt project as Dagster assets: every source, model and seed an asset, every dbt test an asset check."""

# No `from __future__ import annotations` here: Dagster reads the annotations of an asset function as they are.
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtProject, dbt_assets
from dagster_dbt.errors import DagsterDbtCliRuntimeError

from assets import automation
from assets.failures import failure_of, together
from assets.pictures import PictureEvents, pictures
from assets.progress import Progress
from assets.resources import DbtCommand, WarehouseResource, moment
from assets.syncs import EXIT_CODE
from assets.words import Words
from warehouse.errors import WeftError
from warehouse.manifest import Manifest

#: Kinds that Dagster has a picture for, by the suffix of a raw file.
_FILE_KINDS = {".parquet": "parquet", ".csv": "csv", ".json": "json", ".ndjson": "json"}


class Translator(DagsterDbtTranslator):
    """Places dbt's nodes in the graph: a group per folder of ``models/``, kinds, and freshness where published."""

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None) -> dg.AssetSpec:
        """Return the asset of one dbt node. Its owners are those of its dbt group."""
        spec = super().get_asset_spec(manifest, unique_id, project)
        node = self.get_resource_props(manifest, unique_id)
        warehouse = str(manifest["metadata"]["adapter_type"])
        return spec.replace_attributes(
            group_name=group_of(node),
            kinds=kinds_of(node, warehouse),
            freshness_policy=automation.freshness() if node.get("access") == "public" else None,
        )


def group_of(node: Mapping[str, Any]) -> str:
    """Return the asset group of a dbt node: ``raw`` or ``seeds``, or its folder in ``models/``."""
    if node["resource_type"] == "source":
        return "raw"
    if node["resource_type"] == "seed":
        return "seeds"
    folders = node["fqn"][1:-1]
    return str(folders[0]) if folders else "packs"


def kinds_of(node: Mapping[str, Any], warehouse: str) -> set[str]:
    """Return the kinds that Dagster shows on a dbt node: dbt or the raw file's format, and the warehouse."""
    if node["resource_type"] != "source":
        return {"dbt", warehouse}
    location = str(node.get("meta", {}).get("external_location") or node["source_meta"].get("external_location") or "")
    return {next((kind for suffix, kind in _FILE_KINDS.items() if suffix in location), warehouse)}


def dbt_models(project: DbtProject, pool: str) -> dg.AssetsDefinition:
    """Return all models, seeds and tests of the project as one subsettable Dagster definition.

    Args:
        project: The dbt project, with an up to date manifest.
        pool: The pool of which a build takes a place.
    """

    @dbt_assets(
        manifest=project.manifest_path, project=project, dagster_dbt_translator=Translator(), name="dbt", pool=pool
    )
    def models(
        context: dg.AssetExecutionContext,
        dbt: DbtCommand,
        warehouse: WarehouseResource,
        progress: dg.ResourceParam[Progress],
    ) -> Iterator[Any]:
        moment(context)
        held = _picture_events(project)
        try:
            yield from _build(context, dbt, progress, project, held)
        except dg.Failure:
            yield from held.released(context, warehouse)
            raise
        yield from held.released(context, warehouse)

    return models


def source_assets(project: DbtProject, manifest: Mapping[str, Any]) -> list[dg.AssetSpec]:
    """Return the raw tables, which other tools load: assets that are seen here and made elsewhere."""
    translator = Translator()
    return [translator.get_asset_spec(manifest, unique_id, project) for unique_id in manifest["sources"]]


def _picture_events(project: DbtProject) -> PictureEvents:
    manifest, translator = Manifest.load(project.manifest_path), Translator()
    found = pictures(manifest)
    return PictureEvents({translator.get_asset_key(manifest.nodes[each].raw): show for each, show in found.items()})


def _build(
    context: dg.AssetExecutionContext, dbt: DbtCommand, progress: Progress, project: DbtProject, held: PictureEvents
) -> Iterator[Any]:
    failures: list[WeftError] = []
    # Unit tests prove the models' logic on invented rows, which no change of the data can break: `make test` has them.
    command = dbt.cli(
        ["build", "--exclude-resource-type", "unit_test"],
        context=context,
        target_path=_target_path(project.manifest_path),
    )
    words = Words(command.manifest)
    progress.dbt_starts()
    try:
        for event in command.stream_raw_events():
            progress.dbt_event(event.raw_event)
            failures += failure_of(event.raw_event, command.manifest)
            if (said := words.hear(event.raw_event)) is not None:
                progress.dbt_warns(said)
            for made in event.to_default_asset_events(
                manifest=command.manifest,
                dagster_dbt_translator=command.dagster_dbt_translator,
                context=context,
                target_path=command.target_path,
            ):
                if not held.keeps(told := words.describe(made)):
                    yield told
    except DagsterDbtCliRuntimeError:
        message, code = together(failures)
        raise dg.Failure(
            description=message or "dbt stopped without naming a model; its log is beside the compiled models.",
            metadata={"log": dg.MetadataValue.path(str(command.target_path / "dbt.log")), EXIT_CODE: code},
            allow_retries=False,
        ) from None


def _target_path(manifest: Path) -> Path:
    """Return the folder of Dagster's own builds, so that the manifest that others read is never half written.

    What dbt learned in the last parse is taken along, or it would parse the project a second time.
    """
    folder = manifest.parent / "dagster"
    folder.mkdir(parents=True, exist_ok=True)
    parsed, copy = manifest.with_name("partial_parse.msgpack"), folder / "partial_parse.msgpack"
    if parsed.exists() and (not copy.exists() or copy.stat().st_mtime_ns < parsed.stat().st_mtime_ns):
        shutil.copy2(parsed, copy)
    return folder
