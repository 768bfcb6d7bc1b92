//! The operating system: everything that is particular to Linux is in this file.

use crate::fault;
use crate::words::MapWords;
use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

/// The granularity of allocation.
pub(crate) const PAGE: usize = 4096;

fn check(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// A shared, writable mapping of a file, unmapped on drop.
#[derive(Debug)]
pub(crate) struct Map {
    base: *mut u64,
    len: usize,
    /// Dropped before the mapping goes. `None` for one that nobody reads.
    watched: Option<fault::Range>,
}

// SAFETY: a mapping is address space; all access to it goes through atomic words.
unsafe impl Send for Map {}
// SAFETY: as above.
unsafe impl Sync for Map {}

impl Map {
    /// Maps `len` bytes of the file. Bytes beyond the file's end must not be touched before the
    /// file has grown over them; if the file is cut later, zeros stand there, and [`Map::cut`] says so.
    pub(crate) fn shared(file: &File, len: usize) -> io::Result<Map> {
        // SAFETY: a new mapping at an address of the kernel's choice aliases nothing.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                len,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                file.as_raw_fd(),
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let mut map = Map { base: base.cast(), len, watched: None };
        map.watched = Some(fault::Range::watch(base.expose_provenance(), len)?);
        Ok(map)
    }

    /// The offset from which on the file was cut under the mapping: what was read since the mapping
    /// was made may be zeros from there on.
    #[inline]
    pub(crate) fn cut(&self) -> Option<usize> {
        self.watched.as_ref().and_then(fault::Range::cut)
    }

    /// Private memory that the kernel fills with zeros in a forked child. Never unmapped.
    pub(crate) fn wiped_on_fork(len: usize) -> io::Result<*mut u8> {
        // SAFETY: as in `shared`.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                len,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the range was just mapped, private and anonymous as this advice requires.
        check(unsafe { libc::madvise(base, len, libc::MADV_WIPEONFORK) })?;
        Ok(base.cast())
    }

    /// Whether the mapping begins at this address.
    pub(crate) fn begins_at(&self, address: usize) -> bool {
        self.base.addr() == address
    }

    /// The words of the whole mapping.
    pub(crate) fn words(&self) -> MapWords<'_> {
        // SAFETY: mapped, page-aligned and writable for as long as `self` is borrowed; every
        // access in this crate is atomic and by words.
        unsafe { MapWords::new(self.base, self.len / 8) }
    }

    /// The same words without the borrow, for handles that outlive every owner.
    ///
    /// # Safety
    /// The mapping is never unmapped while the words are used.
    pub(crate) unsafe fn words_forever(&self) -> MapWords<'static> {
        // SAFETY: as in `words`, and the caller keeps the mapping.
        unsafe { MapWords::new(self.base, self.len / 8) }
    }

    /// Touches the pages of a range that the file has grown over, so that no put pays for it.
    pub(crate) fn populate(&self, start: usize, len: usize) {
        assert!(start <= self.len && len <= self.len - start, "a range within the mapping");
        // SAFETY: inside the mapping; the advice only brings pages in. Kernels before 5.14 refuse
        // it, and then the first touch pays.
        unsafe {
            libc::madvise(self.base.cast::<u8>().add(start).cast(), len, libc::MADV_POPULATE_WRITE);
        }
    }

    /// Puts zeros of this process alone over the whole mapping, which gives the file's memory back. What
    /// is written here from now on nobody else sees.
    pub(crate) fn cover(&self) {
        fault::cover(self.base.expose_provenance(), self.len);
    }

    /// Leaves the mapping out of forked children. Nobody reads it.
    pub(crate) fn dont_fork(&mut self) -> io::Result<()> {
        // Something else may be mapped there in a child.
        self.watched = None;
        // SAFETY: the whole range is mapped.
        check(unsafe { libc::madvise(self.base.cast(), self.len, libc::MADV_DONTFORK) })
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // First: another mapping may lie here as soon as this one is gone.
        self.watched = None;
        // SAFETY: the range was mapped by `shared`, and words borrowed from it are gone; those of
        // `words_forever` keep the map from being dropped by their contract.
        unsafe {
            libc::munmap(self.base.cast(), self.len);
        }
    }
}

