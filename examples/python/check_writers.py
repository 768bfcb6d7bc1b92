"""The commonest mistake: a second writer of a file."""

import logging
import os

import onewriter
from onewriter import logger

logger.remove()
logger.add("shop.log", format="{level} {message}", enqueue=True)

# Somebody's old configuration names the same file.
logging.getLogger("old").addHandler(logging.FileHandler("shop.log", delay=True))
# And a file without the queue, which a forked child is going to write, too.
logger.add("audit.log", format="{message}")

if __name__ == "__main__":
    for finding in onewriter.check():
        print("parent:", finding)
    child = os.fork()
    if child == 0:
        onewriter.check(warn=True)
        os._exit(0)
    os.waitpid(child, 0)
