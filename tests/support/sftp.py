"""An SFTP server on 127.0.0.1, for machines without OpenSSH's: asyncssh, which dvc-ssh brings.

Run as `python sftp.py PORT HOST_KEY AUTHORIZED_KEYS`.
"""

import asyncio
import sys

import asyncssh


async def serve(port: int, host_key: str, authorized_keys: str) -> None:
    """Serve this machine's files to who has the key, until the process is ended."""
    await asyncssh.listen(
        "127.0.0.1",
        port,
        server_host_keys=[host_key],
        authorized_client_keys=authorized_keys,
        sftp_factory=True,
    )
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), sys.argv[2], sys.argv[3]))
