//! Vite's claim to a host of the edge (`vite.json`): as long as the process of Vite lives, its port answers in place of the
//! host's distribution.

use serde::{Deserialize, Serialize};

use crate::local::process::ProcessId;
use crate::local::state::{self, StateFolder};

/// `vite.json`: who answers for a host in place of its distribution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::local) struct Claim {
    pub(in crate::local) host: String,
    pub(in crate::local) port: u16,
    /// The claim holds for as long as this process lives.
    pub(in crate::local) process: ProcessId,
}

/// Returns the port that answers for a host in place of its distribution, if one does.
pub(in crate::local) fn port_for(folder: &StateFolder, host: &str) -> Option<u16> {
    let claim = state::read::<Claim>(&folder.vite()).ok()?;
    (claim.host == host && claim.process.is_alive()).then_some(claim.port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(process: ProcessId) -> (tempfile::TempDir, StateFolder) {
        let root = tempfile::tempdir().unwrap();
        let folder = StateFolder::new(root.path().to_owned());
        let host = "demo.localhost".to_owned();
        state::write(
            &folder.vite(),
            &Claim {
                host,
                port: 5173,
                process,
            },
        )
        .unwrap();
        (root, folder)
    }

    #[test]
    fn a_living_vite_answers_for_its_host_and_for_no_other() {
        let (_root, folder) = claim(ProcessId::own().unwrap());
        assert_eq!(port_for(&folder, "demo.localhost"), Some(5173));
        assert_eq!(port_for(&folder, "www.demo.localhost"), None);
    }

    #[test]
    fn the_claim_of_a_dead_vite_is_not_believed() {
        let mut child = std::process::Command::new("sleep")
            .arg("100")
            .spawn()
            .unwrap();
        let process = ProcessId::of(i32::try_from(child.id()).unwrap()).unwrap();
        let (_root, folder) = claim(process);
        assert_eq!(port_for(&folder, "demo.localhost"), Some(5173));
        process.kill();
        child.wait().unwrap();
        assert_eq!(port_for(&folder, "demo.localhost"), None);
    }
}
