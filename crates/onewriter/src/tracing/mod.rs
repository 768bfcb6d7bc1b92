//! The layer for `tracing`.

mod bridge;
mod fields;

use crate::callsite::{CallSite, admits};
use crate::context::{self, Span};
use crate::put::{FrameOut, Values, put_sections};
use fields::{EventValues, SpanFields, Visitor};
use onewriter_record::{Encode, Level, SiteDef};
use std::cell::Cell;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tracing_core::span::{Attributes, Id, Record};
use tracing_core::{Event, Interest, Metadata, Subscriber};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::{Context, Layered, SubscriberExt as _};
use tracing_subscriber::registry::{LookupSpan, SpanRef};

/// A layer that makes the events of `tracing` records of onewriter.
///
/// Fields travel typed; the message and `Debug` values are rendered on the caller. Records stand
/// in their spans, with the spans' fields, those too that are recorded late; so do, within an
/// entered span, the records of onewriter's own macros and of `log`.
///
/// The filter of onewriter decides what is put; the layer leaves other layers alone. Where it is
/// the only one, [`subscriber`] is faster for what the filter refuses.
///
/// ```
/// use tracing_subscriber::layer::SubscriberExt as _;
///
/// let subscriber = tracing_subscriber::registry().with(onewriter::tracing::layer());
/// tracing::subscriber::with_default(subscriber, || {
///     let _span = tracing::info_span!("request", id = 17).entered();
///     tracing::info!(status = 200, "served");
/// });
/// ```
#[must_use]
pub fn layer() -> Layer {
    Layer { span_close: false, is_alone: false }
}

/// A subscriber with the [`layer`] alone: call sites that onewriter's filter refuses are closed
/// for all of `tracing`, and cost nothing.
///
/// This is what installing onewriter sets as the global default.
///
/// ```
/// tracing::subscriber::with_default(onewriter::tracing::subscriber(), || {
///     tracing::info!("served");
/// });
/// ```
#[must_use]
pub fn subscriber() -> Layered<Layer, Registry> {
    tracing_subscriber::registry().with(Layer { is_alone: true, ..layer() })
}

/// Makes [`subscriber`] the default of `tracing`, unless the program has another one.
#[cfg(feature = "embedded")]
pub(crate) fn install_if_free() {
    let _ = tracing_core::dispatcher::set_global_default(tracing_core::Dispatch::new(subscriber()));
}

/// The layer that [`layer`] makes.
#[derive(Clone, Copy, Debug)]
pub struct Layer {
    span_close: bool,
    is_alone: bool,
}

impl Layer {
    /// Whether the end of each span is a record: `close`, with the fields `time.busy` (entered)
    /// and `time.idle` (not entered), as in `tracing-subscriber`'s `FmtSpan::CLOSE`. Default: no.
    pub fn span_close(mut self, is_wanted: bool) -> Layer {
        self.span_close = is_wanted;
        self
    }
}

/// What is known of a call site of `tracing`.
pub(crate) struct Known {
    site: CallSite,
    /// At which place of the fields the message stands.
    message: Option<usize>,
    n_values: usize,
    /// Whether it is one of those through which `tracing-log` sends all records of `log`.
    is_bridge: bool,
}

/// Call sites that a thread remembers.
const N_REMEMBERED: usize = 256;

thread_local! {
    static REMEMBERED: [Cell<Option<(usize, &'static Known)>>; N_REMEMBERED] =
        const { [const { Cell::new(None) }; N_REMEMBERED] };
}

/// What is known of the call site, made at its first event.
#[inline]
fn known(metadata: &'static Metadata<'static>) -> &'static Known {
    let key = std::ptr::from_ref(metadata).addr();
    REMEMBERED.with(|remembered| {
        let slot = &remembered[(key >> 4 ^ key >> 12) % N_REMEMBERED];
        match slot.get() {
            Some((of, known)) if of == key => known,
            _ => {
                let known = known_slowly(key, metadata);
                slot.set(Some((key, known)));
                known
            }
        }
    })
}

pub(crate) type AllKnown = HashMap<usize, &'static Known>;

static KNOWN: Mutex<Option<AllKnown>> = Mutex::new(None);

/// The call sites of `tracing` that were met.
pub(crate) fn all_known() -> MutexGuard<'static, Option<AllKnown>> {
    crate::fork::survive();
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cold]
#[inline(never)]
fn known_slowly(key: usize, metadata: &'static Metadata<'static>) -> &'static Known {
    all_known()
        .get_or_insert_default()
        .entry(key)
        .or_insert_with(|| Box::leak(Box::new(learn(metadata))))
}

fn learn(metadata: &'static Metadata<'static>) -> Known {
    let message = metadata.fields().iter().position(|field| field.name() == "message");
    let names: Vec<&'static str> = metadata.fields().iter().map(|field| field.name()).collect();
    let fields: Vec<&'static str> =
        names.iter().copied().filter(|name| *name != "message").collect();
    let n_values = names.len();
    // The record of a span is the one of its end.
    let (template, args, fields): (_, &[&str], &[&str]) = match message {
        _ if metadata.is_span() => ("close", &[], &["time.busy", "time.idle"]),
        Some(_) => ("", &[""], fields.leak()),
        None => ("", &[], fields.leak()),
    };
    let site = CallSite::new(SiteDef {
        level: Some(level(*metadata.level())),
        target: metadata.target(),
        module: metadata.module_path().unwrap_or_default(),
        file: metadata.file().unwrap_or_default(),
        line: metadata.line().unwrap_or_default(),
        template,
        args,
        fields,
        ..SiteDef::default()
    });
    let is_bridge = metadata.name() == "log event" && metadata.target() == "log";
    Known { site, message, n_values, is_bridge }
}

