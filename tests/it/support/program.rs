//! The program itself in its own process, with everything that it logs.

use super::{Database, PATIENCE, until};
use crate::commands::snug;
use nix::sys::signal::Signal;
use parking_lot::Mutex;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub struct Program {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
    reader: Option<std::thread::JoinHandle<()>>,
    data_dir: Option<tempfile::TempDir>,
}

impl Program {
    /// Started on a port of its own, with these additional settings.
    pub fn start(database: &Database, settings: &[(&str, &str)]) -> Self {
        Self::begin(database, settings, |program| program)
    }

    /// The same, but the kernel allows it only this many files.
    pub fn with_files(database: &Database, files: u32, settings: &[(&str, &str)]) -> Self {
        Self::begin(database, settings, |program| with_files(files, program))
    }

    /// The same with a terminal as its output, whose other end is returned.
    pub fn at_terminal(database: &Database, settings: &[(&str, &str)]) -> (Self, File) {
        let terminal = nix::pty::openpty(None, None).unwrap();
        let program = Self::begin(database, settings, |mut program| {
            program.stdout(terminal.slave);
            program
        });
        (program, terminal.master.into())
    }

    fn begin(
        database: &Database,
        settings: &[(&str, &str)],
        wrapped: impl FnOnce(Command) -> Command,
    ) -> Self {
        let data_dir = super::directory();
        let url = database.url();
        let mut variables = vec![("SNUG_DATABASE_URL", url.as_str())];
        variables.extend(settings);
        let mut program = Self::spawn(data_dir.path(), &variables, wrapped);
        program.data_dir = Some(data_dir);
        program
    }

    /// With its own PostgreSQL in this directory, unless the settings name one.
    pub fn start_in(data_dir: &Path, settings: &[(&str, &str)]) -> Self {
        Self::spawn(data_dir, settings, |program| program)
    }

    /// The same, by way of another program.
    pub fn start_wrapped(
        data_dir: &Path,
        settings: &[(&str, &str)],
        wrapped: impl FnOnce(Command) -> Command,
    ) -> Self {
        Self::spawn(data_dir, settings, wrapped)
    }

    fn spawn(
        data_dir: &Path,
        settings: &[(&str, &str)],
        wrapped: impl FnOnce(Command) -> Command,
    ) -> Self {
        let mut variables =
            vec![("SNUG_LISTEN", "127.0.0.1:0"), ("SNUG_DATA_DIR", data_dir.to_str().unwrap())];
        variables.extend(settings);
        let mut command = wrapped(snug(&["serve"], &variables));
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let lines = Arc::<Mutex<Vec<String>>>::default();
        let (heard, log) = (Arc::clone(&lines), BufReader::new(child.stderr.take().unwrap()));
        let reader = std::thread::spawn(move || {
            for line in log.lines() {
                heard.lock().push(line.unwrap());
            }
        });
        Self { child, lines, reader: Some(reader), data_dir: None }
    }

    /// Where it serves, as soon as it says so.
    pub fn base(&self) -> String {
        let line = self.line("serving address=");
        let (_, rest) = line.split_once("address=\"").unwrap();
        format!("http://{}", rest.split('"').next().unwrap())
    }

    /// The first line with this text; waits for it.
    pub fn line(&self, text: &str) -> String {
        let began = Instant::now();
        loop {
            let lines = self.lines.lock();
            if let Some(line) = lines.iter().find(|line| line.contains(text)) {
                return line.clone();
            }
            assert!(began.elapsed() < PATIENCE, "no {text:?} in {lines:#?}");
            drop(lines);
            std::thread::yield_now();
        }
    }

    /// Waits until it has logged this many lines with this text.
    pub async fn lines(&self, text: &str, count: usize) {
        let said = || self.lines.lock().iter().filter(|line| line.contains(text)).count();
        until(text, || async { said() >= count }).await;
    }

    pub fn id(&self) -> nix::unistd::Pid {
        nix::unistd::Pid::from_raw(self.child.id() as i32)
    }

    /// The processor time that it has used so far.
    pub fn processor_time(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let (_, after_name) = stat.rsplit_once(") ").unwrap();
        let field = |place| after_name.split(' ').nth(place).unwrap().parse::<u64>().unwrap();
        // In hundredths of a second, in user mode and in the kernel (proc_pid_stat(5)).
        Duration::from_millis(10 * (field(11) + field(12)))
    }

    /// Stops it as the service manager would; returns everything that it logged.
    pub fn stop(self) -> Vec<String> {
        self.stop_by(Signal::SIGTERM)
    }

    /// The same by another signal.
    pub fn stop_by(mut self, signal: Signal) -> Vec<String> {
        nix::sys::signal::kill(self.id(), signal).unwrap();
        assert!(self.child.wait().unwrap().success());
        self.reader.take().unwrap().join().unwrap();
        std::mem::take(&mut *self.lines.lock())
    }
}

/// The program, for which the kernel allows only this many files.
pub fn with_files(files: u32, program: Command) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", &format!("ulimit -n {files} && exec \"$@\""), "sh"]);
    shell.arg(program.get_program()).args(program.get_args()).env_clear();
    shell.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.stdin(Stdio::null());
    shell
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already, as it should.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
