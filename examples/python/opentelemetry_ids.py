"""OpenTelemetry: the ids of the current span in every record."""

import logging

from opentelemetry.sdk.trace import TracerProvider

from onewriter import logger
from onewriter.handlers import FileHandler
from onewriter.integrations.opentelemetry import TraceIds, trace_ids

logger.remove()
logger.configure(patcher=trace_ids)
logger.add("shop.log", format="{extra[trace_id]} {extra[span_id]} {level} {message}", enqueue=True)

# The same for the standard library: a filter of the handler.
handler = FileHandler("shop.log")
handler.addFilter(TraceIds())
handler.setFormatter(logging.Formatter("%(trace_id)s %(span_id)s %(levelname)s %(message)s"))
logging.basicConfig(handlers=[handler], level=logging.INFO)

if __name__ == "__main__":
    tracer = TracerProvider().get_tracer("shop")
    logger.info("outside")
    with tracer.start_as_current_span("order") as span:
        context = span.get_span_context()
        print(f"{context.trace_id:032x} {context.span_id:016x}")
        logger.info("inside")
        logging.warning("also inside")