fn level(level: tracing_core::Level) -> Level {
    match level {
        tracing_core::Level::ERROR => Level::Error,
        tracing_core::Level::WARN => Level::Warn,
        tracing_core::Level::INFO => Level::Info,
        tracing_core::Level::DEBUG => Level::Debug,
        tracing_core::Level::TRACE => Level::Trace,
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> tracing_subscriber::Layer<S> for Layer {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        let known = known(metadata);
        if !self.is_alone || known.is_bridge || known.site.is_enabled() {
            Interest::always()
        } else {
            Interest::never()
        }
    }

    /// Asked where another subscriber of the process wants what this one refuses.
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        !self.is_alone || admits(level(*metadata.level()), metadata.target())
    }

    fn on_event(&self, event: &Event<'_>, ctx: Context<'_, S>) {
        let known = known(event.metadata());
        if known.is_bridge {
            return bridge::put_bridged(event);
        }
        if !known.site.is_enabled() {
            return;
        }
        let mut values = EventValues::of(known);
        event.record(&mut Visitor(&mut values));
        if event.is_contextual() {
            values.put(None);
        } else {
            // The event names its span, or says that it stands in none.
            let mut sections = context::contexts();
            if let Some(span) = ctx.event_span(event).as_ref().and_then(nearest) {
                span.append_to(&mut sections);
            }
            values.put(Some(&sections));
        }
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, ctx: Context<'_, S>) {
        let Some(span) = ctx.span(id) else { return };
        if !known(span.metadata()).site.is_enabled() {
            return;
        }
        let mut fields = SpanFields::default();
        attributes.record(&mut Visitor(&mut fields));
        let section = fields.section(span.name());
        let parent = span.parent().as_ref().and_then(nearest);
        let node = Arc::new(Span::new(parent, section));
        let times = self.span_close.then(Times::start);
        span.extensions_mut().insert(Open { node, fields, times });
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, ctx: Context<'_, S>) {
        let Some(span) = ctx.span(id) else { return };
        let mut late = SpanFields::default();
        values.record(&mut Visitor(&mut late));
        if let Some(open) = span.extensions_mut().get_mut::<Open>() {
            open.fields.replace(late);
            open.node.replace(open.fields.section(span.name()));
        }
    }

    fn on_enter(&self, id: &Id, ctx: Context<'_, S>) {
        let Some(span) = ctx.span(id) else { return };
        if let Some(node) = node(&span) {
            context::enter_span(node);
        }
        if self.span_close {
            Times::turn(&span, true);
        }
    }

    fn on_exit(&self, id: &Id, ctx: Context<'_, S>) {
        let Some(span) = ctx.span(id) else { return };
        if let Some(node) = node(&span) {
            context::exit_span(&node);
        }
        if self.span_close {
            Times::turn(&span, false);
        }
    }

    fn on_close(&self, id: Id, ctx: Context<'_, S>) {
        if !self.span_close {
            return;
        }
        let Some(span) = ctx.span(&id) else { return };
        let mut extensions = span.extensions_mut();
        let Some(open) = extensions.get_mut::<Open>() else { return };
        let Some(times) = &mut open.times else { return };
        times.advance();
        let (busy, idle) = (times.busy, times.idle);
        let mut sections = context::contexts();
        open.node.append_to(&mut sections);
        let values = Values {
            tags: &[busy.tag(), idle.tag()],
            size: busy.size() + idle.size(),
            write: |out: &mut FrameOut<'_, '_>| {
                busy.write(out);
                idle.write(out);
            },
        };
        // What was not accepted is counted; `tracing` has no way to tell its caller.
        put_sections(&known(span.metadata()).site, values, [&sections, &[]]);
    }
}

/// What the registry keeps for a span.
struct Open {
    node: Arc<Span>,
    fields: SpanFields,
    times: Option<Times>,
}

fn node<'a, S: LookupSpan<'a>>(span: &SpanRef<'a, S>) -> Option<Arc<Span>> {
    span.extensions().get::<Open>().map(|open| Arc::clone(&open.node))
}

/// The span, or the nearest one around it that the filter admits.
fn nearest<'a, S: LookupSpan<'a>>(span: &SpanRef<'a, S>) -> Option<Arc<Span>> {
    span.scope().find_map(|span| node(&span))
}

/// How long a span was entered, and how long not.
struct Times {
    busy: Duration,
    idle: Duration,
    since: Instant,
    /// In how many threads, or how often in one, it is entered now.
    depth: usize,
}

impl Times {
    fn start() -> Times {
        Times { busy: Duration::ZERO, idle: Duration::ZERO, since: Instant::now(), depth: 0 }
    }

    fn advance(&mut self) {
        let now = Instant::now();
        let passed = now - std::mem::replace(&mut self.since, now);
        if self.depth == 0 {
            self.idle += passed;
        } else {
            self.busy += passed;
        }
    }

    fn turn<'a, S: LookupSpan<'a>>(span: &SpanRef<'a, S>, is_entered: bool) {
        let mut extensions = span.extensions_mut();
        let times = extensions.get_mut::<Open>().and_then(|open| open.times.as_mut());
        if let Some(times) = times {
            times.advance();
            times.depth = if is_entered { times.depth + 1 } else { times.depth.saturating_sub(1) };
        }
    }
}

#[cfg(test)]
mod tests;
