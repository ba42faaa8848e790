//! The program itself in a process of its own, with everything that it logs.

use super::{Database, PATIENCE};
use crate::commands::snug;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Instant;

pub struct Program {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
    reader: Option<std::thread::JoinHandle<()>>,
    data_dir: Option<tempfile::TempDir>,
}

impl Program {
    /// Started on a port of its own with these settings besides.
    pub fn start(database: &Database, settings: &[(&str, &str)]) -> Self {
        let data_dir = tempfile::tempdir().unwrap();
        let url = database.url();
        let mut variables = vec![("SNUG_DATABASE_URL", url.as_str())];
        variables.extend(settings);
        let mut program = Self::start_in(data_dir.path(), &variables);
        program.data_dir = Some(data_dir);
        program
    }

    /// With a PostgreSQL of its own in this directory, if the settings have none.
    pub fn start_in(data_dir: &Path, settings: &[(&str, &str)]) -> Self {
        let mut variables =
            vec![("SNUG_LISTEN", "127.0.0.1:0"), ("SNUG_DATA_DIR", data_dir.to_str().unwrap())];
        variables.extend(settings);
        let mut child = snug(&["serve"], &variables).stderr(Stdio::piped()).spawn().unwrap();
        let lines = Arc::<Mutex<Vec<String>>>::default();
        let (heard, log) = (Arc::clone(&lines), BufReader::new(child.stderr.take().unwrap()));
        let reader = std::thread::spawn(move || {
            for line in log.lines() {
                heard.lock().unwrap().push(line.unwrap());
            }
        });
        Self { child, lines, reader: Some(reader), data_dir: None }
    }

    /// Where it serves, once it says so.
    pub fn base(&self) -> String {
        let line = self.line("serving address=");
        let (_, rest) = line.split_once("address=\"").unwrap();
        format!("http://{}", rest.split('"').next().unwrap())
    }

    /// The first line with this text, which is waited for.
    pub fn line(&self, text: &str) -> String {
        let began = Instant::now();
        loop {
            let lines = self.lines.lock().unwrap();
            if let Some(line) = lines.iter().find(|line| line.contains(text)) {
                return line.clone();
            }
            assert!(began.elapsed() < PATIENCE, "no {text:?} in {lines:#?}");
            drop(lines);
            std::thread::yield_now();
        }
    }

    /// Stops it as its manager would; all that it logged.
    pub fn stop(mut self) -> Vec<String> {
        let id = nix::unistd::Pid::from_raw(self.child.id() as i32);
        nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGTERM).unwrap();
        assert!(self.child.wait().unwrap().success());
        self.reader.take().unwrap().join().unwrap();
        std::mem::take(&mut *self.lines.lock().unwrap())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already, as it should.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
