"""Workers that load data, as those of a PyTorch DataLoader, under any start method.

`python data_loader.py spawn` (or fork, or forkserver).
"""

import multiprocessing
import sys

from onewriter import logger

# Workers that do not inherit this run it themselves; nothing has to be passed to them.
logger.remove()
logger.add("train.log", format="{level} {message} {extra}", enqueue=True)


def load(worker_id, count):
    with logger.contextualize(worker=worker_id):
        for index in range(count):
            logger.info("loaded sample {}", index)


if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    logger.info("epoch begins")
    workers = [context.Process(target=load, args=(number, 50)) for number in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    logger.info("epoch ends")
