//! A process that ends a lab's boxes when the lab itself ends for any reason.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use tenfold_child_process as child_process;

/// Keeps the process groups that it is told; once its standard input closes, which it does with the lab,
/// it kills those, then whatever is left in the control groups, and removes these and the socket.
const SCRIPT: &str = r#"
trap '' TERM INT HUP
socket=$1
shift
groups=' '
namespaces=
while read -r verb group; do
    case $verb in
        keep) groups="$groups$group " ;;
        namespace) namespaces="$namespaces $group" ;;
        forget)
            case $groups in
                *" $group "*) groups="${groups%% "$group" *} ${groups#* "$group" }" ;;
            esac
            ;;
    esac
done
# First of all: the next lab in the directory has a socket of the same name.
rm -f "$socket"
for group in $groups; do
    kill -s KILL -- "-$group"
done
for namespace in $namespaces; do
    PATH=$PATH:/sbin:/usr/sbin ip netns delete "$namespace"
done
tries=100
while [ $tries -gt 0 ]; do
    tries=$((tries - 1))
    left=
    for directory in "$@"; do
        for members in "$directory"/*/cgroup.procs; do
            [ -e "$members" ] || continue
            while read -r process; do
                [ "$process" -gt 0 ] && kill -s KILL "$process"
            done <"$members"
        done
        # It may take the kernel a moment to see that nobody is in it.
        rmdir "$directory"/*/ "$directory"
        [ -e "$directory" ] && left=1
    done
    [ -n "$left" ] || break
    sleep 0.05
done
"#;

/// The guard of a lab.
#[derive(Debug)]
pub(crate) struct Guard(child_process::Guard);

impl Guard {
    /// Starts it, for a lab that has these control groups and this socket. It holds the lock of the lab's
    /// directory too, so that no other lab has it before the guard is done.
    pub(crate) fn start(socket: &Path, groups: &[PathBuf], lock: File) -> io::Result<Self> {
        let groups = groups.iter().map(|group| group.as_os_str());
        let arguments = [socket.as_os_str()].into_iter().chain(groups);
        child_process::Guard::start("tenfold-lab-guard", SCRIPT, arguments, lock.into()).map(Self)
    }

    /// Has it end a process group with the lab.
    pub(crate) fn keep(&mut self, group: u32) {
        self.0.send(&format!("keep {group}"));
    }

    /// Has it remove a network namespace with the lab; one that is gone by then is no matter.
    pub(crate) fn keep_namespace(&mut self, name: &str) {
        self.0.send(&format!("namespace {name}"));
    }

    /// Has it leave a process group alone: to be called before its leader is waited for, since after
    /// that its number may be another's.
    pub(crate) fn forget(&mut self, group: u32) {
        self.0.send(&format!("forget {group}"));
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt as _;
    use std::process::Command;
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn kills_kept_process_groups_but_not_forgotten_ones() {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("lab.sock");
        std::fs::write(&socket, "").unwrap();
        let lock = File::create(directory.path().join("lab.lock")).unwrap();
        let mut guard = Guard::start(&socket, &[], lock).unwrap();
        let mut started = [1, 2, 3].map(|_| {
            Command::new("sleep")
                .arg("60")
                .process_group(0)
                .spawn()
                .unwrap()
        });
        for own in &started {
            guard.keep(own.id());
        }
        guard.forget(started[1].id());
        drop(guard);
        let deadline = Instant::now() + Duration::from_secs(5);
        for index in [0, 2] {
            while started[index].try_wait().unwrap().is_none() {
                assert!(Instant::now() < deadline);
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        assert_eq!(started[1].try_wait().unwrap(), None);
        started[1].kill().unwrap();
        started[1].wait().unwrap();
        assert!(!socket.exists());
    }
}
