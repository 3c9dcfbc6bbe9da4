//! The `clarion` binary.

#[cfg(test)]
mod documentation;
mod log;
mod log_level;

use std::io;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use clarion::{client, controller, demo, output, plan, speaker, standalone};

use log::LogFormat;

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
        output::print_failure(&error);
        ExitCode::FAILURE
    })
}

fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let Arguments { log_level, log_format, command } = arguments;
    match command {
        // The demo makes namespaces, for which the process must still have one thread only.
        Command::Demo(options) => match demo::run(options) {
            Err(error) if output::is_unread(&error) => Ok(()),
            ended => ended,
        },
        Command::Controller(options) => {
            log::start(&log_level, log_format).and_then(|()| block_on(controller::run(options)))
        }
        Command::Speaker(options) => log::start(&log_level, log_format).and_then(|()| block_on(speaker::run(options))),
        Command::Standalone(options) => {
            log::start(&log_level, log_format).and_then(|()| block_on(standalone::run(options)))
        }
        Command::Plan(options) => {
            let mut text = Vec::new();
            let verdict = plan::run(&options, io::stdin().lock(), &mut text)?;
            output::print(&text)?;
            return Ok(verdict.into());
        }
        Command::Status(options) => {
            let mut text = Vec::new();
            block_on(client::run(&options, &mut text))?;
            Ok(output::print(&text)?)
        }
    }?;
    Ok(ExitCode::SUCCESS)
}

/// One thread is enough for everything but the wire, which has its own; more would only cost memory.
fn block_on(future: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(future)
}
