"""S3-compatible storage: an object appears when its upload is complete, and not before.

The user guide of Amazon S3 says so in "Amazon S3 data consistency model" and on multipart uploads.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import SpooledTemporaryFile
from typing import Any

from reverse_etl.destinations.files.stores import Fill, Store
from reverse_etl.errors import AmbiguousCall, ConfigError, DestinationDown, DestinationRefused

try:
    import boto3
    import botocore.exceptions
    from boto3.exceptions import S3UploadFailedError
    from botocore.config import Config
except ImportError as missing:
    raise ConfigError(
        "S3 needs a package that is not installed.", where="connections.yml, url", fix='pip install "weft[s3]"'
    ) from missing

_IN_MEMORY = 16_000_000
#: What somebody has to mend.
_REFUSED = {
    "AccessDenied": "the credentials do not allow it",
    "AllAccessDisabled": "the account is disabled",
    "AuthorizationHeaderMalformed": "the region is not the bucket's",
    "ExpiredToken": "the session token has expired",
    "InvalidAccessKeyId": "the access key is not known",
    "InvalidToken": "the session token is not valid",
    "NoSuchBucket": "there is no such bucket",
    "PermanentRedirect": "the bucket is in another region",
    "SignatureDoesNotMatch": "the secret key is not the access key's",
    "403": "the credentials do not allow it",
    "404": "there is no such bucket",
}


class Bucket(Store):
    """A bucket, or what is below a prefix in one.

    Args:
        bucket: Its name.
        prefix: What names begin with, without slashes at its ends.
        arguments: What boto3's client takes: endpoint, region and credentials.
    """

    def __init__(self, bucket: str, prefix: str, arguments: dict[str, Any]) -> None:
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        config = Config(retries={"mode": "standard", "total_max_attempts": 4}, connect_timeout=10, read_timeout=60)
        with self._explained():
            self._client = boto3.client("s3", config=config, **arguments)

    def place(self, name: str, fill: Fill) -> None:
        """Upload, in parts where it is large."""
        with SpooledTemporaryFile(_IN_MEMORY) as file:
            fill(file)
            file.seek(0)
            with self._explained(sending=True):
                self._client.upload_fileobj(file, self._bucket, self._prefix + name)

    def names(self, folder: str) -> list[str]:
        """List the objects below the folder's name."""
        start = f"{self._prefix}{folder}/"
        found: list[str] = []
        with self._explained():
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=start):
                found += (str(entry["Key"]).removeprefix(start) for entry in page.get("Contents", []))
        return sorted(name for name in found if "/" not in name)

    def probe(self, folder: str) -> None:
        """Begin an upload and give it up: nothing of it was ever there."""
        key = f"{self._prefix}{folder}/.weft-probe"
        with self._explained():
            begun = self._client.create_multipart_upload(Bucket=self._bucket, Key=key)
            self._client.abort_multipart_upload(Bucket=self._bucket, Key=key, UploadId=begun["UploadId"])

    @contextmanager
    def _explained(self, *, sending: bool = False) -> Iterator[None]:
        where = f"s3://{self._bucket}"
        try:
            yield
        except (botocore.exceptions.ClientError, S3UploadFailedError) as error:
            cause = error if isinstance(error, botocore.exceptions.ClientError) else error.__context__
            code = str(cause.response["Error"]["Code"]) if isinstance(cause, botocore.exceptions.ClientError) else ""
            if code in _REFUSED:
                raise DestinationRefused(
                    f"The storage refuses the file: {_REFUSED[code]}.",
                    where=where,
                    fix="check bucket, region, keys and that they allow s3:PutObject and s3:ListBucket",
                ) from error
            raise DestinationDown(
                "The storage did not take the file.", where=where, fix="run the sync again"
            ) from error
        except (botocore.exceptions.NoCredentialsError, botocore.exceptions.NoRegionError) as error:
            raise DestinationRefused(
                "There are no credentials or no region for the storage.",
                where=where,
                fix="set access_key_id, secret_access_key and region in connections.yml, or as boto3 finds them",
            ) from error
        except (botocore.exceptions.BotoCoreError, OSError) as error:
            unreached = (botocore.exceptions.EndpointConnectionError, botocore.exceptions.ConnectTimeoutError)
            kind = DestinationDown if isinstance(error, unreached) or not sending else AmbiguousCall
            raise kind(
                f"The storage could not be reached ({type(error).__name__}).", where=where, fix="run the sync again"
            ) from error
