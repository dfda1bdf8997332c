"""Where files go, and in which format."""

from __future__ import annotations

import re
from typing import Any, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import SecretStr, field_validator, model_validator

from reverse_etl.destinations.base import Settings
from reverse_etl.destinations.files.formats import Format
from reverse_etl.destinations.files.stores import Folder, Store
from reverse_etl.errors import DestinationRefused

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.=-]*")
_OWN_MACHINE = ("localhost", "127.0.0.1", "::1")


class FilesSettings(Settings):
    """A place for files.

    Attributes:
        url: ``/a/folder``, ``s3://bucket/prefix`` or ``sftp://host:port/a/folder``.
        format: What the files are.
        gzip: Whether CSV and NDJSON are compressed.
        region: Of the bucket.
        endpoint_url: Of storage that is not Amazon's.
        access_key_id: For S3; without it, credentials are found as boto3 does.
        secret_access_key: For S3.
        session_token: For S3, with credentials for a while.
        user: Who signs in to SFTP.
        password: For SFTP.
        private_key_file: For SFTP, instead of a password.
        private_key_passphrase: What opens that file.
        host_key: The SFTP server's public key: its type and the key, as ``ssh-keyscan`` prints them.
    """

    url: str
    format: Format = "parquet"
    gzip: bool = False
    region: str = ""
    endpoint_url: str = ""
    access_key_id: SecretStr | None = None
    secret_access_key: SecretStr | None = None
    session_token: SecretStr | None = None
    user: str = ""
    password: SecretStr | None = None
    private_key_file: str = ""
    private_key_passphrase: SecretStr | None = None
    host_key: str = ""

    @field_validator("endpoint_url")
    @classmethod
    def _keep_secrets_off_the_wire(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and parts.scheme != "https" and parts.hostname not in _OWN_MACHINE:
            raise ValueError("it must begin with https://, or with http://localhost for a test")
        return value

    @model_validator(mode="after")
    def _complete(self) -> Self:
        parts = self._parts
        if parts.password or (parts.username and parts.scheme != "file"):
            raise ValueError("url holds no user and no password: they have fields of their own")
        if parts.scheme == "s3" and not parts.hostname:
            raise ValueError("url names no bucket: write s3://bucket/prefix")
        if parts.scheme == "sftp" and not (parts.hostname and self.user and self.host_key):
            raise ValueError("sftp needs a host in url, user and host_key")
        if parts.scheme == "sftp" and not (self.password or self.private_key_file):
            raise ValueError("sftp needs password or private_key_file")
        if parts.scheme not in ("", "file", "s3", "sftp"):
            raise ValueError("url is /a/folder, s3://bucket/prefix or sftp://host/a/folder")
        if parts.scheme in ("", "file") and not parts.path.startswith("/"):
            raise ValueError("url is a folder from the root on: /a/folder")
        return self

    @property
    def _parts(self) -> SplitResult:
        return urlsplit(self.url)

    def store(self) -> Store:
        """Return the place.

        Raises:
            ConfigError: A package for it is missing.
        """
        parts = self._parts
        if parts.scheme == "s3":
            from reverse_etl.destinations.files.s3 import Bucket

            return Bucket(parts.netloc, parts.path.strip("/"), self._boto())
        if parts.scheme == "sftp":
            from reverse_etl.destinations.files.sftp import Server

            return Server(
                str(parts.hostname),
                parts.port or 22,
                parts.path,
                user=self.user,
                host_key=self.host_key,
                password=_plain(self.password),
                key_file=self.private_key_file,
                passphrase=_plain(self.private_key_passphrase),
            )
        return Folder(parts.path)

    def _boto(self) -> dict[str, Any]:
        given = {
            "region_name": self.region,
            "endpoint_url": self.endpoint_url,
            "aws_access_key_id": _plain(self.access_key_id),
            "aws_secret_access_key": _plain(self.secret_access_key),
            "aws_session_token": _plain(self.session_token),
        }
        return {name: value for name, value in given.items() if value}


def folder_of(target: str | None) -> str:
    """Return a sync's target, which is the name of a file or of a folder below the connection's url.

    Raises:
        DestinationRefused: It is not a path below.
    """
    parts = (target or "").split("/")
    if not all(_NAME.fullmatch(part) for part in parts):
        raise DestinationRefused(
            "The target is not the name of a file or folder.",
            where="the exposure's sync block, field target",
            fix="write names of letters, digits, dots, dashes and underscores, with slashes between them",
        )
    return "/".join(parts)


def _plain(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None
