//! `serve CONFIG`.

use std::os::unix::net::UnixDatagram;
use std::process::{Child, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::Stage;
use crate::producer::Producer;

/// A running `serve`, and the service manager to which it reports.
pub struct Service {
    child: Option<Child>,
    manager: UnixDatagram,
}

impl Service {
    /// Starts it and waits for its first report, which is this.
    pub fn start(stage: &Stage, config: &str, first: &str) -> Service {
        let socket = stage.path(&format!("notify-{}", std::process::id()));
        let _there_may_be_none = std::fs::remove_file(&socket);
        let manager = UnixDatagram::bind(&socket).unwrap();
        manager.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut command = stage.command(&["serve", config]);
        let command = command.env("NOTIFY_SOCKET", &socket).stderr(Stdio::piped());
        let service = Service { child: Some(command.spawn().unwrap()), manager };
        assert_eq!(service.report(), first);
        service
    }

    pub fn report(&self) -> String {
        let mut bytes = [0; 256];
        let n = loop {
            match self.manager.recv(&mut bytes) {
                Err(err) if err.kind() == std::io::ErrorKind::Interrupted => {}
                read => break read.unwrap(),
            }
        };
        String::from_utf8(bytes[..n].to_vec()).unwrap()
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(self.child.as_ref().unwrap()), signal).unwrap();
    }

    /// Reloads; what it reports, without the time.
    fn reload(&self) -> Vec<String> {
        self.signal(Signal::HUP);
        let reloading = self.report();
        let (first, _) = reloading.split_once("\nMONOTONIC_USEC=").unwrap();
        vec![first.to_owned(), self.report()]
    }

    /// Ends it by SIGTERM; what it said on standard error.
    pub fn end(mut self) -> String {
        self.signal(Signal::TERM);
        let child = self.child.take().unwrap();
        let ended = crate::Ended::of(child.wait_with_output().unwrap());
        assert_eq!((ended.code, ended.out.as_str()), (Some(0), ""), "{}", ended.err);
        ended.err
    }

    /// Kills it.
    pub fn kill(self) {}
}

impl Drop for Service {
    /// Whatever went wrong, it is not left behind.
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

const WRITING: &str = "READY=1\nSTATUS=writing";
const SHOP: &str =
    "name = \"shop\"\n[[sink]]\nfile = \"shop.log\"\nformat = \"{level} {message}\"\n";

#[test]
fn what_programs_put_into_a_named_queue_is_written_and_sigterm_drains() {
    let stage = Stage::in_memory();
    let errors = "[[sink]]\nfile = \"errors.log\"\nmin-level = \"error\"\n";
    stage.write("shop.toml", format!("{SHOP}{errors}"));
    let service = Service::start(&stage, "shop.toml", WRITING);
    let producer = Producer::that(&stage, "join shop");
    assert_eq!(service.end(), "onewriter: writing: queue shop\n");
    producer.kill();
    assert_eq!(stage.read("shop.log"), "INFO order 0\nINFO order 1\nINFO order 2\n");
    assert_eq!(stage.read("errors.log"), "");
}

#[test]
fn records_that_wait_for_a_writer_are_written_when_one_comes() {
    let stage = Stage::in_memory();
    stage.write("shop.toml", SHOP);
    let producer = Producer::that(&stage, "join shop");
    let service = Service::start(&stage, "shop.toml", WRITING);
    service.end();
    producer.kill();
    assert_eq!(stage.read("shop.log"), "INFO order 0\nINFO order 1\nINFO order 2\n");
}

#[test]
fn a_second_one_stands_by_and_goes_on_when_the_first_is_killed() {
    let stage = Stage::in_memory();
    stage.write("shop.toml", SHOP);
    let first = Service::start(&stage, "shop.toml", WRITING);
    let second = Service::start(&stage, "shop.toml", "READY=1\nSTATUS=standing by");
    first.kill();
    assert_eq!(second.report(), WRITING);
    let producer = Producer::that(&stage, "join shop");
    assert_eq!(
        second.end(),
        "onewriter: standing by: queue shop\nonewriter: writing: queue shop\n"
    );
    producer.kill();
    assert_eq!(stage.read("shop.log"), "INFO order 0\nINFO order 1\nINFO order 2\n");
}

#[test]
fn a_hangup_opens_the_files_anew_and_reads_the_settings_again() {
    let stage = Stage::in_memory();
    stage.write("shop.toml", SHOP);
    let service = Service::start(&stage, "shop.toml", WRITING);
    let reloaded = ["RELOADING=1", WRITING];
    // Moved away, as by logrotate.
    std::fs::rename(stage.path("shop.log"), stage.path("moved.log")).unwrap();
    assert_eq!(service.reload(), reloaded);
    stage.write("shop.toml", "name = \"shop\"\n[[snik]]\n");
    assert_eq!(service.reload(), reloaded);
    stage.write("shop.toml", "name = \"other\"\n[[sink]]\nfile = \"shop.log\"\n");
    assert_eq!(service.reload(), reloaded);
    stage.write("shop.toml", SHOP.replace("{level} ", "> "));
    assert_eq!(service.reload(), reloaded);
    let producer = Producer::that(&stage, "join shop");
    let said = service.end();
    producer.kill();
    assert_eq!(stage.read("shop.log"), "> order 0\n> order 1\n> order 2\n");
    assert_eq!(stage.read("moved.log"), "");
    let writing = "onewriter: writing: queue shop\n";
    let wrong = "onewriter: shop.toml:2: unknown key \"snik\": did you mean \"sink\"?; the settings \
                 from before hold\n";
    let other = "onewriter: shop.toml is about another queue now: end this and start it again for \
                 that; the settings from before hold\n";
    assert_eq!(said, [writing, writing, wrong, writing, other, writing, writing].concat());
}

#[test]
fn the_queue_of_a_file_is_served_by_the_files_settings() {
    let stage = Stage::in_memory();
    stage.write("file.toml", "file = \"logs/a.log\"\nformat = \"{message}\"\n");
    let service = Service::start(&stage, "file.toml", WRITING);
    let piped = Stdio::piped();
    let mut pipe = stage.command(&["pipe", "--file", "logs/a.log"]).stdin(piped).spawn().unwrap();
    std::io::Write::write_all(&mut pipe.stdin.take().unwrap(), b"from pipe\n").unwrap();
    assert_eq!(pipe.wait().unwrap().code(), Some(0));
    assert_eq!(service.end(), "onewriter: writing: logs/a.log\n");
    let log = stage.read("logs/a.log");
    assert!(log.lines().any(|line| line == "from pipe"), "{log}");
}

#[test]
fn wrong_configurations_are_refused_with_their_line() {
    let stage = Stage::new();
    stage.write("bad.toml", "name = \"shop\"\n[[sink]]\nfiel = \"a.log\"\n");
    stage
        .run(&["serve", "bad.toml"])
        .refuses(2, "bad.toml:3: unknown key \"fiel\": did you mean \"file\"?");
    stage
        .run(&["serve", "no.toml"])
        .refuses(2, "cannot read no.toml: No such file or directory (os error 2)");
    stage.write("dir.toml", "file = \".\"\n");
    let wrong = stage.run(&["serve", "dir.toml"]);
    assert_eq!(wrong.code, Some(2), "{}", wrong.err);
    stage.write("device.toml", "file = \"/dev/null\"\n");
    stage.run(&["serve", "device.toml"]).refuses(
        2,
        "the queue of a file is named after it, and this is a pipe or a device: give name = \"shop\"",
    );
}
