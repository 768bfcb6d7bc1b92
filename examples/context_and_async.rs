//! Key-values on every record of a thread or of an async task, and a drain that is a future.

use onewriter::context::{self, Context, WithContext as _};
use onewriter::{TextFormat, info, sink};
use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use std::task::{Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

/// The smallest runtime: any other one does as well.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut std::task::Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

async fn serve() {
    info!("served");
}

fn main() -> Result<(), Box<dyn Error>> {
    let (memory, lines) = sink::memory();
    let memory = memory.format(TextFormat::pattern("{message}{context}")?);
    let _log = onewriter::builder().sink(memory).install()?;

    {
        let _request = context::push([("request", 17)]); // Until it is dropped.
        info!("accepted");
        let carried = Context::current().with("user", "ann");
        thread::spawn(move || context::with(carried, || info!("in a thread")))
            .join()
            .map_err(|_| "the thread panicked")?;
    }
    block_on(serve().with_context([("request", 18)])); // Whichever thread polls it.
    info!("idle");

    block_on(onewriter::complete_async(Duration::from_secs(5)))?;
    assert_eq!(
        lines.lines(),
        ["accepted request=17", "in a thread request=17 user=ann", "served request=18", "idle"]
    );
    Ok(())
}
