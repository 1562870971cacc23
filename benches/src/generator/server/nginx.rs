//! nginx with a file of 1 KB for every path.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail};
use tenfold_child_process::find_program;

use crate::generator::server::{BODY_BYTES, TIMEOUT, free_port, get};
use crate::workshop::Workshop;
use crate::workshop::child::Child;

/// Description in one sentence.
pub(super) const DESCRIPTION: &str = "nginx, one process, no access log: a file of 1 KB for every \
    path (`try_files`, with the open file kept), 201 without a body for a POST; it counts requests \
    itself (`stub_status`)";

/// Number of ports to try if another process takes the free one first.
const PORTS_MAX: usize = 3;

/// Starts nginx in its own directory. Returns its process, its address and that of its status page.
pub(super) fn start(workshop: &Workshop) -> anyhow::Result<(Child, SocketAddr, SocketAddr)> {
    let Some(program) = find_program("nginx") else {
        bail!("could not find nginx on the PATH; install the package nginx-light");
    };
    let folder = workshop.folder("nginx")?;
    fs::create_dir_all(folder.join("files"))?;
    fs::write(folder.join("files/1k"), "x".repeat(BODY_BYTES))?;
    let mut last_words = String::new();
    for _ in 0..PORTS_MAX {
        let (port, status) = (free_port()?, free_port()?);
        fs::write(
            folder.join("nginx.conf"),
            configuration(&folder, port, status),
        )
        .with_context(|| format!("could not write into {}", folder.display()))?;
        let mut command = Command::new(&program);
        command
            .arg("-p")
            .arg(&folder)
            .args(["-c", "nginx.conf", "-e", "stderr"]);
        let child = Child::start("nginx", &command, workshop.server_confines(), &folder)?;
        let [address, status] =
            [port, status].map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        let mut answers = false;
        workshop.interrupt().wait(TIMEOUT, || {
            answers = get(address, "/v1/posts/1").is_ok_and(|body| body.len() == BODY_BYTES);
            answers || child.has_ended()
        })?;
        if answers {
            // The requests above are part of nginx's count; callers compare counts.
            return Ok((child, address, status));
        }
        last_words = child.last_words();
    }
    bail!("could not start nginx: {last_words}")
}

/// Parses the request count of a `stub_status` page.
pub(super) fn count(page: &str) -> Option<u64> {
    let mut lines = page
        .lines()
        .skip_while(|line| !line.starts_with("server accepts"));
    lines.nth(1)?.split_ascii_whitespace().nth(2)?.parse().ok()
}

fn configuration(folder: &Path, port: u16, status: u16) -> String {
    let folder = folder.display();
    format!(
        r#"daemon off;
master_process off;
pid "{folder}/pid";
error_log stderr crit;
worker_rlimit_nofile 30000;
events {{ worker_connections 20000; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 600s;
  open_file_cache max=16;
  client_body_temp_path "{folder}/body";
  proxy_temp_path "{folder}/proxy";
  fastcgi_temp_path "{folder}/fastcgi";
  uwsgi_temp_path "{folder}/uwsgi";
  scgi_temp_path "{folder}/scgi";
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    root "{folder}/files";
    location = /v1/posts {{ return 201; }}
    location / {{ try_files /1k =404; }}
  }}
  server {{
    listen 127.0.0.1:{status};
    location = /status {{ stub_status; }}
  }}
}}
"#
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn count_is_third_figure() {
        let page = "Active connections: 1 \nserver accepts handled requests\n 2287 2287 6425191 \n\
                    Reading: 0 Writing: 1 Waiting: 0 \n";
        assert_eq!(count(page), Some(6_425_191));
        assert_eq!(count("server accepts handled requests\n 1 2\n"), None);
    }

    proptest! {
        #[test]
        fn parses_or_refuses_any_page(page in "\\PC*|server accepts\n[ 0-9]*") {
            prop_assert!(count(&page).is_none() || page.contains("server accepts"));
        }
    }
}
