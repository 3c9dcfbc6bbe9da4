//! The `clarion` binary.

mod log_level;

use std::io::{self, IsTerminal as _};
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use clarion::{client, controller, demo, plan, speaker, standalone};
use tracing_subscriber::EnvFilter;

/// A load balancer for Kubernetes on your own hardware
#[derive(Debug, Parser)]
#[command(name = "clarion", version, arg_required_else_help = true)]
struct Arguments {
    /// How much to log: off, error, warn, info, debug, trace, MetalLB's all or none, or a list such as info,members=debug
    #[arg(long, global = true, default_value = "info", value_name = "LEVEL", value_parser = log_level::parse)]
    log_level: String,
    /// How to log
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    Controller(controller::Options),
    Speaker(speaker::Options),
    Standalone(standalone::Options),
    Status(client::Options),
    Plan(plan::Options),
    Demo(demo::Options),
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Nobody is there to be told that nobody can be told.
            drop(error.print());
            // Not the usual 2, which from `plan` means something else.
            return if error.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        }
    };
    run(arguments).unwrap_or_else(|error| {
        #[expect(clippy::print_stderr, reason = "the one place where the program speaks about its own failure")]
        {
            eprintln!("clarion: {error:#}");
        }
        ExitCode::FAILURE
    })
}

fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let Arguments { log_level, log_format, command } = arguments;
    match command {
        // The demo makes namespaces, for which the process must still have one thread only.
        Command::Demo(options) => demo::run(options),
        Command::Controller(options) => log(&log_level, log_format).and_then(|()| block_on(controller::run(options))),
        Command::Speaker(options) => log(&log_level, log_format).and_then(|()| block_on(speaker::run(options))),
        Command::Standalone(options) => log(&log_level, log_format).and_then(|()| block_on(standalone::run(options))),
        Command::Plan(options) => {
            return Ok(plan::run(&options, io::stdin().lock(), &mut io::stdout().lock())?.into());
        }
        Command::Status(options) => block_on(async move { client::run(&options, &mut io::stdout().lock()).await }),
    }?;
    Ok(ExitCode::SUCCESS)
}

/// One thread is enough for everything but the wire, which has its own; more would only cost memory.
fn block_on(future: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(future)
}

fn log(level: &str, format: LogFormat) -> anyhow::Result<()> {
    let builder = tracing_subscriber::fmt().with_env_filter(EnvFilter::try_new(level)?).with_writer(io::stderr);
    match format {
        LogFormat::Text => builder.with_ansi(io::stderr().is_terminal()).init(),
        LogFormat::Json => builder.json().init(),
    }
    Ok(())
}
