//! Who writes: one has the lead, the others stand by in the kernel.

mod queue;

use onewriter_ring::{Candidate, Queue, Standing};
use queue::child::{Child, pipe};
use std::io::{Read, Write};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

fn open() -> (tempfile::TempDir, &'static Queue) {
    let dir = queue::folder();
    let queue = Queue::open_in(dir.path()).unwrap();
    (dir, Box::leak(Box::new(queue)))
}

/// A candidate, and what tells when it is called.
fn stand_by(queue: &Queue) -> (Candidate, Receiver<()>) {
    let (call, called) = mpsc::channel();
    let wake = move || call.send(()).unwrap_or_default();
    (queue.stand_by(wake).unwrap(), called)
}

fn wins((candidate, called): &(Candidate, Receiver<()>)) -> onewriter_ring::Lead {
    called.recv_timeout(PATIENCE).expect("it is called");
    match candidate.take() {
        Standing::Leads(lead) => lead,
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_leads_and_the_others_follow_one_by_one() {
    let (_dir, queue) = open();
    let lead = queue.try_lead().unwrap().unwrap();
    assert!(queue.try_lead().unwrap().is_none());
    let standing: Vec<_> = (0..3).map(|_| stand_by(queue)).collect();
    for (candidate, called) in &standing {
        assert!(matches!(candidate.take(), Standing::Waits));
        assert!(called.try_recv().is_err());
    }
    drop(lead);
    let mut waiting = standing;
    while !waiting.is_empty() {
        let next = loop {
            let called = waiting.iter().position(|(_, called)| called.try_recv().is_ok());
            match called {
                Some(next) => break waiting.remove(next),
                None => std::thread::yield_now(),
            }
        };
        let Standing::Leads(lead) = next.0.take() else { panic!("called and not in the lead") };
        assert!(queue.try_lead().unwrap().is_none());
        assert!(waiting.iter().all(|(candidate, _)| matches!(candidate.take(), Standing::Waits)));
        drop(lead);
    }
    assert!(queue.try_lead().unwrap().is_some());
}

#[test]
fn a_leader_that_is_killed_is_followed_though_its_child_lives_and_holds_its_descriptors() {
    let (_dir, queue) = open();
    let (mut born, mut tell) = pipe();
    let leader = Child::that(|| {
        let lead = queue.try_lead().unwrap().unwrap();
        std::mem::forget(lead);
        // SAFETY: the grandchild only sleeps, and goes when the test kills it.
        let grandchild = unsafe { libc::fork() };
        if grandchild == 0 {
            loop {
                std::thread::park();
            }
        }
        tell.write_all(&grandchild.to_ne_bytes()).unwrap();
    });
    let mut bytes = [0; 4];
    born.read_exact(&mut bytes).unwrap();
    let standing = stand_by(queue);
    assert!(matches!(standing.0.take(), Standing::Waits));
    leader.kill();
    let _lead = wins(&standing);
    // SAFETY: it was made by this test's child and lives.
    unsafe { libc::kill(i32::from_ne_bytes(bytes), libc::SIGKILL) };
}

#[test]
fn a_child_forked_while_its_parent_stands_by_does_not_keep_the_lead_after_the_parent() {
    let (_dir, queue) = open();
    let lead = queue.try_lead().unwrap().unwrap();
    let (mut born, mut tell) = pipe();
    let release = std::thread::spawn(move || {
        let mut bytes = [0; 4];
        born.read_exact(&mut bytes).unwrap();
        drop(lead);
        i32::from_ne_bytes(bytes)
    });
    let next = Child::that(|| {
        let standing = stand_by(queue);
        // SAFETY: the grandchild only sleeps, and goes when the test kills it.
        let grandchild = unsafe { libc::fork() };
        if grandchild == 0 {
            loop {
                std::thread::park();
            }
        }
        tell.write_all(&grandchild.to_ne_bytes()).unwrap();
        std::mem::forget(wins(&standing));
    });
    assert!(queue.try_lead().unwrap().is_none());
    next.kill();
    assert!(queue.try_lead().unwrap().is_some());
    // SAFETY: it was made by this test's child and lives.
    unsafe { libc::kill(release.join().unwrap(), libc::SIGKILL) };
}
