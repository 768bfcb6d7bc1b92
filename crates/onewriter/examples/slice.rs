//! Throughput of one process.
use onewriter::{info, sink};
fn main() {
    let n: u64 = std::env::args().nth(1).map_or(10, |a| a.parse().unwrap());
    let t: u64 = std::env::args().nth(2).map_or(1, |a| a.parse().unwrap());
    let path = "/tmp/slice.log";
    let _ = std::fs::remove_file(path);
    let log = onewriter::builder()
        .sink(
            sink::file(path).format(
                onewriter::TextFormat::pattern("{time} {level} [{thread}] {target}: {message}")
                    .unwrap(),
            ),
        )
        .install()
        .unwrap();
    let s = std::time::Instant::now();
    let hs: Vec<_> = (0..t)
        .map(|k| {
            std::thread::spawn(move || {
                for i in 0..n / t {
                    let d = i as f64 * 1.1;
                    info!("Logging int: {} int: {} double: {}", i, k, d);
                }
            })
        })
        .collect();
    for h in hs {
        h.join().unwrap()
    }
    let c = s.elapsed();
    log.complete(std::time::Duration::from_secs(60)).unwrap();
    let e = s.elapsed();
    let stats = log.stats();
    log.shutdown(std::time::Duration::from_secs(5)).unwrap();
    println!(
        "{n} in {e:?} = {:.2} M/s; caller {:.1} ns/call; {stats}",
        n as f64 / e.as_secs_f64() / 1e6,
        c.as_nanos() as f64 / (n / t) as f64
    );
    let st = std::fs::read_to_string("/proc/self/status").unwrap();
    println!("{}", st.lines().find(|l| l.starts_with("VmHWM")).unwrap());
}
