//! Scoped context: key-values on every record of a thread or of an async task.
//!
//! For programs that have no spans. What is pushed is encoded once; a put copies the bytes.
//!
//! ```
//! use onewriter::{context, info};
//!
//! let _request = context::push([("request", 17)]);
//! info!("accepted");                                    // has request=17
//! context::with([("user", "ann")], || info!("served")); // has request=17 user=ann
//! ```

use onewriter_record::{Encode, SectionKind, write_section};
use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

/// Key-values for every record of a scope.
///
/// ```
/// use onewriter::context::{self, Context};
///
/// let _guard = context::push(Context::new().with("request", 17).with("user", "ann"));
/// ```
#[derive(Clone, Default)]
pub struct Context {
    /// One section for each key.
    sections: Vec<u8>,
}

impl Context {
    /// No key-values.
    #[must_use]
    pub fn new() -> Context {
        Context::default()
    }

    /// The context of this thread, to be carried to another thread or task.
    ///
    /// ```
    /// use onewriter::context::{self, Context};
    ///
    /// let _request = context::push([("request", 17)]);
    /// let context = Context::current();
    /// std::thread::spawn(move || context::with(context, || onewriter::info!("in a thread")));
    /// ```
    #[must_use]
    pub fn current() -> Context {
        let mut sections = Vec::new();
        let _ = STATE.try_with(|state| {
            for (_, context) in &state.borrow().contexts {
                sections.extend_from_slice(context);
            }
        });
        Context { sections }
    }

    /// Adds a key-value. A key that an outer context has too stands twice, the outer one first.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Encode) -> Context {
        write_section(SectionKind::Context, "", &[(key, value)], &mut self.sections);
        self
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sections = onewriter_record::Body::new(&self.sections, true).sections(0);
        f.debug_map().entries(sections.flat_map(|section| section.entries)).finish()
    }
}

impl<V: Encode, const N: usize> From<[(&str, V); N]> for Context {
    fn from(pairs: [(&str, V); N]) -> Context {
        pairs.into_iter().fold(Context::new(), |context, (key, value)| context.with(key, value))
    }
}

impl<V: Encode> From<(&str, V)> for Context {
    fn from((key, value): (&str, V)) -> Context {
        Context::new().with(key, value)
    }
}

/// Adds a context to the records of this thread until the guard is dropped.
///
/// Guards may be dropped in any order.
#[must_use = "the context ends when the guard is dropped"]
pub fn push(context: impl Into<Context>) -> Pushed {
    push_sections(Arc::from(context.into().sections))
}

/// Calls `f` with a context added to the records of this thread.
pub fn with<R>(context: impl Into<Context>, f: impl FnOnce() -> R) -> R {
    let _guard = push(context);
    f()
}

fn push_sections(sections: Arc<[u8]>) -> Pushed {
    let key = STATE.try_with(|state| {
        let mut state = state.borrow_mut();
        state.last_key += 1;
        let key = state.last_key;
        state.contexts.push((key, sections));
        state.changed();
        key
    });
    Pushed { key: key.unwrap_or(0), of_this_thread: PhantomData }
}

/// A context that is in force in this thread; ends when dropped.
#[derive(Debug)]
pub struct Pushed {
    key: u64,
    of_this_thread: PhantomData<*const ()>,
}

impl Drop for Pushed {
    fn drop(&mut self) {
        let _ = STATE.try_with(|state| {
            let mut state = state.borrow_mut();
            state.contexts.retain(|(key, _)| *key != self.key);
            state.changed();
        });
    }
}

/// Gives a context to an async task.
///
/// ```
/// use onewriter::context::WithContext;
///
/// async fn serve() {
///     onewriter::info!("served");
/// }
/// let task = serve().with_context([("request", 17)]);
/// ```
pub trait WithContext: Future + Sized {
    /// A future whose records have this context, whichever thread polls it.
    fn with_context(self, context: impl Into<Context>) -> InContext<Self> {
        InContext { future: Box::pin(self), sections: Arc::from(context.into().sections) }
    }
}

impl<F: Future> WithContext for F {}

/// The future of [`WithContext::with_context`].
#[must_use = "futures do nothing unless polled"]
pub struct InContext<F> {
    future: Pin<Box<F>>,
    sections: Arc<[u8]>,
}

impl<F> fmt::Debug for InContext<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InContext").finish_non_exhaustive()
    }
}

