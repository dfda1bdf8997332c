"""Places to put files in: a small S3, and an SFTP server, each in a thread of the test's own process."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import paramiko

NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


@dataclass
class Bucket:
    """What a bucket of the small S3 holds, and what it does wrong.

    Attributes:
        objects: By key.
        uploads: Uploads in parts that are not complete.
        refusal: The code of the error that every call gets, if any.
        broken: Whether the connection breaks at a put, after so much was read.
        calls: Method and path of each call.
    """

    objects: dict[str, bytes] = field(default_factory=dict)
    uploads: dict[str, dict[int, bytes]] = field(default_factory=dict)
    refusal: str = ""
    broken: bool = False
    calls: list[str] = field(default_factory=list)
    url: str = ""


@contextmanager
def s3(name: str = "bucket", key: str = "AKTEST") -> Iterator[Bucket]:
    """Serve one bucket: put, list, and uploads in parts, as Amazon's API reference has them."""
    bucket = Bucket()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *arguments: Any) -> None:
            pass

        def answer(self, status: int, body: str = "", **headers: str) -> None:
            data = body.encode()
            self.send_response(status)
            for header, value in headers.items():
                self.send_header(header, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def handle_call(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
            _, found, path = (
                unquote(parts.path).split("/", 2) if parts.path.count("/") > 1 else ("", parts.path[1:], "")
            )
            length = int(self.headers.get("Content-Length", 0))
            body = self._unchunked(self.rfile.read(length))
            bucket.calls.append(f"{self.command} {path}")
            signed = f"Credential={key}/" in self.headers.get("Authorization", "")
            refusal = bucket.refusal or ("" if signed else "InvalidAccessKeyId")
            refusal = refusal or ("" if found == name else "NoSuchBucket")
            if bucket.broken and self.command == "PUT":
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
            elif refusal:
                self.answer(403, f"<Error><Code>{refusal}</Code><Message>person@example.com</Message></Error>")
            else:
                self.serve(path, query, body)

        def serve(self, path: str, query: dict[str, str], body: bytes) -> None:
            if self.command == "POST" and "uploads" in query:
                upload = f"u{len(bucket.uploads)}"
                bucket.uploads[upload] = {}
                self.answer(
                    200,
                    f"<InitiateMultipartUploadResult {NAMESPACE}><UploadId>{upload}</UploadId>"
                    "</InitiateMultipartUploadResult>",
                )
            elif self.command == "PUT" and "uploadId" in query:
                bucket.uploads[query["uploadId"]][int(query["partNumber"])] = body
                self.answer(200, ETag=f'"{query["partNumber"]}"')
            elif self.command == "POST" and "uploadId" in query:
                pieces = bucket.uploads.pop(query["uploadId"])
                bucket.objects[path] = b"".join(pieces[number] for number in sorted(pieces))
                self.answer(200, f"<CompleteMultipartUploadResult {NAMESPACE}/>")
            elif self.command == "DELETE" and "uploadId" in query:
                bucket.uploads.pop(query["uploadId"], None)
                self.answer(204)
            elif self.command == "PUT":
                bucket.objects[path] = body
                self.answer(200, ETag='"x"')
            else:
                keys = [one for one in sorted(bucket.objects) if one.startswith(query.get("prefix", ""))]
                listed = "".join(f"<Contents><Key>{escape(one)}</Key></Contents>" for one in keys)
                self.answer(
                    200, f"<ListBucketResult {NAMESPACE}><IsTruncated>false</IsTruncated>{listed}</ListBucketResult>"
                )

        def _unchunked(self, body: bytes) -> bytes:
            """Take the signed chunks apart that newer clients send."""
            if "aws-chunked" not in self.headers.get("Content-Encoding", ""):
                return body
            data = b""
            while match := re.match(rb"([0-9a-f]+)(;[^\r]*)?\r\n", body):
                size = int(match[1], 16)
                data += body[match.end() : match.end() + size]
                body = body[match.end() + size + 2 :]
            return data

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_call  # noqa: N815

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    bucket.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield bucket
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@dataclass
class Sftp:
    """An SFTP server.

    Attributes:
        root: The folder that it serves.
        port: Where it listens.
        key: Its key.
        fail: The SFTP operation that it fails, if any, and with which status.
    """

    root: Path
    port: int
    key: paramiko.PKey
    fail: dict[str, int] = field(default_factory=dict)

    @property
    def host_key(self) -> str:
        return f"{self.key.get_name()} {self.key.get_base64()}"


@contextmanager
def sftp(root: Path, user: str, password: str) -> Iterator[Sftp]:
    """Serve a folder to one user."""
    listener = socket.create_server(("127.0.0.1", 0))
    serving = Sftp(root, listener.getsockname()[1], paramiko.ECDSAKey.generate())
    transports: list[paramiko.Transport] = []

    class Doorkeeper(paramiko.ServerInterface):  # type: ignore[misc]
        def check_auth_password(self, username: str, given: str) -> Any:
            return paramiko.AUTH_SUCCESSFUL if (username, given) == (user, password) else paramiko.AUTH_FAILED

        def check_channel_request(self, kind: str, chanid: int) -> Any:
            return paramiko.OPEN_SUCCEEDED

        def get_allowed_auths(self, username: str) -> str:
            return "password"

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            transport = paramiko.Transport(connection)
            transports.append(transport)
            transport.add_server_key(serving.key)
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer, _folder(serving))
            try:
                transport.start_server(server=Doorkeeper())
            except (paramiko.SSHException, EOFError):
                continue

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield serving
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for transport in transports:
            transport.close()
        thread.join(5)


def _folder(serving: Sftp) -> type[paramiko.SFTPServerInterface]:
    """Return what answers SFTP with the files of a folder."""

    class Answers(paramiko.SFTPServerInterface):  # type: ignore[misc]
        def _at(self, path: str) -> Path:
            return serving.root / path.lstrip("/")

        def _failing(self, operation: str) -> int | None:
            return serving.fail.get(operation)

        def stat(self, path: str) -> Any:
            try:
                return paramiko.SFTPAttributes.from_stat(self._at(path).stat())
            except OSError as error:
                return paramiko.SFTPServer.convert_errno(error.errno or 0)

        lstat = stat

        def list_folder(self, path: str) -> Any:
            try:
                return [paramiko.SFTPAttributes.from_stat(one.stat(), one.name) for one in self._at(path).iterdir()]
            except OSError as error:
                return paramiko.SFTPServer.convert_errno(error.errno or 0)

        def mkdir(self, path: str, attr: Any) -> Any:
            if (failure := self._failing("mkdir")) is not None:
                return failure
            self._at(path).mkdir()
            return paramiko.SFTP_OK

        def remove(self, path: str) -> Any:
            self._at(path).unlink()
            return paramiko.SFTP_OK

        def posix_rename(self, old: str, new: str) -> Any:
            if (failure := self._failing("rename")) is not None:
                return failure
            self._at(old).replace(self._at(new))
            return paramiko.SFTP_OK

        def open(self, path: str, flags: int, attr: Any) -> Any:
            if (failure := self._failing("open")) is not None:
                return failure
            file = self._at(path).open("wb")
            handle = paramiko.SFTPHandle(flags)
            handle.writefile = file
            if (failed := self._failing("write")) is not None:
                handle.write = lambda offset, data: failed
            return handle

    return Answers
