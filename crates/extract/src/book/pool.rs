//! Worker processes and the questions that are put to them.
//!
//! One thread waits for all of them. A worker that dies, takes too much time or memory, or says nonsense costs the page
//! it was at and is replaced; what was finished is kept. Time is the worker's own CPU time, so that a busy machine does
//! not decide what is read; only a worker that does nothing at all is ended by the clock.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fs,
    io::{self, Read, Write},
    os::fd::AsFd,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use document::FaultKind;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{
    protocol::{BookFormat, Places, Reply, Request},
    trouble::Trouble,
};

/// What a worker may cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Address space of a worker.
    pub memory_bytes: u64,
    /// CPU time for opening a file or for the text layer of a page.
    pub text_cpu_secs: f64,
    /// CPU time for reading a page's image.
    pub recognise_cpu_secs: f64,
    /// Time in which a worker must have used some CPU.
    pub idle_secs: f64,
    /// Workers that one file may cost; its other pages are not read then.
    pub deaths: u32,
    /// Pages of one file that are read.
    pub pages: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            memory_bytes: 900 << 20,
            text_cpu_secs: 2.0,
            recognise_cpu_secs: 60.0,
            idle_secs: 60.0,
            deaths: 3,
            pages: 20_000,
        }
    }
}

/// Longest answer that is taken.
const MAX_REPLY_BYTES: usize = 64 << 20;
/// Idle workers that may be found dead while one file is read.
const MAX_RESTARTS: u32 = 8;

/// Workers, started when they are first needed.
pub struct Pool {
    program: PathBuf,
    arguments: Vec<String>,
    places: Places,
    limits: Limits,
    workers: Vec<Option<Worker>>,
}

struct Worker {
    child: Child,
    questions: ChildStdin,
    answers: ChildStdout,
    received: Vec<u8>,
    /// The file that it has open.
    open: Option<PathBuf>,
    /// What it is at.
    task: Option<Task>,
    /// Answers it has given about the open file.
    answered: u32,
}

struct Task {
    /// Place among the questions; none for the question that opens the file.
    index: Option<usize>,
    cpu_limit: f64,
    /// CPU time of the worker when it was first looked at since the question, and at the last look.
    cpu_at_start: Option<f64>,
    cpu_seen: f64,
    moved: Instant,
}

/// A question that is to be put.
struct Waiting {
    index: usize,
}

impl Pool {
    /// `program` with `arguments` must run [`super::worker::serve`] on its standard input and output.
    pub fn new(program: PathBuf, arguments: Vec<String>, mut places: Places, limits: Limits, workers: usize) -> Pool {
        places.memory_bytes = limits.memory_bytes;
        Pool { program, arguments, places, limits, workers: (0..workers.max(1)).map(|_| None).collect() }
    }

    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Opens a file in one worker.
    /// # Errors
    /// Fails with what is wrong with it, or if no worker can be started.
    pub fn open(&mut self, path: &Path, format: BookFormat) -> Result<Reply, Trouble> {
        let open = Request::Open { path: path.to_owned(), format };
        for worker in self.workers.iter_mut().flatten() {
            worker.open = None;
        }
        match self.ask(path, format, &[open])?.pop() {
            Some(Reply::Trouble(trouble)) => Err(trouble),
            Some(reply) => Ok(reply),
            None => Err(Trouble::machine("a worker gave no answer")),
        }
    }

    /// Puts questions about one file to all workers; the answers come back in the order of the questions.
    /// # Errors
    /// Fails if workers cannot be started; what is wrong with the file or a page is an answer.
    pub fn ask(&mut self, path: &Path, format: BookFormat, requests: &[Request]) -> Result<Vec<Reply>, Trouble> {
        let mut run = Run {
            path,
            format,
            requests,
            replies: BTreeMap::new(),
            waiting: (0..requests.len()).map(|index| Waiting { index }).collect(),
            again: BTreeSet::new(),
            dead: BTreeSet::new(),
            end: requests.len(),
        };
        let mut restarts = 0;
        while run.replies.len() < requests.len() || self.workers.iter().flatten().any(|worker| worker.task.is_some()) {
            for slot in &mut self.workers {
                if run.waiting.is_empty() {
                    break;
                }
                if slot.is_none() {
                    *slot = Some(Worker::start(&self.program, &self.arguments, &self.places)?);
                }
                let worker = slot.as_mut().expect("it was just started");
                if worker.task.is_none() && !run.hand_out(worker, &self.limits) {
                    // It ended while it had nothing to do.
                    restarts += 1;
                    if restarts > MAX_RESTARTS {
                        return Err(Trouble::machine("worker processes end before they are asked anything"));
                    }
                    *slot = None;
                }
            }
            wait(&self.workers);
            for slot in &mut self.workers {
                let Some(worker) = slot else { continue };
                if worker.task.is_none() {
                    continue;
                }
                match worker.receive() {
                    Received::Nothing => {
                        if let Some(reason) = worker.overdue(&self.limits) {
                            run.bury(slot, &self.limits, Some(reason));
                        }
                    }
                    Received::Reply(reply) => run.take(worker, *reply),
                    Received::Gone => run.bury(slot, &self.limits, None),
                }
            }
        }
        Ok(run.replies.into_values().collect())
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        for worker in self.workers.iter_mut().flatten() {
            worker.end();
        }
    }
}