/// A set with the one signal that a file too large for the process's limit brings.
fn size_signal() -> libc::sigset_t {
    // SAFETY: all zero bits are a valid set, and the two calls write into it alone.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGXFSZ);
        set
    }
}

/// Has writes that the kernel answers with a signal fail in the calling thread, and in those that it
/// starts, instead of ending the process: EFBIG comes with SIGXFSZ where a file would grow beyond the
/// process's limit (`ulimit -f`), EPIPE with SIGPIPE where nobody reads a pipe.
pub fn block_write_signals() {
    let mut set = size_signal();
    // SAFETY: the set is on this stack; this thread's mask alone is changed. Such a signal comes to the
    // thread that wrote, never to another one: whoever has a handler of his own still gets those of
    // his own threads.
    unsafe {
        libc::sigaddset(&raw mut set, libc::SIGPIPE);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
    }
}

/// Runs `work` with that signal blocked, and takes back the one that it has brought.
fn without_size_signal<T>(work: impl FnOnce() -> T) -> T {
    let set = size_signal();
    let mut before = set;
    let mut pending = set;
    // SAFETY: the sets live on this stack; the mask is this thread's.
    unsafe {
        libc::sigpending(&raw mut pending);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, &raw mut before);
    }
    let result = work();
    // SAFETY: as above; one that was pending before is left to whoever waits for it, and with no time
    // to wait the call returns at once.
    unsafe {
        if libc::sigismember(&raw const pending, libc::SIGXFSZ) == 0 {
            let no_time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
            libc::sigtimedwait(&raw const set, std::ptr::null_mut(), &raw const no_time);
        }
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, std::ptr::null_mut());
    }
    result
}

/// The limit of this process that an error is about, and its value: what to raise where the error
/// itself speaks of a full file system.
#[must_use]
pub fn limit_behind(err: &io::Error) -> Option<String> {
    let (resource, what, unit) = match err.raw_os_error() {
        Some(libc::EFBIG) => (libc::RLIMIT_FSIZE, "the size of a file (`ulimit -f`)", " bytes"),
        Some(libc::EMFILE) => (libc::RLIMIT_NOFILE, "open files (`ulimit -n`)", ""),
        _ => return None,
    };
    let mut limit = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: 0 };
    // SAFETY: the kernel writes one `rlimit`.
    unsafe { libc::getrlimit(resource, &raw mut limit) };
    // Without a limit it is the file system's own.
    let value = Some(limit.rlim_cur).filter(|value| *value != libc::RLIM_INFINITY)?;
    Some(format!("this process's limit on {what} is {value}{unit}: raise it"))
}

/// What the operating system said, with the limit of this process that is behind it.
pub(crate) fn said(err: &io::Error) -> String {
    limit_behind(err).map_or_else(|| err.to_string(), |limit| format!("{err}: {limit}"))
}

/// Allocates the blocks of a range of the file, growing it: a full tmpfs is an error here and not
/// a signal later, and so is a limit of the process.
pub(crate) fn allocate(file: &File, start: usize, len: usize) -> io::Result<()> {
    without_size_signal(|| allocate_blocks(file, start, len))
}

fn allocate_blocks(file: &File, start: usize, len: usize) -> io::Result<()> {
    loop {
        // SAFETY: no memory is involved.
        let code = unsafe {
            libc::posix_fallocate(file.as_raw_fd(), start as libc::off_t, len as libc::off_t)
        };
        match code {
            0 => return Ok(()),
            libc::EINTR => {}
            code => return Err(io::Error::from_raw_os_error(code)),
        }
    }
}

/// Opens a file of this user's alone, of at least a page, making it if it is not there.
pub(crate) fn open_page(path: &Path) -> io::Result<File> {
    let file = open_or_make(path)?;
    allocate(&file, 0, PAGE)?;
    Ok(file)
}

