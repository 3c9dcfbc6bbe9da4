//! keepalived in the foreground on one host, with files of its own.

use std::{
    fs::{self, File},
    io::ErrorKind,
    net::IpAddr,
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::Context;
use clarion::demo::network::Host;
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};

/// A running keepalived; dropping it kills it.
#[derive(Debug)]
pub(crate) struct Keepalived {
    child: Child,
}

/// What is configured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// The time between two advertisements.
    pub(crate) interval: Duration,
    /// The VRRP priority; high ones make the skew of RFC 5798 §6.1 short.
    pub(crate) priority: u8,
    /// The address that is held.
    pub(crate) vip: IpAddr,
}

impl Keepalived {
    /// Starts a VRRPv3 instance on `eth0` that takes over when the master is silent and stays master when another comes back.
    pub(crate) fn start(host: &Host, directory: &Path, settings: Settings) -> anyhow::Result<Self> {
        let Settings { interval, priority, vip } = settings;
        fs::create_dir_all(directory)?;
        let configuration = directory.join("keepalived.conf");
        let text = format!(
            "global_defs {{\n  router_id {}\n  vrrp_version 3\n}}\nvrrp_instance lan {{\n  state BACKUP\n  nopreempt\n  \
             interface eth0\n  virtual_router_id 51\n  priority {priority}\n  advert_int {}\n  \
             virtual_ipaddress {{\n    {vip}/32 dev eth0\n  }}\n}}\n",
            host.name(),
            interval.as_secs_f64()
        );
        fs::write(&configuration, text)?;
        let files = ["pid", "vrrp-pid"].map(|name| directory.join(name));
        for file in &files {
            // One that was killed leaves them behind, and a process without a parent to bury it looks alive.
            match fs::remove_file(file) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
                Ok(()) | Err(_) => {}
            }
        }
        let [pid, vrrp_pid] = &files;
        let log = File::options().create(true).append(true).open(directory.join("log"))?;
        let mut command = Command::new("keepalived");
        command.args(["--dont-fork", "--log-console", "--log-detail", "--vrrp", "--use-file"]).arg(&configuration);
        command.arg("--pid").arg(pid).arg("--vrrp_pid").arg(vrrp_pid);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        // Its own group, so that parent and child are struck at the same moment.
        let child = host
            .spawn(command.process_group(0))
            .context("cannot run keepalived; install it with tests/lab/install.sh keepalived")?;
        Ok(Self { child })
    }

    /// Ends both processes at once; the kernel keeps the address they configured.
    pub(crate) fn kill(&mut self) -> anyhow::Result<()> {
        self.signal(Signal::SIGKILL)?;
        self.child.wait()?;
        Ok(())
    }

    /// Stops both processes in their tracks.
    pub(crate) fn hang(&self) -> anyhow::Result<()> {
        self.signal(Signal::SIGSTOP)
    }

    /// Lets both processes go on.
    pub(crate) fn resume(&self) -> anyhow::Result<()> {
        self.signal(Signal::SIGCONT)
    }

    fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let id = i32::try_from(self.child.id()).expect("process numbers fit 22 bits");
        killpg(Pid::from_raw(id), signal).with_context(|| format!("cannot send {signal} to keepalived"))
    }
}

impl Drop for Keepalived {
    fn drop(&mut self) {
        // Fails only where the processes have ended already.
        drop(self.signal(Signal::SIGKILL));
        drop(self.child.wait());
    }
}