/// The questions about one file, and what has become of them.
struct Run<'r> {
    path: &'r Path,
    format: BookFormat,
    requests: &'r [Request],
    replies: BTreeMap<usize, Reply>,
    waiting: VecDeque<Waiting>,
    /// Questions that have ended a worker and were put again, and those that failed by it.
    again: BTreeSet<usize>,
    dead: BTreeSet<usize>,
    /// Questions from here on are not put any more.
    end: usize,
}

impl Run<'_> {
    /// Gives the worker its next question; false if it cannot be spoken to.
    fn hand_out(&mut self, worker: &mut Worker, limits: &Limits) -> bool {
        let Some(next) = self.waiting.front() else { return true };
        let request = &self.requests[next.index];
        let is_open = matches!(request, Request::Open { .. });
        if !is_open && worker.open.as_deref() != Some(self.path) {
            let open = Request::Open { path: self.path.to_owned(), format: self.format };
            return worker.put(&open, None, limits.text_cpu_secs);
        }
        let cpu_limit = match request {
            Request::Recognise { .. } => limits.recognise_cpu_secs,
            _ => limits.text_cpu_secs,
        };
        let index = next.index;
        if !worker.put(request, Some(index), cpu_limit) {
            return false;
        }
        self.waiting.pop_front();
        true
    }

    fn take(&mut self, worker: &mut Worker, reply: Reply) {
        let task = worker.task.take();
        match (task.and_then(|task| task.index), reply) {
            (Some(index), reply) => {
                worker.answered += 1;
                if matches!(&self.requests[index], Request::Open { .. }) && !matches!(reply, Reply::Trouble(_)) {
                    worker.open = Some(self.path.to_owned());
                    worker.answered = 0;
                }
                if index < self.end {
                    self.replies.insert(index, reply);
                }
            }
            (None, Reply::Trouble(trouble)) => self.give_up(&trouble),
            (None, _) => {
                worker.open = Some(self.path.to_owned());
                worker.answered = 0;
            }
        }
    }

    /// The file cannot be opened by this worker: none of the other questions can be answered.
    fn give_up(&mut self, trouble: &Trouble) {
        for waiting in self.waiting.drain(..) {
            self.replies.insert(waiting.index, Reply::Trouble(trouble.clone()));
        }
    }

    /// A worker is dead or must be ended: its question failed, unless it deserves to be asked alone.
    fn bury(&mut self, slot: &mut Option<Worker>, limits: &Limits, overdue: Option<String>) {
        let Some(mut worker) = slot.take() else { return };
        let timed_out = overdue.is_some();
        let how = worker.end();
        let trouble = match overdue {
            Some(overdue) => Trouble::content(FaultKind::TooLarge, overdue),
            None => Trouble::content(FaultKind::Damaged, format!("the worker process that read it {how}")),
        };
        match worker.task.and_then(|task| task.index) {
            // What earlier pages left in the worker may be to blame, but not for its time.
            Some(index) if worker.answered > 0 && !timed_out && !self.again.contains(&index) => {
                self.again.insert(index);
                self.waiting.push_front(Waiting { index });
            }
            Some(index) => {
                self.replies.insert(index, Reply::Trouble(trouble));
                self.dead.insert(index);
                self.cut_off(limits);
            }
            None => self.give_up(&trouble),
        }
    }

    /// Behind the last death that a file is allowed nothing is read. Which questions that are depends on their order
    /// alone, not on how many workers there are.
    fn cut_off(&mut self, limits: &Limits) {
        let Some(last) = self.dead.iter().nth(limits.deaths.saturating_sub(1) as usize).copied() else { return };
        let message = format!("is not read, since the file has ended {} worker processes", limits.deaths);
        let trouble = Trouble::content(FaultKind::Damaged, message);
        self.waiting.retain(|waiting| waiting.index <= last);
        for index in last + 1..self.requests.len() {
            self.replies.insert(index, Reply::Trouble(trouble.clone()));
        }
        self.end = last + 1;
    }
}

enum Received {
    Nothing,
    Reply(Box<Reply>),
    Gone,
}

