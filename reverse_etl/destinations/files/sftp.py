"""SFTP: a file is written beside its name and then renamed over it, which OpenSSH's ``posix-rename`` does in one step.

The extension is described in OpenSSH's file "PROTOCOL".
"""

from __future__ import annotations

import errno
import stat
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from posixpath import dirname
from tempfile import SpooledTemporaryFile
from uuid import uuid4

from reverse_etl.destinations.files.stores import PART, Fill, Store, said
from reverse_etl.errors import AmbiguousCall, ConfigError, DestinationDown, DestinationRefused

try:
    import paramiko
except ImportError as missing:
    raise ConfigError(
        "SFTP needs a package that is not installed.", where="connections.yml, url", fix='pip install "weft[sftp]"'
    ) from missing

_IN_MEMORY = 16_000_000
_TIMEOUT = 20.0


class Server(Store):
    """A folder of an SFTP server.

    Args:
        host: The server.
        port: Its port.
        root: The folder, as the server names it.
        user: Who signs in.
        host_key: The server's public key, as a line of ``known_hosts`` has it: type and key.
        password: The password, where there is no key.
        key_file: A file with the private key.
        passphrase: What opens that file.
    """

    def __init__(
        self,
        host: str,
        port: int,
        root: str,
        *,
        user: str,
        host_key: str,
        password: str | None = None,
        key_file: str = "",
        passphrase: str | None = None,
    ) -> None:
        self._host, self._port, self._root = host, port, root.rstrip("/")
        self._user, self._host_key = user, host_key
        self._password, self._key_file, self._passphrase = password, key_file, passphrase
        self._where = f"sftp://{host}:{port}"

    def place(self, name: str, fill: Fill) -> None:
        """Upload beside, look whether all of it is there, rename."""
        path = f"{self._root}/{name}"
        part = f"{dirname(path)}/{PART}{uuid4().hex}"
        renaming = False
        with SpooledTemporaryFile(_IN_MEMORY) as file:
            fill(file)
            size = file.tell()
            file.seek(0)
            try:
                with self._session() as sftp:
                    self._make(sftp, dirname(path))
                    try:
                        sftp.putfo(file, part, file_size=size, confirm=True)
                        renaming = True
                        sftp.posix_rename(part, path)
                    except BaseException:
                        with suppress(OSError, paramiko.SSHException, EOFError):
                            sftp.remove(part)
                        raise
            except DestinationDown as error:
                if not renaming:
                    raise
                raise AmbiguousCall(error.what, where=error.where, fix=error.fix) from error

    def names(self, folder: str) -> list[str]:
        """List the folder."""
        with self._session() as sftp:
            try:
                return sorted(sftp.listdir(f"{self._root}/{folder}"))
            except FileNotFoundError:
                return []

    def probe(self, folder: str) -> None:
        """Write an empty file and delete it."""
        path = f"{self._root}/{folder}"
        with self._session() as sftp:
            self._make(sftp, path)
            part = f"{path}/{PART}{uuid4().hex}"
            sftp.open(part, "wb").close()
            sftp.remove(part)

    def _make(self, sftp: paramiko.SFTPClient, folder: str) -> None:
        """Make folders below the root that are missing; the root itself is somebody else's to make."""
        if not stat.S_ISDIR(sftp.stat(self._root or "/").st_mode or 0):
            raise OSError(errno.ENOTDIR, "no folder")
        path = self._root
        for name in folder.removeprefix(self._root).strip("/").split("/"):
            path = f"{path}/{name}"
            try:
                sftp.stat(path)
            except FileNotFoundError:
                sftp.mkdir(path)

    @contextmanager
    def _session(self) -> Iterator[paramiko.SFTPClient]:
        """Sign in for a moment."""
        client = paramiko.SSHClient()
        client.set_missing_host_key_policy(paramiko.RejectPolicy())
        kind, key = self._known()
        name = self._host if self._port == 22 else f"[{self._host}]:{self._port}"
        client.get_host_keys().add(name, kind, key)
        try:
            client.connect(
                self._host,
                self._port,
                self._user,
                self._password,
                key_filename=self._key_file or None,
                passphrase=self._passphrase,
                timeout=_TIMEOUT,
                banner_timeout=_TIMEOUT,
                auth_timeout=_TIMEOUT,
                allow_agent=False,
                look_for_keys=False,
            )
            with client.open_sftp() as sftp:
                sftp.get_channel().settimeout(60)
                yield sftp
        except paramiko.BadHostKeyException as error:
            raise self._refused("the server is not the one whose key is known", "host_key") from error
        except paramiko.AuthenticationException as error:
            raise self._refused("it does not let this user in", "user, password or private_key_file") from error
        except (paramiko.SSHException, EOFError, TimeoutError) as error:
            raise self._down(error) from error
        except OSError as error:
            if isinstance(error, ConnectionError | paramiko.ssh_exception.NoValidConnectionsError):
                raise self._down(error) from error
            raise said(error, self._where) from error
        finally:
            client.close()

    def _known(self) -> tuple[str, paramiko.PKey]:
        """Return the server's key; it is never taken on trust."""
        kind, _, rest = self._host_key.strip().partition(" ")
        try:
            return kind, paramiko.PKey.from_type_string(kind, b64decode(rest.split(" ")[0], validate=True))
        except (paramiko.SSHException, paramiko.UnknownKeyType, NotBase64, ValueError, IndexError) as error:
            raise self._refused("the known host key cannot be read", "host_key") from error

    def _refused(self, why: str, field: str) -> DestinationRefused:
        fix = f"check {field} in connections.yml; `ssh-keyscan` shows a server's key, for you to compare"
        return DestinationRefused(f"The SFTP server cannot be used: {why}.", where=self._where, fix=fix)

    def _down(self, error: BaseException) -> DestinationDown:
        what = f"The SFTP server could not be reached, or broke off ({type(error).__name__})."
        return DestinationDown(what, where=self._where, fix="run the sync again")
