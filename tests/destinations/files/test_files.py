"""Files: what they hold, that they are there whole or not at all, and what is said when they cannot be written."""

from __future__ import annotations

import csv
import errno
import gzip
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import paramiko
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import SecretStr, ValidationError

from reverse_etl.destinations.base import Delivery, Destination, Mode
from reverse_etl.destinations.files.settings import FilesSettings
from reverse_etl.destinations.registry import connect
from reverse_etl.errors import AmbiguousCall, BatchRefused, DestinationDown, DestinationRefused
from reverse_etl.kinds import Kind
from reverse_etl.rows import Op, Row
from tests.destinations.conftest import make_row
from tests.destinations.files.servers import Bucket, Sftp, s3, sftp

KINDS = {
    "id": Kind.TEXT,
    "name": Kind.TEXT,
    "orders": Kind.INTEGER,
    "spent": Kind.DECIMAL,
    "vip": Kind.BOOLEAN,
    "born": Kind.DATE,
    "seen": Kind.TIMESTAMP,
    "tags": Kind.JSON,
}
DELTA = Delivery("delta", "crm/people", Mode.MIRROR, "id", fields=frozenset(KINDS), types=KINDS)
SNAPSHOT = replace(DELTA, object="snapshot")
ANNA: dict[str, Any] = {
    "id": "a1",
    "name": 'Anna "Ä" O\'Neill, 🧵\r\nJr.',
    "orders": 3,
    "spent": 12.5,
    "vip": True,
    "born": "1990-02-28",
    "seen": "2026-11-22T08:30:00Z",
    "tags": ["x", "ü"],
}
BEA: dict[str, Any] = {**dict.fromkeys(KINDS), "id": "b2", "name": ""}
ROWS = [Row("a1", Op.ADD, ANNA), Row("b2", Op.ADD, BEA)]


def open_files(url: str | Path, **settings: Any) -> Destination:
    return connect("files", FilesSettings(url=str(url), **settings))


def written(folder: Path, pattern: str = "*") -> list[Path]:
    return sorted(path for path in folder.rglob(pattern) if path.is_file())


def test_parquet_keeps_what_values_are(tmp_path: Path) -> None:
    files = open_files(tmp_path)
    files.check(DELTA)
    files.send(DELTA, Op.ADD, ROWS)

    [path] = written(tmp_path)
    table = pq.read_table(path)
    assert table.schema.field("seen").type == pa.timestamp("us", tz="UTC")
    assert table.to_pylist() == [
        {
            **ANNA,
            "_op": "add",
            "born": date(1990, 2, 28),
            "seen": datetime(2026, 11, 22, 8, 30, tzinfo=UTC),
            "tags": '["x", "ü"]',
        },
        {**BEA, "_op": "add"},
    ]


def test_a_column_that_is_empty_in_one_file_has_the_same_type_as_in_another(tmp_path: Path) -> None:
    files = open_files(tmp_path)
    files.check(DELTA)
    for row in ROWS:
        files.send(DELTA, Op.ADD, [row])

    first, second = (pq.read_schema(path) for path in written(tmp_path))
    assert first == second


@pytest.mark.parametrize("zipped", [False, True])
def test_csv_is_quoted_so_that_it_reads_back_and_tells_empty_from_nothing(tmp_path: Path, zipped: bool) -> None:
    open_files(tmp_path, format="csv", gzip=zipped).send(DELTA, Op.ADD, ROWS)

    [path] = written(tmp_path, "*.csv.gz" if zipped else "*.csv")
    text = (gzip.decompress(path.read_bytes()) if zipped else path.read_bytes()).decode()
    header, anna, bea = csv.reader(io.StringIO(text, newline=""))
    assert header == ["_op", "id", "born", "name", "orders", "seen", "spent", "tags", "vip"]
    assert (anna[3], anna[7], anna[8]) == (ANNA["name"], '["x", "ü"]', "true")
    assert text.endswith('add,b2,,"",,,,,\r\n')
    assert bea[1] == "b2"