impl Worker {
    fn start(program: &Path, arguments: &[String], places: &Places) -> Result<Worker, Trouble> {
        let cannot = |error: io::Error| Trouble::machine(format!("a worker process cannot be started: {error}"));
        let mut child = Command::new(program)
            .args(arguments)
            // One thread a worker; Tesseract's own threads cost more than they bring.
            .env("OMP_THREAD_LIMIT", "1")
            .env("OMP_NUM_THREADS", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(cannot)?;
        let (Some(mut questions), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Trouble::machine("a worker process has no pipes"));
        };
        let mut line = serde_json::to_vec(places).map_err(|error| cannot(error.into()))?;
        line.push(b'\n');
        // A worker that is gone already is seen when it is asked.
        let _ = questions.write_all(&line);
        Ok(Worker { child, questions, answers, received: Vec::new(), open: None, task: None, answered: 0 })
    }

    fn put(&mut self, request: &Request, index: Option<usize>, cpu_limit: f64) -> bool {
        self.task = Some(Task { index, cpu_limit, cpu_at_start: None, cpu_seen: 0.0, moved: Instant::now() });
        let Ok(mut line) = serde_json::to_vec(request) else { return false };
        line.push(b'\n');
        self.questions.write_all(&line).and_then(|()| self.questions.flush()).is_ok()
    }

    /// Reads what has come, up to a whole answer.
    fn receive(&mut self) -> Received {
        if !is_ready(&self.answers) {
            return Received::Nothing;
        }
        let mut buffer = [0; 1 << 16];
        match self.answers.read(&mut buffer) {
            Ok(0) => return Received::Gone,
            Ok(length) => self.received.extend_from_slice(&buffer[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Received::Nothing,
            Err(_) => return Received::Gone,
        }
        if self.received.last() != Some(&b'\n') {
            return if self.received.len() > MAX_REPLY_BYTES { Received::Gone } else { Received::Nothing };
        }
        let reply = serde_json::from_slice(&self.received);
        self.received.clear();
        reply.map_or(Received::Gone, |reply| Received::Reply(Box::new(reply)))
    }

    /// Why it must be ended, if it must.
    fn overdue(&mut self, limits: &Limits) -> Option<String> {
        let task = self.task.as_mut()?;
        let cpu = cpu_secs(self.child.id())?;
        if cpu > task.cpu_seen {
            task.cpu_seen = cpu;
            task.moved = Instant::now();
        }
        if cpu - *task.cpu_at_start.get_or_insert(cpu) > task.cpu_limit {
            return Some(format!("took more than {} s of CPU time and was ended", task.cpu_limit));
        }
        let idle = task.moved.elapsed() > Duration::from_secs_f64(limits.idle_secs);
        idle.then(|| format!("did nothing for {} s and was ended", limits.idle_secs))
    }

    /// Ends the process, if it has not ended by itself, and says how it ended.
    fn end(&mut self) -> String {
        // A worker whose pipe is closed is about to end; its own reason says more than being killed.
        let status = (0..20).find_map(|_| {
            let status = self.child.try_wait().ok().flatten();
            if status.is_none() && self.task.is_some() && is_ready(&self.answers) {
                let _ = poll(&mut [], Some(&Timespec { tv_sec: 0, tv_nsec: 5_000_000 }));
            }
            status
        });
        let status = status.or_else(|| {
            let _ = self.child.kill();
            self.child.wait().ok()
        });
        match status {
            Some(status) => match status.signal() {
                Some(6) => "ended itself (signal 6): most often it needed more memory than it may have".to_owned(),
                Some(9) => "was ended".to_owned(),
                Some(signal) => format!("was ended by signal {signal}"),
                None => format!("ended with exit code {}", status.code().unwrap_or(-1)),
            },
            None => "is gone".to_owned(),
        }
    }
}

/// Waits until a busy worker has something to say, or a little while.
fn wait(workers: &[Option<Worker>]) {
    let busy = workers.iter().flatten().filter(|worker| worker.task.is_some());
    let mut watched: Vec<PollFd<'_>> = busy.map(|worker| PollFd::new(&worker.answers, PollFlags::IN)).collect();
    // An interrupted wait is a short one.
    let _ = poll(&mut watched, Some(&Timespec { tv_sec: 0, tv_nsec: 100_000_000 }));
}

fn is_ready(answers: &ChildStdout) -> bool {
    let mut watched = [PollFd::from_borrowed_fd(answers.as_fd(), PollFlags::IN)];
    poll(&mut watched, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok_and(|ready| ready > 0)
}

/// CPU time that a process has used, as the system counts it.
fn cpu_secs(process: u32) -> Option<f64> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name in brackets may hold anything; the fields behind it are numbers.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: f64 = [11, 12].iter().filter_map(|index| fields.get(*index)?.parse::<f64>().ok()).sum();
    Some(ticks / rustix::param::clock_ticks_per_second() as f64)
}
