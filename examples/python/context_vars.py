"""Context variables: what they are at the call is what the line says."""

import asyncio
from contextvars import ContextVar

from onewriter import logger

user = ContextVar("user", default="nobody")

logger.remove()
logger.configure(patcher=lambda record: record["extra"].update(user=user.get()))
logger.add("shop.log", format="{extra[user]} {extra[request]} {message}", enqueue=True)


async def serve(name, number):
    user.set(name)
    with logger.contextualize(request=number):
        logger.info("came")
        await asyncio.sleep(0)  # the other one's turn
        logger.info("went")


async def main():
    await asyncio.gather(serve("Ann", 1), serve("Bob", 2))


if __name__ == "__main__":
    asyncio.run(main())