/// Opens a file of this user's alone, making it if it is not there.
pub(crate) fn open_or_make(path: &Path) -> io::Result<File> {
    open_with(path, OpenOptions::new().create(true).truncate(false).mode(0o600))
}

/// Opens a file in a queue's folder for reading and writing, if it is what a queue puts there. The
/// standard library sees to it that programs which this one executes do not inherit it.
pub(crate) fn open_own(path: &Path) -> io::Result<File> {
    open_with(path, &mut OpenOptions::new())
}

fn open_with(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let opened = options.read(true).write(true).custom_flags(flags).open(path);
    let file = opened.map_err(|err| match err.raw_os_error() {
        Some(libc::ELOOP) => planted("it is a link"),
        Some(libc::EISDIR | libc::ENXIO) => planted("it is no regular file"),
        _ => err,
    })?;
    check_own(&file)?;
    Ok(file)
}

/// Takes the file's lock without waiting; false if somebody else has it.
pub(crate) fn try_lock(file: &File) -> io::Result<bool> {
    // SAFETY: no memory is involved.
    if unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } == 0 {
        return Ok(true);
    }
    let err = io::Error::last_os_error();
    if err.raw_os_error() == Some(libc::EWOULDBLOCK) { Ok(false) } else { Err(err) }
}

/// Whether the file's lock could be shared; it is given back at once.
pub(crate) fn try_share_lock(file: &File) -> bool {
    // SAFETY: no memory is involved.
    unsafe {
        let shared = libc::flock(file.as_raw_fd(), libc::LOCK_SH | libc::LOCK_NB) == 0;
        shared && libc::flock(file.as_raw_fd(), libc::LOCK_UN) == 0
    }
}

/// Waits for the file's lock, whatever signals come.
pub(crate) fn lock(file: &File) -> io::Result<()> {
    loop {
        // SAFETY: no memory is involved.
        if unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX) } == 0 {
            return Ok(());
        }
        let err = io::Error::last_os_error();
        if err.kind() != io::ErrorKind::Interrupted {
            return Err(err);
        }
    }
}

/// Gives this thread a descriptor table of its own, without any descriptor in it.
pub(crate) fn leave_descriptor_table() -> io::Result<()> {
    // SAFETY: the table of all other threads stays as it is; this one owns no descriptor.
    let result = unsafe {
        libc::syscall(libc::SYS_close_range, 0, libc::c_uint::MAX, libc::CLOSE_RANGE_UNSHARE)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// No signal handler runs on this thread from now on.
pub(crate) fn block_signals() {
    // SAFETY: all zero bits are a valid set, which the first call fills; the second reads it.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, std::ptr::null_mut());
    }
}

/// Waits until the word at `at` is no longer `seen`, somebody wakes it, or the time is over.
/// Spurious returns happen.
pub(crate) fn futex_wait(at: *const u32, seen: u32, timeout: Duration) {
    let time = libc::timespec {
        tv_sec: timeout.as_secs().min(1 << 30) as libc::time_t,
        tv_nsec: timeout.subsec_nanos().into(),
    };
    // SAFETY: the kernel reads the word atomically; an address that is not mapped gives EFAULT.
    // No PRIVATE flag: the word is shared between processes.
    unsafe {
        libc::syscall(libc::SYS_futex, at, libc::FUTEX_WAIT, seen, &raw const time);
    }
}

/// Wakes up to `n` waiters of the word.
pub(crate) fn futex_wake(at: *const u32, n: i32) {
    // SAFETY: the address is only a key.
    unsafe {
        libc::syscall(libc::SYS_futex, at, libc::FUTEX_WAKE, n);
    }
}

/// Registers this process for the barriers that a writer issues; false if there are none.
pub(crate) fn register_barrier() -> bool {
    membarrier(libc::MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED)
}

/// A full memory barrier on every running thread of every registered process.
pub(crate) fn barrier() -> bool {
    membarrier(libc::MEMBARRIER_CMD_GLOBAL_EXPEDITED)
}

fn membarrier(command: libc::c_int) -> bool {
    // SAFETY: no memory is involved.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
}

/// The kernel's number of this thread.
pub(crate) fn thread_id() -> u64 {
    // SAFETY: no memory is involved.
    unsafe { libc::syscall(libc::SYS_gettid) as u64 }
}

/// The effective user.
pub(crate) fn user_id() -> u32 {
    // SAFETY: no memory is involved.
    unsafe { libc::geteuid() }
}

/// Nanoseconds of the monotonic clock.
pub(crate) fn monotonic() -> u64 {
    clock(libc::CLOCK_MONOTONIC)
}

/// Nanoseconds since 1970.
pub(crate) fn realtime() -> u64 {
    clock(libc::CLOCK_REALTIME)
}

fn clock(id: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes one timespec.
    unsafe {
        libc::clock_gettime(id, &raw mut time);
    }
    (time.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(time.tv_nsec as u64)
}

/// 128 bits that nobody else has.
pub(crate) fn random_id() -> io::Result<u128> {
    let mut bytes = [0u8; 16];
    // SAFETY: the kernel writes at most 16 bytes into the array.
    let got = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) };
    if got == 16 { Ok(u128::from_ne_bytes(bytes)) } else { Err(io::Error::last_os_error()) }
}

