"""A resolver for tests."""

import asyncio

from hybridgw.transport.resolver import Resolver


class Names(Resolver):
    """A resolver whose answers the test gives; an exception is raised."""

    def __init__(self, *answers: str, error: Exception | None = None, seconds: float = 0.0) -> None:
        super().__init__(30.0)
        self.answers = answers
        self.error = error
        self.seconds_taken = seconds

    async def resolve(self, host: str) -> tuple[str, ...]:
        await asyncio.sleep(self.seconds_taken)
        if self.error is not None:
            raise self.error
        return self.answers
