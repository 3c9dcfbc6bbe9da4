//! FRR: zebra, bfdd and bgpd.

use std::{
    fs,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use clarion::demo::{network::Host, process::Process};

use super::{available, start};

const PROGRAMS: &str = "/usr/lib/frr";
const CLIENT: &str = "/usr/bin/vtysh";
/// Where FRR keeps its sockets; the sandbox has a `/run` of its own.
const SOCKETS: &str = "/run/frr";
/// The group of FRR's terminals, as a line of `/etc/group` begins.
const TERMINALS: &str = "frrvty:";
/// How long the daemons may take until they can be asked.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running FRR.
#[derive(Debug)]
pub struct Frr {
    daemons: Vec<Process>,
    name: String,
}

impl Frr {
    /// Returns whether FRR is installed.
    pub fn is_available() -> bool {
        available(&["/usr/lib/frr/zebra", "/usr/lib/frr/bgpd", "/usr/lib/frr/bfdd", CLIENT])
    }

    /// Starts FRR on a host with a configuration of bgpd.
    pub fn start(host: &Host, directory: &Path, configuration: &str) -> Self {
        Self::with_bfd(host, directory, configuration, "")
    }

    /// Starts FRR on a host with a configuration of bgpd and one of bfdd.
    pub fn with_bfd(host: &Host, directory: &Path, configuration: &str, paths: &str) -> Self {
        let name = host.name().to_owned();
        let sockets = Path::new(SOCKETS).join(&name);
        fs::create_dir_all(&sockets).expect("the sandbox has a /run of its own");
        join_terminal_group(directory);
        let log = directory.join(format!("{name}.log"));
        let mut daemons = Vec::new();
        for (daemon, configuration) in [("zebra", ""), ("bfdd", paths), ("bgpd", configuration)] {
            let file = directory.join(format!("{name}.{daemon}.conf"));
            let text = format!("log file {}\n{configuration}", log.display());
            fs::write(&file, text).expect("the lab's directory can be written");
            let mut command = Command::new(format!("{PROGRAMS}/{daemon}"));
            command.args(["-N", &name, "-u", "root", "-g", "root", "-f"]).arg(&file);
            command.arg("-i").arg(sockets.join(format!("{daemon}.pid")));
            daemons.push(start(host, &mut command, &directory.join(format!("{name}.{daemon}.out"))));
            wait_for(&sockets.join(format!("{daemon}.vty")));
        }
        Self { daemons, name }
    }

    /// Starts FRR on a host with what stands in its file `frr.conf`, which `vtysh` gives to the daemons.
    pub fn configured(host: &Host, directory: &Path, configuration: &str) -> Self {
        let frr = Self::start(host, directory, "");
        let file = directory.join(format!("{}.frr.conf", frr.name));
        fs::write(&file, configuration).expect("the lab's directory can be written");
        let output = Command::new(CLIENT).args(["-N", &frr.name, "-f"]).arg(&file).output().expect("vtysh runs");
        let said = [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
        assert!(output.status.success() && !said.contains("Unknown command"), "vtysh: {said}");
        frr
    }

    /// Stops FRR in its tracks, as a router that hangs.
    pub fn hang(&self) {
        for daemon in &self.daemons {
            daemon.hang().expect("a running daemon can be stopped");
        }
    }

    /// Returns what FRR answers to a command of `vtysh`.
    pub fn ask(&self, command: &str) -> String {
        let output = Command::new(CLIENT).args(["-N", &self.name, "-c", command]).output();
        String::from_utf8_lossy(&output.expect("vtysh runs").stdout).into_owned()
    }

    /// Returns whether the session with a neighbour, by its address or interface, is established.
    pub fn is_up(&self, neighbor: &str) -> bool {
        self.ask(&format!("show bgp neighbors {neighbor}")).contains("BGP state = Established")
    }
}

/// Makes root a member of the group that FRR's terminals belong to, as its daemons demand; in the sandbox's own view of `/etc` alone.
fn join_terminal_group(directory: &Path) {
    const GROUPS: &str = "/etc/group";
    let groups = fs::read_to_string(GROUPS).expect("every machine has groups");
    let line = groups.lines().find(|line| line.starts_with(TERMINALS)).expect("FRR's package makes its group");
    if line.ends_with(":root") || line.ends_with(",root") {
        return;
    }
    let joined = if line.ends_with(':') { format!("{line}root") } else { format!("{line},root") };
    let copy = directory.join("group");
    fs::write(&copy, groups.replace(line, &joined)).expect("the lab's directory can be written");
    let mounted = Command::new("mount").arg("--bind").arg(&copy).arg(GROUPS).status();
    assert!(mounted.is_ok_and(|status| status.success()), "a sandbox can mount in its own view");
}

fn wait_for(socket: &Path) {
    let start = Instant::now();
    while !socket.exists() {
        assert!(start.elapsed() < PATIENCE, "{} is not there after {PATIENCE:?}", socket.display());
        thread::sleep(Duration::from_millis(10));
    }
}