/// What a queue wants to know of a file system.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FileSystem {
    /// It lives in memory and not on a disk.
    pub(crate) is_memory: bool,
    /// Bytes that this user may still take; [`u64::MAX`] where nothing limits them.
    pub(crate) free: u64,
}

/// The file system on which the file is.
pub(crate) fn file_system(file: &File) -> io::Result<FileSystem> {
    const TMPFS: i64 = 0x0102_1994;
    const RAMFS: i64 = 0x8584_58f6;
    // SAFETY: all zero bits are a valid statfs, and the kernel fills it.
    let mut stat: libc::statfs = unsafe { std::mem::zeroed() };
    // SAFETY: the descriptor is open; the kernel writes one statfs.
    check(unsafe { libc::fstatfs(file.as_raw_fd(), &raw mut stat) })?;
    // A tmpfs without a limit says that it has no blocks at all.
    let free = match stat.f_blocks {
        0 => u64::MAX,
        _ => stat.f_bavail.saturating_mul(stat.f_frsize as u64),
    };
    Ok(FileSystem { is_memory: matches!(stat.f_type as i64, TMPFS | RAMFS), free })
}

/// Gives a file its name, unless that is taken. The file never has two names, save on file systems
/// that know no better.
pub(crate) fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    let c_path = |path: &Path| Ok::<_, io::Error>(CString::new(path.as_os_str().as_bytes())?);
    let (c_from, c_to) = (c_path(from)?, c_path(to)?);
    // SAFETY: both strings end with a zero and outlive the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_renameat2,
            libc::AT_FDCWD,
            c_from.as_ptr(),
            libc::AT_FDCWD,
            c_to.as_ptr(),
            libc::RENAME_NOREPLACE,
        )
    };
    if result == 0 {
        return Ok(());
    }
    let err = io::Error::last_os_error();
    if !matches!(err.raw_os_error(), Some(libc::EINVAL | libc::ENOSYS)) {
        return Err(err);
    }
    std::fs::hard_link(from, to)?;
    std::fs::remove_file(from)
}

/// Whether a file in a queue's folder is what a queue puts there: a regular file of this user under
/// one name. Anything else was planted, and writing to it could hurt. (Its mode says nothing: the
/// folder keeps others out.)
pub(crate) fn check_own(file: &File) -> io::Result<()> {
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(planted("it is no regular file"));
    }
    if meta.uid() != user_id() {
        let (owner, user) = (meta.uid(), user_id());
        return Err(planted(&format!("it belongs to user {owner}, not to user {user}")));
    }
    if meta.nlink() > 1 {
        return Err(planted(&format!("it has {} names (hard links), not one", meta.nlink())));
    }
    Ok(())
}

fn planted(what: &str) -> io::Error {
    io::Error::other(format!("{what}; no queue makes such a thing: remove it"))
}

/// Gives up the processor once.
pub(crate) fn yield_now() {
    std::thread::yield_now();
}
