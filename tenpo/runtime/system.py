"""Small dealings with the operating system: private folders, file locks, ports, the user that PostgreSQL runs as."""

import fcntl
import os
import pwd
import shutil
import socket
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from tenpo.runtime.errors import OperatorError

# PostgreSQL refuses to run as root; then it runs as this user instead.
POSTGRES_USER = "pgserver"


def server_user() -> pwd.struct_passwd | None:
    """Whom PostgreSQL must run as: None is ourselves; as root, a system user that is made when missing."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(POSTGRES_USER)
    except KeyError:
        pass
    if shutil.which("useradd"):
        subprocess.run(
            ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", POSTGRES_USER],
            check=False,
            capture_output=True,
        )
    elif shutil.which("adduser"):
        subprocess.run(["adduser", "-S", "-D", "-H", POSTGRES_USER], check=False, capture_output=True)
    try:
        return pwd.getpwnam(POSTGRES_USER)
    except KeyError:
        raise OperatorError(
            "PostgreSQL refuses to run as root, and a system user for it could not be made. "
            f"Make one (useradd --system {POSTGRES_USER}), or run Tenpo as an ordinary user."
        ) from None


def private_dir(path: Path) -> Path:
    """Make a folder that only we can enter; as root, PostgreSQL's user may pass through, not look."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OperatorError(f"The data folder {path} cannot be made: {error.strerror}.") from None
    user = server_user()
    try:
        if user is None:
            path.chmod(0o700)
        else:
            os.chown(path, 0, user.pw_gid)
            path.chmod(0o710)
    except PermissionError:
        raise OperatorError(f"The data folder {path} belongs to somebody else. Choose another TENPO_DATA.") from None
    return path


def let_pass(path: Path) -> None:
    """Let every user pass through the folders above `path` (only that: not list or read them)."""
    for folder in path.resolve().parents:
        mode = stat.S_IMODE(folder.stat().st_mode)
        if not mode & stat.S_IXOTH and folder.stat().st_gid == 0:
            folder.chmod(mode | stat.S_IXOTH)


def write_whole(path: Path, content: bytes) -> None:
    """Put a file of ours alone in place, whole or not at all, and on the disk when this returns."""
    handle, name = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)
    unfinished = Path(name)
    try:
        with os.fdopen(handle, "wb") as opened:
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())
        unfinished.rename(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    sync_dir(path.parent)


def sync_dir(path: Path) -> None:
    """Make a rename in this folder outlast a power cut."""
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Hold `path` locked against other processes, waiting for them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def try_lock(file: IO[str]) -> bool:
    """Lock an open file against other processes, until it is closed; False when one of them holds it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def end(process: subprocess.Popen[Any], seconds: float) -> None:
    """Ask a child to end, and make it when it still has not after so many seconds."""
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_port(host: str = "127.0.0.1") -> int:
    """A port on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
