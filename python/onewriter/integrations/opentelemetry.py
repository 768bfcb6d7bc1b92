"""OpenTelemetry: `logger.configure(patcher=trace_ids)`."""

from __future__ import annotations

import logging
from typing import Any

from opentelemetry import trace


def trace_ids(record: dict[str, Any]) -> None:
    """Writes `trace_id` and `span_id` (hexadecimal) of the current span into the record's extra.

    It runs where the record is logged, so it is the caller's span, whoever writes the line. Outside
    of a span both are texts of zeros, as OpenTelemetry defines an invalid id.
    """
    record["extra"].update(_ids())


class TraceIds(logging.Filter):
    """The same for handlers and loggers of the standard library: `record.trace_id`, `.span_id`."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Takes every record."""
        record.__dict__.update(_ids())
        return True


def _ids() -> dict[str, str]:
    context = trace.get_current_span().get_span_context()
    return {
        "trace_id": trace.format_trace_id(context.trace_id),
        "span_id": trace.format_span_id(context.span_id),
    }
