//! BIRD.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use clarion::demo::network::Host;
use nix::sys::signal::Signal;

use super::{Daemon, available};

const PROGRAM: &str = "/usr/sbin/bird";
const CLIENT: &str = "/usr/sbin/birdc";
/// Where the control sockets are. The kernel takes at most 107 bytes for a socket's path, which the lab's directory may exceed; the
/// sandbox has a `/run` of its own.
const SOCKETS: &str = "/run/bird";

/// A running BIRD.
#[derive(Debug)]
pub struct Bird {
    daemon: Daemon,
    socket: PathBuf,
}

/// What every configuration begins with: the kernel gets all routes, and new tries come soon.
const HEAD: &str = "protocol device { scan time 1; }\n\
    protocol direct { ipv4; ipv6; }\n\
    protocol kernel { ipv4 { export where source = RTS_BGP; }; merge paths on; }\n\
    protocol kernel { ipv6 { export where source = RTS_BGP; }; merge paths on; }\n\
    template bgp node { connect retry time 1; error wait time 1, 2; connect delay time 1; }\n";

impl Bird {
    /// Returns whether BIRD is installed.
    pub fn is_available() -> bool {
        available(&[PROGRAM, CLIENT])
    }

    /// Starts BIRD on a host with protocols that may be derived `from node`.
    pub fn start(host: &Host, directory: &Path, protocols: &str) -> Self {
        let name = host.name();
        fs::create_dir_all(SOCKETS).expect("the sandbox has a /run of its own");
        let (configuration, socket) =
            (directory.join(format!("{name}.conf")), Path::new(SOCKETS).join(format!("{name}.ctl")));
        let log = directory.join(format!("{name}.log"));
        let text = format!("log \"{}\" all;\n{HEAD}{protocols}", log.display());
        fs::write(&configuration, text).expect("the lab's directory can be written");
        let mut command = Command::new(PROGRAM);
        command.arg("-f").arg("-c").arg(&configuration).arg("-s").arg(&socket);
        command.arg("-P").arg(directory.join(format!("{name}.pid")));
        Self { daemon: Daemon::start(host, &mut command, &directory.join(format!("{name}.out"))), socket }
    }

    /// Returns what BIRD answers to a command of `birdc`.
    pub fn ask(&self, command: &str) -> String {
        let output = Command::new(CLIENT).arg("-s").arg(&self.socket).args(command.split(' ')).output();
        String::from_utf8_lossy(&output.expect("birdc runs").stdout).into_owned()
    }

    /// Returns whether a protocol is established.
    pub fn is_up(&self, protocol: &str) -> bool {
        self.ask(&format!("show protocols {protocol}")).contains("Established")
    }

    /// Stops BIRD in its tracks, as a router that hangs.
    pub fn hang(&self) {
        self.daemon.signal(Signal::SIGSTOP);
    }

    /// Ends [`Bird::hang`].
    pub fn resume(&self) {
        self.daemon.signal(Signal::SIGCONT);
    }
}
