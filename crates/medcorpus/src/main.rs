//! The command line: parses, prints, exits. `run` has one arm for each capability.

mod arguments;
mod bar;
mod dedup;
mod exit;
mod explain;
mod extract;
mod extract_books;
mod fetch;
mod import;
mod language;
mod print;
mod replay;
mod tables;

use std::{path::Path, process::ExitCode};

use arguments::{Arguments, AuditArguments, BuildArguments, Command, PlanArguments, WorkArguments};
use clap::Parser;
use exit::{Exit, Failure};
use pipeline::{Build, Configuration, Overrides, Plan, TaskState};
use print::{print, print_json};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let exit = run(arguments.command).unwrap_or_else(|failure| {
        eprintln!("{failure}");
        failure.exit
    });
    exit.into()
}

fn run(command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Build(arguments) => build(&arguments),
        Command::Plan(arguments) => plan(&arguments),
        Command::Work(arguments) => work(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Extract(arguments) => extract::run(&arguments),
        Command::ExtractWorker => extract_books::serve(),
        Command::Fetch(arguments) => fetch::run(&arguments),
        Command::Check { paths } => check(&paths),
        Command::Stages { json } => stages(json),
        Command::Audit(arguments) => audit(&arguments),
        Command::Verify { out, json } => verify(&out, json),
        Command::Dedup(arguments) => dedup::run(&arguments),
        Command::Schema => print(&pipeline::schema_text()),
        Command::Language { command } => language::run(&command),
    }
}

fn build(arguments: &BuildArguments) -> Result<Exit, Failure> {
    let configuration = Configuration::load(&arguments.pipeline, &Overrides::default())?;
    let out = arguments.place.out(&arguments.pipeline);
    let progress = bar::Bar::new();
    let build = Build {
        configuration: &configuration,
        out: out.clone(),
        jobs: arguments.place.jobs(),
        memory: arguments.place.memory(),
        progress: &progress,
    };
    let summary = pipeline::build(&build)?;
    let audit = audit::of_build(&out)?;
    if arguments.json {
        print_json(&audit)?;
    } else {
        print(&tables::composition(&audit, &configuration.expectations))?;
        print(&tables::outcomes(&audit))?;
        let cut: document::Tally = summary.manifest.boilerplate.iter().map(|record| record.size).sum();
        if cut.documents > 0 {
            print(&format!(
                "{} bytes of paragraphs that recur on a site were cut out of {} documents; {} lists them\n",
                cut.bytes,
                cut.documents,
                out.join("boilerplate").display()
            ))?;
        }
        let run = format!("{} of {} tasks run, the others were done", summary.tasks_run, summary.tasks);
        print(&format!("{run}; the corpus is in {}\n", out.join("corpus").display()))?;
    }
    for finding in &summary.manifest.guard {
        eprintln!("this looks like a mistake: {finding}");
    }
    let failed: u64 = audit.sources.iter().map(|source| source.outcomes.failed().documents).sum();
    if failed > 0 {
        let rejected = out.join("rejected");
        eprintln!("{failed} records could not be read; each is listed with its place in {}", rejected.display());
        return Ok(Exit::DoneWithDamage);
    }
    Ok(Exit::Done)
}

fn plan(arguments: &PlanArguments) -> Result<Exit, Failure> {
    let configuration = Configuration::load(&arguments.pipeline, &Overrides::default())?;
    let plan = Plan::new(&configuration)?;
    let states = plan.states(&configuration, &arguments.out(&arguments.pipeline))?;
    let duplicates = plan.duplicate_inputs(&configuration)?;
    if arguments.json {
        print_json(&tables::plan_json(&plan, &states, &duplicates))
    } else {
        print(&tables::plan(&configuration.title, &plan, &states, &duplicates))
    }
}

fn work(arguments: &WorkArguments) -> Result<Exit, Failure> {
    let configuration = Configuration::load(&arguments.pipeline, &Overrides::default())?;
    let progress = bar::Bar::new();
    let out = arguments.place.out(&arguments.pipeline);
    let build = Build {
        configuration: &configuration,
        out,
        jobs: arguments.place.jobs(),
        memory: arguments.place.memory(),
        progress: &progress,
    };
    let found = pipeline::work(&build, &arguments.task)?;
    let what = if found == TaskState::Done { "was done already" } else { "is done" };
    print(&format!("task {} {what}\n", arguments.task))
}

fn check(paths: &[std::path::PathBuf]) -> Result<Exit, Failure> {
    let mut problems = document::Problems::default();
    let sound: usize = paths.iter().filter_map(|path| problems.collect(pipeline::check_folder(path))).sum();
    problems.none_or(())?;
    print(&format!("{sound} languages, sources and pipelines checked, nothing is wrong\n"))
}

fn stages(json: bool) -> Result<Exit, Failure> {
    if json { print_json(&tables::stages_json()) } else { print(&tables::stages()) }
}

fn audit(arguments: &AuditArguments) -> Result<Exit, Failure> {
    let is_build = arguments.path.join("manifest.json").exists();
    let audit = if is_build { audit::of_build(&arguments.path)? } else { audit::of_files(&arguments.path)? };
    if arguments.json {
        print_json(&audit)?;
    } else {
        if is_build {
            print(&tables::composition(&audit, &[]))?;
        }
        print(&tables::outcomes(&audit))?;
        print(&tables::reasons(&audit))?;
    }
    if !audit.conserved {
        eprintln!("the counts do not add up: read is not kept + rejected + failed, or corpus/ holds another number");
        return Ok(Exit::Differs);
    }
    Ok(Exit::Done)
}

fn verify(out: &Path, json: bool) -> Result<Exit, Failure> {
    let (files, differences) = audit::verify(out, &mut |_| ())?;
    if json {
        print_json(&differences)?;
    } else {
        print(&tables::differences(files, &differences))?;
    }
    Ok(if differences.is_empty() { Exit::Done } else { Exit::Differs })
}
