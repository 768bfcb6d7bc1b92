"""joblib: the logger is sent to the workers of loky with the function that uses it."""

from joblib import Parallel, delayed

from onewriter import logger

logger.remove()
logger.add("jobs.log", format="{level} {message}", enqueue=True)


def square(number):
    logger.info("squaring {}", number)
    return number**2


if __name__ == "__main__":
    squares = Parallel(n_jobs=2, backend="loky")(delayed(square)(number) for number in range(40))
    logger.info("sum {}", sum(squares))