def test_ndjson_has_a_row_a_line(tmp_path: Path) -> None:
    open_files(tmp_path, format="ndjson").send(DELTA, Op.ADD, ROWS)

    [path] = written(tmp_path)
    assert [json.loads(line) for line in path.read_text().splitlines()] == [
        {**row.payload, "_op": "add"} for row in ROWS
    ]


def test_of_who_leaves_nothing_but_the_key_is_written(tmp_path: Path) -> None:
    open_files(tmp_path, format="ndjson").send(DELTA, Op.REMOVE, [Row("a1", Op.REMOVE, ANNA)])

    [path] = written(tmp_path)
    assert json.loads(path.read_text()) == {"_op": "remove", "id": "a1"}


def test_a_value_that_is_not_of_its_columns_type_refuses_the_batch_and_leaves_no_file(tmp_path: Path) -> None:
    files = open_files(tmp_path)
    files.check(DELTA)

    with pytest.raises(BatchRefused) as refused:
        files.send(DELTA, Op.ADD, [*ROWS, make_row("c", id="c", orders="three")])
    assert (refused.value.code, "three" in str(refused.value)) == ("value", False)
    assert written(tmp_path) == []


def test_a_manifest_names_the_files_since_the_last_one_in_the_order_they_are_to_be_read_in(tmp_path: Path) -> None:
    files = open_files(tmp_path, format="ndjson")
    files.send(DELTA, Op.REMOVE, ROWS[:1])
    files.send(DELTA, Op.ADD, ROWS)
    files.finish(DELTA, lambda: iter(()))
    open_files(tmp_path, format="ndjson").send(DELTA, Op.ADD, ROWS[:1])  # by a run that is killed
    files.send(DELTA, Op.CHANGE, ROWS[:1])
    files.finish(DELTA, lambda: iter(()))

    manifests = written(tmp_path, "_manifest-*.json")
    told = [[(one["op"], one["rows"]) for one in json.loads(path.read_text())["files"]] for path in manifests]
    assert told == [[("remove", 1), ("add", 2)], [("add", 1), ("change", 1)]]
    names = [one["name"] for path in manifests for one in json.loads(path.read_text())["files"]]
    assert names == [path.name for path in written(tmp_path, "*.ndjson")]


def test_a_snapshot_is_written_whole_at_the_end_and_takes_the_place_of_the_last(tmp_path: Path) -> None:
    files = open_files(tmp_path)
    files.check(SNAPSHOT)
    assert [result.outcome.value for result in files.send(SNAPSHOT, Op.ADD, ROWS)] == ["applied"] * 2
    assert written(tmp_path) == []

    for rows in (ROWS, ROWS[:1], []):
        files.finish(SNAPSHOT, lambda rows=rows: iter(rows))  # type: ignore[misc]
        [path] = written(tmp_path)
        assert path == tmp_path / "crm" / "people.parquet"
        assert pq.read_table(path).column("id").to_pylist() == [row.key for row in rows]


def test_a_snapshot_that_breaks_off_leaves_the_last_one(tmp_path: Path) -> None:
    files = open_files(tmp_path)
    files.finish(SNAPSHOT, lambda: iter(ROWS))

    with pytest.raises(DestinationRefused, match="no integer"):
        files.finish(SNAPSHOT, lambda: iter([make_row("c", id="c", orders="three")]))
    [path] = written(tmp_path)
    assert pq.read_table(path).num_rows == 2


@pytest.mark.parametrize(
    ("number", "kind", "said"),
    [
        (errno.ENOSPC, DestinationDown, "no room"),
        (errno.EROFS, DestinationRefused, "cannot be written"),
        (errno.EIO, DestinationDown, "not written"),
    ],
)
def test_a_full_or_broken_disk_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[Exception], said: str
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(number, "of the system")

    monkeypatch.setattr("reverse_etl.destinations.files.stores.os.fsync", full)
    with pytest.raises(kind, match=said):
        open_files(tmp_path).send(DELTA, Op.ADD, ROWS)
    assert written(tmp_path) == []


