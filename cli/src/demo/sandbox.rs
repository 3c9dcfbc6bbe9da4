//! A private world for a program that builds networks: network, mount and process namespaces that the kernel removes with it.
//!
//! The calling program starts itself again as the first process of a new process namespace.
//! When that process ends, or its parent does, the kernel kills every descendant and with them go all interfaces, so nothing can leak.

use std::{
    env, fs, io,
    process::{Command, ExitStatus},
};

use nix::{
    errno::Errno,
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
    sys::{prctl::set_pdeathsig, signal::Signal},
    unistd::{Gid, Pid, Uid, getegid, geteuid, getpid},
};
use thiserror::Error;

/// The environment variable that says that a program already runs in a private world; the test runner sets it too.
pub const MARK: &str = "CLARION_SANDBOX";

/// Which side of the wall the caller is on after [`enter`].
#[derive(Debug)]
pub enum Side {
    /// The private world lived and ended; this is how.
    Outside(ExitStatus),
    /// The caller is in the private world and goes on with its work.
    Inside,
}

/// Why no private world could be made.
#[derive(Debug, Error)]
pub enum SandboxError {
    /// The kernel or a container runtime refuses new namespaces.
    #[error(
        "the kernel refuses a private network; run as root, or allow unprivileged user namespaces \
         (sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0)"
    )]
    Refused(#[source] Errno),
    /// The caller's identity could not be mapped to root of the new user namespace.
    #[error("cannot become root of the new user namespace by writing {file}; run as root")]
    Mapping {
        /// The file of /proc that refused the write.
        file: &'static str,
        #[source]
        /// What the kernel said.
        source: io::Error,
    },
    /// A file system of the private world could not be mounted.
    #[error(
        "cannot mount a private {target}; run as root, and inside a container allow mounts (for example --privileged)"
    )]
    Mount {
        /// Where it was to be mounted.
        target: &'static str,
        #[source]
        /// What the kernel said.
        source: Errno,
    },
    /// The program could not start itself again.
    #[error("cannot start this program again inside its private network")]
    Restart(#[source] io::Error),
}

/// Moves the program into a private world by running it again with the same arguments, and waits for its end.
///
/// Call it before any other thread exists: the kernel refuses user namespaces to programs with several threads.
pub fn enter() -> Result<Side, SandboxError> {
    if !inside() {
        leave_the_host()?;
        return run_again().map(Side::Outside).map_err(SandboxError::Restart);
    }
    if getpid() == Pid::from_raw(1) {
        settle()?;
    }
    Ok(Side::Inside)
}

/// Returns whether the program was started inside a private world, where interfaces may be created and broken freely.
pub fn inside() -> bool {
    env::var_os(MARK).is_some()
}

fn leave_the_host() -> Result<(), SandboxError> {
    let world = CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWPID;
    let (user, group) = (geteuid(), getegid());
    // Root in a container may lack CAP_SYS_ADMIN; a user namespace can still help there.
    if user.is_root() && unshare(world).is_ok() {
        return Ok(());
    }
    unshare(CloneFlags::CLONE_NEWUSER | world).map_err(SandboxError::Refused)?;
    become_root(user, group)
}

fn become_root(user: Uid, group: Gid) -> Result<(), SandboxError> {
    // user_namespaces(7): a process without privilege must deny setgroups before it may map its group.
    let files = [
        ("/proc/self/setgroups", "deny".to_owned()),
        ("/proc/self/uid_map", format!("0 {user} 1")),
        ("/proc/self/gid_map", format!("0 {group} 1")),
    ];
    for (file, text) in files {
        fs::write(file, text).map_err(|source| SandboxError::Mapping { file, source })?;
    }
    Ok(())
}

fn run_again() -> io::Result<ExitStatus> {
    Command::new(env::current_exe()?).args(env::args_os().skip(1)).env(MARK, "1").status()
}

fn settle() -> Result<(), SandboxError> {
    set_pdeathsig(Signal::SIGKILL).map_err(SandboxError::Refused)?;
    let nothing = None::<&str>;
    let mounts = [
        (nothing, "/", nothing, MsFlags::MS_REC | MsFlags::MS_PRIVATE),
        // Threads name their namespaces through /proc, which must therefore belong to the new process namespace.
        (Some("proc"), "/proc", Some("proc"), MsFlags::empty()),
        (Some("tmpfs"), "/run", Some("tmpfs"), MsFlags::empty()),
    ];
    for (source, target, kind, flags) in mounts {
        mount(source, target, kind, flags, nothing).map_err(|source| SandboxError::Mount { target, source })?;
    }
    Ok(())
}
