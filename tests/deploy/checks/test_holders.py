"""Who listens on a port."""

import asyncio
import os
import socket
import sys
from pathlib import Path

from deploy.checks.holders import holder_of
from deploy.ports import free_port


def test_a_program_that_listens_is_named() -> None:
    """On IPv4, on IPv6, and on every address; nobody where nobody does."""
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"), (socket.AF_INET6, "::")):
        with socket.socket(family, socket.SOCK_STREAM) as listener:
            listener.bind((host, 0))
            listener.listen()
            holder = holder_of(listener.getsockname()[1])
            assert holder is not None
            assert os.getpid() == holder.pid
            assert f"(process {os.getpid()})" in str(holder)
    assert holder_of(free_port()) is None


async def test_another_process_is_found_by_its_name() -> None:
    """Its command line is not shown: it may hold a secret."""
    code = "import socket; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); input()"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code, "--token=sesame"), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        holder = holder_of(int(await process.stdout.readline()))
    finally:
        await process.communicate(b"\n")
    assert holder is not None
    assert process.pid == holder.pid
    assert holder.name.startswith("python")
    assert "sesame" not in str(holder)


def test_a_system_without_proc_tells_nothing(tmp_path: Path) -> None:
    """And so does a socket of which no process is to be seen."""
    assert holder_of(80, tmp_path) is None
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "tcp").write_text(
        "  sl  local_address rem_address st\n   0: 0100007F:0050 00000000:0000 0A 0:0 0:0 0 0 0 4711\n",
        encoding="ascii",
    )
    assert holder_of(80, tmp_path) is None
