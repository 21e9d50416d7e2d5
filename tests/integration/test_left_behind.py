"""Requests that take longer than a tick of the watchdog leave no body behind in a running worker."""

import os
from pathlib import Path

from tests.support.gateway import Gateway
from tests.support.player import ANSWER, Player, whole

MEGABYTE = 1 << 20
ROUNDS = 40
ROOM = 10 * MEGABYTE
"""What an allocator may do between two looks; the bodies of all rounds are three times that."""


def resident(pid: int) -> int:
    """Bytes of a process in memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_memory_is_flat_over_large_slow_requests(player: Player) -> None:
    config = {"deployments": [player.deployment()], "models": [{"name": "m", "deployments": ["local/m"]}]}
    body = {"model": "m", "messages": [{"role": "user", "content": "word " * (MEGABYTE // 5)}]}
    with Gateway(config) as gateway:
        (worker,) = gateway.pids()
        after = []
        for _ in range(ROUNDS):
            player.plays(0.12, whole(ANSWER))
            assert gateway.post("/v1/chat/completions", body).status == 200
            after.append(resident(worker))
        assert after[-1] - after[9] < ROOM, after
