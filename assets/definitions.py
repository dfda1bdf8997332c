"""The Dagster code location: everything from the raw tables to the destinations, put together."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import dagster as dg
from dagster_dbt import DbtProject

from assets import automation
from assets.dbt import Translator, dbt_models, source_assets
from assets.progress import Progress
from assets.resources import ConnectionsResource, DbtCommand, PolicyResource, WarehouseResource
from assets.syncs import destination_assets, sync_asset, sync_key
from reverse_etl.definitions import load_syncs
from reverse_etl.destinations import registry
from warehouse.manifest import Manifest
from warehouse.project import connections_path, dbt_executable, load_settings, prepare_manifest, project_root


@dg.definitions
def defs() -> dg.Definitions:
    """Return the definitions, parsing the dbt project first if its manifest is out of date."""
    root = project_root()
    load_settings(root)
    path = prepare_manifest(root)
    manifest = json.loads(path.read_text())
    project = DbtProject(root, target_path=path.parent)
    one_writer = manifest["metadata"]["adapter_type"] == "duckdb"

    syncs = {sync_key(sync): (sync, registry.get(sync.destination)) for sync in load_syncs(Manifest.load(path))}
    today = datetime.now(UTC).date()
    translator = Translator()
    job = automation.refresh_job(dg.in_process_executor if one_writer else dg.multiprocess_executor)
    return dg.Definitions(
        assets=[
            *source_assets(project, manifest),
            dbt_models(project, pool="warehouse" if one_writer else "dbt"),
            *(
                sync_asset(
                    sync,
                    destination,
                    feed=translator.get_asset_spec(manifest, sync.feed_id, project).key,
                    pool="warehouse" if one_writer else sync.connection,
                    today=today,
                )
                for sync, destination in syncs.values()
            ),
            *destination_assets(syncs),
        ],
        jobs=[job],
        schedules=[automation.daily(job)],
        resources={
            "dbt": DbtCommand(
                project_dir=str(root), global_config_flags=["--no-use-colors"], dbt_executable=dbt_executable()
            ),
            "warehouse": WarehouseResource(project_dir=str(root)),
            "connections": ConnectionsResource(path=str(connections_path(root))),
            "policy": PolicyResource(project_dir=str(root)),
            "progress": Progress(),
        },
        executor=dg.in_process_executor if one_writer else dg.multiprocess_executor,
    )