impl<F: Future> Future for InContext<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<F::Output> {
        let _guard = push_sections(Arc::clone(&self.sections));
        self.future.as_mut().poll(cx)
    }
}

/// A span as records carry it: its section, and the span around it.
pub(crate) struct Span {
    pub(crate) parent: Option<Arc<Span>>,
    section: Mutex<Vec<u8>>,
}

/// Raised whenever the fields of a span change after its beginning.
static SPAN_CHANGES: AtomicU64 = AtomicU64::new(0);

#[cfg_attr(not(feature = "tracing"), expect(dead_code, reason = "the layer enters spans"))]
impl Span {
    pub(crate) fn new(parent: Option<Arc<Span>>, section: Vec<u8>) -> Span {
        Span { parent, section: Mutex::new(section) }
    }

    /// Puts another section in the place of the span's own.
    pub(crate) fn replace(&self, section: Vec<u8>) {
        *self.section.lock().unwrap_or_else(PoisonError::into_inner) = section;
        SPAN_CHANGES.fetch_add(1, Relaxed);
    }

    /// Appends the sections of the spans around it and its own, outermost first.
    pub(crate) fn append_to(&self, out: &mut Vec<u8>) {
        let chain: Vec<&Span> =
            std::iter::successors(Some(self), |span| span.parent.as_deref()).collect();
        for span in chain.into_iter().rev() {
            out.extend_from_slice(&span.section.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }
}

/// Makes `span` the one in which records of this thread stand.
#[cfg_attr(not(feature = "tracing"), expect(dead_code, reason = "the layer enters spans"))]
pub(crate) fn enter_span(span: Arc<Span>) {
    let _ = STATE.try_with(|state| {
        let mut state = state.borrow_mut();
        state.spans.push(span);
        state.changed();
    });
}

/// Ends the innermost [`enter_span`] of this span.
#[cfg_attr(not(feature = "tracing"), expect(dead_code, reason = "the layer enters spans"))]
pub(crate) fn exit_span(span: &Arc<Span>) {
    let _ = STATE.try_with(|state| {
        let mut state = state.borrow_mut();
        if let Some(at) = state.spans.iter().rposition(|entered| Arc::ptr_eq(entered, span)) {
            state.spans.remove(at);
        }
        state.changed();
    });
}

/// What is in force in a thread.
#[derive(Default)]
struct State {
    contexts: Vec<(u64, Arc<[u8]>)>,
    last_key: u64,
    spans: Vec<Arc<Span>>,
    /// The sections of all of it, as the last put copied them.
    sections: Vec<u8>,
    is_stale: bool,
    span_changes: u64,
}

thread_local! {
    /// Whether the thread has any context: the one load of a put that has none.
    static IN_FORCE: Cell<bool> = const { Cell::new(false) };
    static STATE: RefCell<State> = RefCell::default();
}

impl State {
    fn changed(&mut self) {
        self.is_stale = true;
        IN_FORCE.set(!self.contexts.is_empty() || !self.spans.is_empty());
    }

    fn refresh(&mut self) {
        let span_changes = SPAN_CHANGES.load(Relaxed);
        if !self.is_stale && (self.spans.is_empty() || span_changes == self.span_changes) {
            return;
        }
        self.sections.clear();
        for (_, context) in &self.contexts {
            self.sections.extend_from_slice(context);
        }
        if let Some(span) = self.spans.last() {
            span.append_to(&mut self.sections);
        }
        self.is_stale = false;
        self.span_changes = span_changes;
    }
}

/// Whether records of this thread have no context.
#[inline(always)]
pub(crate) fn is_empty() -> bool {
    !IN_FORCE.get()
}

/// Calls `f` with the sections in force. `f` runs no code of the user's.
pub(crate) fn with_sections<R>(f: impl FnOnce(&[u8]) -> R) -> R {
    if is_empty() {
        return f(&[]);
    }
    let mut f = Some(f);
    let mut call = |sections: &[u8]| f.take().map(|f| f(sections));
    let done = STATE.try_with(|state| {
        let mut state = state.try_borrow_mut().ok()?;
        state.refresh();
        call(&state.sections)
    });
    match done {
        Ok(Some(result)) => result,
        // The thread is ending and its context is gone.
        _ => match call(&[]) {
            Some(result) => result,
            None => unreachable!("called once above only if the result was returned"),
        },
    }
}

/// The sections of the contexts, without spans.
#[cfg(feature = "tracing")]
pub(crate) fn contexts() -> Vec<u8> {
    Context::current().sections
}