def test_a_folder_that_is_not_there_or_not_ours_is_told_before_the_first_batch(tmp_path: Path) -> None:
    with pytest.raises(DestinationRefused, match="ENOENT"):
        open_files(tmp_path / "nowhere").check(DELTA)

    (tmp_path / "crm").write_text("a file where a folder should be")
    with pytest.raises((DestinationRefused, DestinationDown)):
        open_files(tmp_path).check(DELTA)


def test_a_process_that_is_killed_before_the_rename_leaves_no_file_under_the_name(tmp_path: Path) -> None:
    program = f"""
import os, signal
from reverse_etl.destinations.files.stores import Folder
def fill(file):
    file.write(b"half")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
Folder({str(tmp_path)!r}).place("crm/people.csv", fill)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": str(Path.cwd())}, timeout=60
    )

    assert done.returncode == -signal.SIGKILL
    [left] = written(tmp_path)
    assert left.name.startswith(".weft-part-")


@pytest.mark.parametrize("target", [None, "", "/etc/passwd", "../people", "a//b", ".hidden", "a/../b", "a b"])
def test_a_target_that_leads_elsewhere_is_refused(tmp_path: Path, target: str | None) -> None:
    with pytest.raises(DestinationRefused, match="not the name"):
        open_files(tmp_path).check(replace(DELTA, target=target))


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    with s3() as serving:
        yield serving


def in_bucket(bucket: Bucket, url: str = "s3://bucket/weft/out", key: str = "AKTEST", **settings: Any) -> Destination:
    keys = {"access_key_id": SecretStr(key), "secret_access_key": SecretStr("s3cret")}
    return open_files(url, endpoint_url=bucket.url, region="eu-central-1", **keys, **settings)


def test_files_and_manifests_arrive_in_a_bucket(bucket: Bucket) -> None:
    files = in_bucket(bucket, format="ndjson")
    files.check(DELTA)
    assert (bucket.objects, bucket.uploads) == ({}, {}), "looking leaves nothing"

    files.send(DELTA, Op.ADD, ROWS)
    files.finish(DELTA, lambda: iter(()))

    data, manifest = sorted(bucket.objects)
    assert data.startswith("weft/out/crm/people/2")
    assert json.loads(bucket.objects[manifest])["files"][0]["rows"] == 2
    assert [json.loads(line)["name"] for line in bucket.objects[data].splitlines()] == [ANNA["name"], ""]


def test_a_large_snapshot_is_uploaded_in_parts_and_is_one_object(bucket: Bucket) -> None:
    files = in_bucket(bucket, format="ndjson")
    rows = [Row(f"k{n}", Op.ADD, {"id": f"k{n}", "name": "x" * 1_000_000}) for n in range(10)]

    files.finish(SNAPSHOT, lambda: iter(rows))

    [(name, body)] = bucket.objects.items()
    assert name == "weft/out/crm/people.ndjson"
    assert [json.loads(line)["id"] for line in body.splitlines()] == [row.key for row in rows]
    assert len([call for call in bucket.calls if call.startswith("PUT")]) > 1


@pytest.mark.parametrize(
    ("code", "said"),
    [("AccessDenied", "do not allow"), ("SignatureDoesNotMatch", "secret key"), ("NoSuchBucket", "no such bucket")],
)
def test_a_bucket_that_refuses_stops_the_run_before_the_first_batch(bucket: Bucket, code: str, said: str) -> None:
    bucket.refusal = code

    with pytest.raises(DestinationRefused, match=said) as refused:
        in_bucket(bucket).check(DELTA)
    assert "person@" not in str(refused.value)
    with pytest.raises(DestinationRefused, match=said):
        in_bucket(bucket).send(DELTA, Op.ADD, ROWS)


def test_a_wrong_key_and_a_bucket_that_is_not_there_are_told(bucket: Bucket) -> None:
    with pytest.raises(DestinationRefused, match="access key"):
        in_bucket(bucket, key="AKOTHER").check(DELTA)
    with pytest.raises(DestinationRefused, match="no such bucket"):
        in_bucket(bucket, "s3://another").check(DELTA)


def test_an_upload_that_breaks_is_in_doubt_and_leaves_no_object(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    bucket.broken = True

    with pytest.raises(AmbiguousCall):
        in_bucket(bucket).send(DELTA, Op.ADD, ROWS)
    assert bucket.objects == {}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Sftp]:
    (tmp_path / "home").mkdir()
    with sftp(tmp_path, "weft", "pass word") as serving:
        yield serving


def over_sftp(server: Sftp, **settings: Any) -> Destination:
    given = {"user": "weft", "password": SecretStr("pass word"), "host_key": server.host_key, "format": "ndjson"}
    return open_files(f"sftp://127.0.0.1:{server.port}/home", **{**given, **settings})


def test_files_and_manifests_arrive_over_sftp(server: Sftp) -> None:
    files = over_sftp(server)
    files.check(DELTA)
    assert written(server.root) == []

    files.send(DELTA, Op.ADD, ROWS)
    files.finish(DELTA, lambda: iter(()))
    for rows in (ROWS[:1], ROWS):
        files.finish(SNAPSHOT, lambda rows=rows: iter(rows))  # type: ignore[misc]

    data, manifest, snapshot = written(server.root)
    assert snapshot == server.root / "home" / "crm" / "people.ndjson"
    assert snapshot.read_text().count("\n") == 2
    assert json.loads(manifest.read_text())["files"] == [{"name": data.name, "op": "add", "rows": 2}]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (lambda: {"password": SecretStr("wrong")}, "does not let this user in"),
        (lambda: {"host_key": f"{(key := paramiko.ECDSAKey.generate()).get_name()} {key.get_base64()}"}, "not the one"),
        (lambda: {"host_key": "ssh-ed25519 nonsense!"}, "cannot be read"),
    ],
)
def test_a_server_that_cannot_be_used_is_told_before_the_first_batch(
    server: Sftp, settings: Callable[[], dict[str, Any]], said: str
) -> None:
    with pytest.raises(DestinationRefused, match=said) as refused:
        over_sftp(server, **settings()).check(DELTA)
    assert "wrong" not in str(refused.value)


@pytest.mark.parametrize(
    ("operation", "status", "kind"),
    [
        ("open", paramiko.SFTP_PERMISSION_DENIED, DestinationRefused),
        ("write", paramiko.SFTP_FAILURE, DestinationDown),
        ("rename", paramiko.SFTP_FAILURE, DestinationDown),
    ],
)
def test_an_sftp_server_that_fails_midway_has_no_half_file(
    server: Sftp, operation: str, status: int, kind: type[Exception]
) -> None:
    server.fail[operation] = status

    with pytest.raises(kind):
        over_sftp(server).send(DELTA, Op.ADD, ROWS)
    assert written(server.root) == []


def test_a_server_that_does_not_answer_is_down(server: Sftp) -> None:
    with pytest.raises(DestinationDown) as down:
        open_files("sftp://127.0.0.1:1/home", user="weft", password=SecretStr("x"), host_key=server.host_key).check(
            DELTA
        )
    assert not isinstance(down.value, AmbiguousCall)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"url": "relative/folder"}, "from the root"),
        ({"url": "ftp://example.com/x"}, "url is"),
        ({"url": "s3:///x"}, "no bucket"),
        ({"url": "sftp://example.com/x", "user": "u", "password": "p"}, "host_key"),
        ({"url": "sftp://u:p@example.com/x", "user": "u", "host_key": "k"}, "no password"),
        ({"url": "s3://b", "endpoint_url": "http://storage.example.com"}, "https"),
    ],
)
def test_settings_that_cannot_work_or_would_leak_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        FilesSettings(**settings)
