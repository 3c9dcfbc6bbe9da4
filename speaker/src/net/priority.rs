//! How the kernel schedules the threads that must not be late.

use std::io;

/// What a thread runs as.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Scheduling {
    /// `SCHED_RR`: before everything without realtime priority.
    Realtime,
    /// A nice value of -10: nine times the share of an ordinary thread in its cgroup.
    Nice,
    /// Like everything else.
    #[default]
    Normal,
}

/// The least realtime priority: what the kernel itself runs with realtime priority goes first.
const PRIORITY: libc::c_int = 1;
/// The nice value where realtime priority is not permitted.
const NICE: libc::c_int = -10;
/// Microseconds that a thread with realtime priority may run without ever sleeping before the kernel ends the process (SIGXCPU): a
/// fault of ours must not take a processor from the node for good.
const RUNAWAY: libc::rlim_t = 2_000_000;

impl Scheduling {
    /// Returns the word for it in status and log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Realtime => "realtime",
            Self::Nice => "nice",
            Self::Normal => "normal",
        }
    }
}

/// Gives the calling thread as much priority as this process may have, and not the threads and processes that it starts.
///
/// Both ways take `CAP_SYS_NICE`, or a limit that somebody has raised.
pub fn raise() -> Scheduling {
    if guard_against_runaway().is_ok() && go_realtime().is_ok() {
        return Scheduling::Realtime;
    }
    match go_nice() {
        Ok(()) => Scheduling::Nice,
        Err(_) => Scheduling::Normal,
    }
}

fn guard_against_runaway() -> io::Result<()> {
    let limit = libc::rlimit { rlim_cur: RUNAWAY, rlim_max: RUNAWAY };
    // SAFETY: the pointer is to a whole `rlimit`, which the kernel only reads during the call.
    check(unsafe { libc::setrlimit(libc::RLIMIT_RTTIME, &raw const limit) })
}

fn go_realtime() -> io::Result<()> {
    // SAFETY: zeroes are valid for this plain struct, which has more fields with some C libraries.
    let mut parameters: libc::sched_param = unsafe { std::mem::zeroed() };
    parameters.sched_priority = PRIORITY;
    // SAFETY: the pointer is to a whole `sched_param`, which is only read during the call; 0 is the calling thread.
    check(unsafe { libc::sched_setscheduler(0, libc::SCHED_RR | libc::SCHED_RESET_ON_FORK, &raw const parameters) })
}

fn go_nice() -> io::Result<()> {
    // SAFETY: no pointer is passed; 0 is the calling thread, for a nice value belongs to a thread in Linux.
    check(unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICE) })
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the priority belongs to a thread, and the test waits for it")]
    fn a_thread_gets_what_it_says_and_no_other_thread_does() {
        let (raised, policy, nice) = std::thread::spawn(|| (raise(), policy(), nice())).join().unwrap();
        match raised {
            Scheduling::Realtime => assert_eq!(policy, libc::SCHED_RR | libc::SCHED_RESET_ON_FORK),
            Scheduling::Nice => assert_eq!((policy, nice), (libc::SCHED_OTHER, NICE)),
            Scheduling::Normal => assert_eq!(policy, libc::SCHED_OTHER),
        }
        assert_ne!(policy_of_main(), libc::SCHED_RR);
    }

    fn policy_of_main() -> libc::c_int {
        policy() & !libc::SCHED_RESET_ON_FORK
    }

    fn policy() -> libc::c_int {
        // SAFETY: no pointer is passed; 0 is the calling thread.
        unsafe { libc::sched_getscheduler(0) }
    }

    fn nice() -> libc::c_int {
        // SAFETY: no pointer is passed; 0 is the calling thread.
        unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) }
    }
}
